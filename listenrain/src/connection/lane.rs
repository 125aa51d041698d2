//! A lane: dials, runs the link, and dials again.
//!
//! A channel that is superseded is not cut: the lane first dials the better one, moves over to it, and leaves the old
//! one to a task that closes it when the last call that left on it has ended. A channel whose peer says goodbye is left to such
//! a task at once.

use std::future::pending;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::Shared;
use super::backoff::BackoffState;
use super::finishing::Finishing;
use super::role::Caller;
use super::state::ConnectionState;
use crate::channel::{Channel, OnEnd};
use crate::counters::count;
use crate::error::LinkError;
use crate::guard::{Foreign, guard_future};
use crate::link::{Link, LinkEnd, LinkEvent};
use crate::packet::Goodbye;
use crate::random::Random;
use crate::transport::{BoxFuture, ChannelGenerator, NextError};

/// What a lane dials with: its own, or one that it shares with others.
pub(super) type Dialer = Arc<tokio::sync::Mutex<Foreign<Box<dyn ChannelGenerator>>>>;

/// A channel that lived shorter than this counts as a failed dial, so that a peer which accepts and closes at once is
/// not dialled in a tight loop. Nor is a channel superseded any sooner.
const FLAPPING: Duration = Duration::from_millis(100);

/// How a channel has ended for its lane.
enum LaneEnd {
    /// It is lost. `has_worked` tells whether it counts as a success.
    Lost { cause: LinkError, has_worked: bool },
    /// The peer takes nothing more on it.
    Goodbye(Farewell),
    /// There is a better one.
    Superseded(Box<Channel>),
}

/// A goodbye, and what the channel had come to by then.
struct Farewell {
    goodbye: Goodbye,
    heeds: Heeds,
    /// The channel did not live long enough to count as a success.
    is_young: bool,
    /// The peer had said something else before.
    has_heard: bool,
}

/// Who heeds a peer's wish not to be dialled for a while.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heeds {
    /// The lane waits.
    Lane,
    /// The generator chooses another peer.
    Generator,
}

/// One lane at work.
pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
    pub(super) dialer: Dialer,
    backoff: BackoffState,
    random: Random,
}

impl Lane {
    pub(super) fn new(shared: &Arc<Shared>, number: usize, dialer: Dialer) -> Self {
        let backoff = &shared.options.backoff;
        let random = Random::new(backoff.seed).of(number as u64 + 1000);
        Self { shared: Arc::clone(shared), number, dialer, backoff: backoff.state(number), random }
    }

