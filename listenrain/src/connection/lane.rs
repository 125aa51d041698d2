//! One lane: dials, runs the link, and dials again.
//!
//! A channel that is superseded is not cut: the lane first dials the better one, moves over to it, and leaves the old
//! one to a task that closes it when the last call that left on it has ended.

use std::future::pending;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::Shared;
use super::role::Caller;
use super::state::ConnectionState;
use crate::caught::caught;
use crate::channel::{Channel, ChannelEnd, OnEnd};
use crate::counters::count;
use crate::error::panic_text;
use crate::link::{Link, LinkEnd, Signal};
use crate::primitives::outbox::Outbox;
use crate::transport::{BoxFuture, ChannelGenerator, NextError};

type Dialer = Arc<tokio::sync::Mutex<Box<dyn ChannelGenerator>>>;

/// A channel that lived shorter than this counts as a failed dial, so that a peer which accepts and closes at once is
/// not dialled in a tight loop. Nor is a channel superseded any sooner.
const FLAPPING: Duration = Duration::from_millis(100);

/// Runs until the connection is closed, or its dialer says that it never will succeed.
pub(super) async fn run(shared: Arc<Shared>, lane: usize, dialer: Dialer) {
    let mut course = shared.options.backoff.course(lane);
    loop {
        let dialled = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            dialled = dial(&shared, &dialer) => dialled,
        };
        let (wait, is_final) = match dialled {
            Ok(channel) => {
                let opened = Instant::now();
                let mut next = Some(channel);
                while let Some(channel) = next {
                    next = shared.run_link(lane, channel, &dialer).await;
                }
                if opened.elapsed() >= FLAPPING {
                    course.succeeded();
                    continue;
                }
                (course.failed(), false)
            }
            Err(error) => {
                let wait = course.failed();
                let is_final = error.is_final;
                if is_final {
                    shared.lanes.over(lane);
                }
                shared.dial_failed(error, course.is_down() || is_final);
                (wait, is_final)
            }
        };
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            () = sleep(wait), if !is_final => {}
        }
    }
}

async fn dial(shared: &Shared, dialer: &Dialer) -> Result<Channel, NextError> {
    let mut dialer = dialer.lock().await;
    let limit = shared.options.dial_timeout;
    let failed = |kind, why: String| {
        let why = std::io::Error::new(kind, why);
        NextError::passing("dial", shared.endpoint(), why)
    };
    match timeout(limit, caught(async { dialer.next().await })).await {
        Ok(Ok(dialled)) => dialled,
        Ok(Err(panic)) => Err(failed(ErrorKind::Other, format!("the dialer panicked: {panic}"))),
        Err(_) => Err(failed(ErrorKind::TimedOut, format!("no answer within {limit:?}"))),
    }
}

/// The channel that is better than the one at hand, once there is one and it can be dialled.
async fn replacement(
    shared: &Shared,
    lane: usize,
    better: Option<BoxFuture<'static, ()>>,
    dialer: &Dialer,
) -> Channel {
    let opened = Instant::now();
    let Some(better) = better else { return pending().await };
    // Somebody else's code: if it panics, this channel stays as good as it was.
    if caught(better).await.is_err() {
        return pending().await;
    }
    sleep_until(opened + FLAPPING).await;
    let mut course = shared.options.backoff.course(lane);
    loop {
        match dial(shared, dialer).await {
            Ok(channel) => return channel,
            Err(error) => {
                tracing::debug!(%error, "the better channel cannot be had");
                if error.is_final {
                    return pending().await;
                }
                sleep(course.failed()).await;
            }
        }
    }
}

/// Tells the generator how its channel ended. That is code of the user's, whose panic ends nothing.
fn tell_end(ended: Option<OnEnd>, end: &LinkEnd) {
    let told = ChannelEnd { cause: end.cause.clone(), answered: end.answered, stay_away: None };
    let told = ended.map(|ended| catch_unwind(AssertUnwindSafe(|| ended(&told))));
    if let Some(Err(panic)) = told {
        tracing::debug!(
            panic = panic_text(&*panic),
            "a generator panicked when it was told of a channel's end"
        );
    }
}