    /// Runs until the connection is closed, or its dialer says that it never will succeed.
    pub(super) async fn run(mut self) {
        let stop = self.shared.stop.clone();
        loop {
            let began = Instant::now();
            let dialled = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                dialled = self.dial() => dialled,
            };
            // A channel that is open is ended by its signal, once it has written what is queued.
            let wait = match dialled {
                Ok(channel) => Some(self.run_channels(channel).await),
                Err(error) => self.failed(error, began),
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    /// A dial has failed; gives how long to wait, unless none will succeed.
    fn failed(&mut self, error: NextError, began: Instant) -> Option<Duration> {
        let (wait, is_final) = (self.backoff.failed(), error.is_final);
        if is_final {
            self.shared.traffic.lanes.over(self.number);
        }
        count(&self.shared.counters.failed_dials);
        self.shared.failed(error, began, is_final);
        (!is_final).then_some(wait)
    }

    /// Runs a channel and those that supersede it; gives how long to wait before the next dial.
    async fn run_channels(&mut self, channel: Channel) -> Duration {
        let opened = Instant::now();
        let mut next = channel;
        loop {
            match self.run_link(next).await {
                LaneEnd::Superseded(channel) => next = *channel,
                LaneEnd::Lost { has_worked: true, .. } => {
                    self.backoff.succeeded();
                    // Others were cut off by the same event, and must not all come back at the same moment.
                    return self.shared.options.backoff.first.mul_f64(self.random.fraction());
                }
                LaneEnd::Lost { cause, .. } => {
                    let wait = self.backoff.failed();
                    self.shared.failed(self.no_channel(&cause), opened, false);
                    return wait;
                }
                LaneEnd::Goodbye(farewell) => return self.after_goodbye(&farewell, opened),
            }
        }
    }

    /// How long to wait after a goodbye. A channel that worked is followed by a dial as soon as the peer allows it; one that
    /// was refused, or hardly lived, counts as a failed dial.
    fn after_goodbye(&mut self, farewell: &Farewell, opened: Instant) -> Duration {
        let why = farewell.goodbye.why;
        let asked = match farewell.heeds {
            Heeds::Lane => self.spread(farewell.goodbye.stay_away),
            Heeds::Generator => Duration::ZERO,
        };
        if why.is_refusal() {
            count(&self.shared.counters.failed_dials);
        }
        if why.is_refusal() || farewell.is_young {
            let wait = self.backoff.failed();
            // Another peer of a generator's may take what this one never will.
            let is_hopeless = why.is_lasting() && farewell.heeds == Heeds::Lane;
            self.shared.failed(self.no_channel(&LinkError::Goodbye(why)), opened, is_hopeless);
            return wait.max(asked);
        }
        self.backoff.succeeded();
        if farewell.has_heard {
            return asked;
        }
        asked.max(self.shared.options.backoff.first.mul_f64(self.random.fraction()))
    }

    /// As long as the peer asks for and up to half as long again, so that those whom it asked together come back apart.
    fn spread(&mut self, stay_away: Duration) -> Duration {
        stay_away.mul_f64(1.0 + 0.5 * self.random.fraction()).min(Goodbye::MOST_STAY_AWAY)
    }

    /// A channel that was dialled and is of no use counts as a dial that failed.
    fn no_channel(&self, cause: &LinkError) -> NextError {
        let why = Error::new(ErrorKind::ConnectionRefused, cause.clone());
        NextError::passing("dial", self.shared.endpoint(), why)
    }

    async fn dial(&self) -> Result<Channel, NextError> {
        let limit = self.shared.options.dial_timeout;
        let failed =
            |kind, why: String| NextError::passing("dial", self.shared.endpoint(), Error::new(kind, why));
        let dial = async {
            let mut dialer = self.dialer.lock().await;
            guard_future(async { dialer.next().await }).await
        };
        match timeout(limit, dial).await {
            Ok(Ok(dialled)) => dialled,
            Ok(Err(panic)) => Err(failed(ErrorKind::Other, format!("the dialer panicked: {panic}"))),
            Err(_) => Err(failed(ErrorKind::TimedOut, format!("no answer within {limit:?}"))),
        }
    }

    /// The channel that is better than the one at hand, once there is one and it can be dialled.
    async fn replacement(&self, better: Option<BoxFuture<'static, ()>>) -> Channel {
        let opened = Instant::now();
        let Some(better) = better else { return pending().await };
        let better = Foreign::new(better);
        // Somebody else's code: if it panics, this channel stays as good as it was.
        if guard_future(poll_foreign(better)).await.is_err() {
            return pending().await;
        }
        sleep_until(opened + FLAPPING).await;
        let mut backoff = self.shared.options.backoff.state(self.number);
        loop {
            match self.dial().await {
                Ok(channel) => return channel,
                Err(error) => {
                    tracing::debug!(%error, "the better channel cannot be had");
                    if error.is_final {
                        return pending().await;
                    }
                    sleep(backoff.failed()).await;
                }
            }
        }
    }

    /// Drives one channel until it is lost, superseded, or its peer says goodbye, and sees to the calls that were on it.
    async fn run_link(&self, mut channel: Channel) -> LaneEnd {
        let (shared, lane, opened) = (&self.shared, self.number, Instant::now());
        let epoch = shared.opened(lane);
        let (better, ended) = (channel.superseded.take(), channel.ended.take());
        let role = Caller::new(Arc::clone(shared), lane, epoch);
        let (packets, counters) = (shared.parts.packets.clone(), Arc::clone(&shared.counters));
        let (signal, idle) = (Arc::clone(&shared.traffic.queues[lane]), Arc::clone(&shared.idle));
        let link = Link::new(channel, role, packets, signal, counters, idle, &shared.options.health);
        let mut link = shared.links[lane].place(link);
        let mut better = std::pin::pin!(self.replacement(better));
        let mut is_young = true;
        loop {
            tokio::select! {
                biased;
                (link, event) = &mut link => return match event {
                    LinkEvent::Ended(end) => {
                        let is_proven = opened.elapsed() >= FLAPPING && link.role.is_proven;
                        self.lost(epoch, is_proven, end, ended)
                    }
                    LinkEvent::Goodbye(goodbye) => {
                        let is_young = opened.elapsed() < FLAPPING;
                        let has_heard = link.role.has_heard;
                        let heeds = self.leave(epoch, &goodbye, link, ended);
                        LaneEnd::Goodbye(Farewell { goodbye, heeds, is_young, has_heard })
                    }
                },
                () = sleep_until(opened + FLAPPING), if is_young => {
                    is_young = false;
                    link.with(Caller::has_lasted);
                }
                channel = &mut better => {
                    tracing::debug!(epoch, "lane superseded");
                    if let Some(link) = link.take() {
                        self.finish(Finishing::new(shared, lane, epoch, link, ended));
                    }
                    return LaneEnd::Superseded(Box::new(channel));
                }
            }
        }
    }

    /// `is_proven` says whether the peer has shown that it serves.
    fn lost(&self, epoch: u64, is_proven: bool, end: LinkEnd, ended: Option<OnEnd>) -> LaneEnd {
        tracing::debug!(epoch, cause = %end.cause, "lane lost");
        end.tell(ended, None);
        let gave_up =
            matches!(end.cause, LinkError::Silent(_) | LinkError::Stalled(_) | LinkError::SlowPacket(_));
        // Where a protocol cannot ping, a channel that nobody has used is silent, and no worse for that.
        let has_worked = is_proven && (end.answered || !end.asked || !gave_up);
        let cause = end.cause.clone();
        self.shared.link_lost(self.number, epoch, end);
        LaneEnd::Lost { cause, has_worked }
    }

    /// The peer has said goodbye: nothing leaves on this channel any more, and what it has not taken leaves on the next.
    fn leave(&self, epoch: u64, goodbye: &Goodbye, link: Box<Link<Caller>>, ended: Option<OnEnd>) -> Heeds {
        let (shared, lane) = (&self.shared, self.number);
        tracing::debug!(epoch, why = %goodbye.why, "the peer says goodbye");
        shared.traffic.lanes.lost(lane, epoch, ConnectionState::Recovering);
        let heeds = if ended.is_some() { Heeds::Generator } else { Heeds::Lane };
        let mut finishing = Finishing::new(shared, lane, epoch, link, None);
        let unwritten = finishing.answer(goodbye);
        // It may choose another peer at once, and not only when the last call on this channel has ended.
        unwritten.tell(ended, Some(goodbye.stay_away));
        shared.take_back_untaken(lane, epoch, goodbye);
        self.finish(finishing);
        heeds
    }

    fn finish(&self, finishing: Finishing) {
        self.shared.finishing.fetch_add(1, Ordering::AcqRel);
        self.shared.tasks.spawn(finishing.run().in_current_span());
    }
}

async fn poll_foreign(mut future: Foreign<BoxFuture<'static, ()>>) {
    future.as_mut().await;
}

impl Shared {
    /// One more channel of the lane is open: gives its epoch. After failures it has to prove itself before the connection
    /// counts as working.
    fn opened(&self, lane: usize) -> u64 {
        if self.traffic.lanes.epoch(lane) > 0 {
            count(&self.counters.reconnects);
        }
        let working = self.failures.none().then_some(ConnectionState::Working);
        let epoch = self.traffic.lanes.opened(lane, working);
        self.note_settled();
        (0..self.traffic.lanes.len()).for_each(|lane| self.traffic.move_if_stranded(lane));
        tracing::debug!(epoch, "lane open");
        epoch
    }

    /// The channel of `epoch` works: its peer has said something, or has not hung up for a while.
    pub(super) fn confirm(&self, lane: usize, epoch: u64) {
        if self.traffic.lanes.epoch(lane) == epoch && self.traffic.lanes.is_open(lane) {
            self.failures.clear();
            self.traffic.lanes.enter_with_lanes(ConnectionState::Working);
        }
    }

    fn link_lost(&self, lane: usize, epoch: u64, end: LinkEnd) {
        self.traffic.lanes.lost(lane, epoch, ConnectionState::Recovering);
        self.see_to_queue(lane);
        self.end_lost_calls(lane, epoch, end);
        // With the only channel no late reply can come any more.
        if self.traffic.lanes.len() == 1
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

    /// A dial that began then has failed. Those that fail side by side are one failure: they meet the same trouble.
    /// Where there is no hope of another the connection is down at the first.
    fn failed(&self, error: NextError, began: Instant, is_hopeless: bool) {
        let is_down = self.failures.count(began) >= self.options.backoff.down_after || is_hopeless;
        tracing::debug!(%error, is_down, "dial failed");
        if is_down {
            self.traffic.lanes.enter_without_lanes(ConnectionState::Down { cause: Some(error) });
            self.refusing(|refusing| self.traffic.refuse_if_down(refusing));
            self.note_settled();
        }
    }
}