impl Shared {
    /// Drives one channel until it is lost, then sees to the calls that were on it; or until it is superseded, and gives
    /// the channel that takes its place.
    async fn run_link(
        self: &Arc<Self>,
        lane: usize,
        mut channel: Channel,
        dialer: &Dialer,
    ) -> Option<Channel> {
        let epoch = self.opened(lane);
        let (better, ended) = (channel.superseded.take(), channel.ended.take());
        let role = Caller::new(Arc::clone(self), lane, epoch);
        let (packets, counters) = (Arc::clone(&self.parts.packets), Arc::clone(&self.counters));
        let signal = Arc::clone(&self.signals[lane]);
        let mut link = Link::new(channel, role, packets, signal, counters, &self.options.health);
        tokio::select! {
            biased;
            end = &mut link => {
                tell_end(ended, &end);
                self.link_lost(lane, epoch, end);
                None
            }
            channel = replacement(self, lane, better, dialer) => {
                tracing::debug!(epoch, "lane superseded");
                self.finishing.fetch_add(1, Ordering::AcqRel);
                let finishing = Arc::clone(self).finish(lane, epoch, link, ended);
                self.tasks.spawn(finishing.in_current_span());
                Some(channel)
            }
        }
    }

    /// One more channel of the lane is open: gives its epoch.
    fn opened(&self, lane: usize) -> u64 {
        if self.lanes.epoch(lane) > 0 {
            count(&self.counters.reconnects);
        }
        let epoch = self.lanes.opened(lane, ConnectionState::Working);
        self.note_settled();
        (0..self.lanes.len()).for_each(|lane| self.move_if_stranded(lane));
        tracing::debug!(epoch, "lane open");
        epoch
    }

    /// Runs a superseded channel until the calls that left on it have ended.
    async fn finish(self: Arc<Self>, lane: usize, epoch: u64, mut link: Link<Caller>, ended: Option<OnEnd>) {
        let signal = Arc::new(Signal::new(Outbox::new((self.parts.new_queue)())));
        signal.finish();
        link.follow(Arc::clone(&signal));
        // The keeper ticks for the channels that the lanes have; a peer may vanish from this one too.
        let every = self.options.health.interval;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            let settled = self.settled.notified();
            tokio::select! {
                biased;
                end = &mut link => break end,
                () = self.stop.cancelled() => signal.stop(),
                _ = ticks.tick() => signal.tick(),
                // A call may have ended without a word from the peer.
                () = settled => {}
            }
        };
        tracing::debug!(epoch, cause = %end.cause, "superseded channel over");
        tell_end(ended, &end);
        self.end_lost_calls(lane, epoch, end);
        self.finishing.fetch_sub(1, Ordering::AcqRel);
    }

    fn link_lost(&self, lane: usize, epoch: u64, end: LinkEnd) {
        tracing::debug!(epoch, cause = %end.cause, "lane lost");
        self.lanes.lost(lane, epoch, ConnectionState::Recovering);
        self.end_lost_calls(lane, epoch, end);
        // With the only channel no late reply can come any more.
        if self.lanes.len() == 1
            && !self.is_finishing()
            && let Some(by_id) = &self.by_id
        {
            by_id.end_quarantine();
        }
    }

    /// Whether superseded channels still have calls to finish.
    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire) > 0
    }

    fn dial_failed(&self, error: NextError, down: bool) {
        tracing::debug!(%error, down, "dial failed");
        count(&self.counters.failed_dials);
        if down {
            self.lanes.enter_without_lanes(ConnectionState::Down { cause: Some(error) });
            self.refuse_queued();
        }
    }
}
