//! One lane: dials, runs the link, and dials again.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use super::backoff::Course;
use super::role::Caller;
use super::state::ConnectionState;
use crate::caught::caught;
use crate::channel::Channel;
use crate::counters::count;
use crate::link::{Link, LinkEnd, Signal};
use crate::primitives::outbox::{Outbox, SendQueue};
use crate::queued::Queued;
use crate::transport::{ChannelGenerator, NextError};

/// What outlives the channels of a lane: its queue, and which channel in turn is open.
pub(super) struct Lane {
    pub(super) signal: Arc<Signal>,
    open: AtomicBool,
    epoch: AtomicU64,
}

impl Lane {
    pub(super) fn new(queue: Box<dyn SendQueue<Queued>>) -> Self {
        let signal = Arc::new(Signal::new(Outbox::new(queue)));
        Self { signal, open: AtomicBool::new(false), epoch: AtomicU64::new(0) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

type Dialer = Arc<tokio::sync::Mutex<Box<dyn ChannelGenerator>>>;

/// A channel that lived shorter than this counts as a failed dial, so that a peer which accepts and closes at once is
/// not dialled in a tight loop.
const FLAPPING: Duration = Duration::from_millis(100);

/// Runs until the connection is closed, or its dialer says that it never will succeed.
pub(super) async fn run(shared: Arc<Shared>, lane: usize, dialer: Dialer) {
    let mut course = Course::new(&shared.options.backoff, lane);
    loop {
        let dialled = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            dialled = dial(&shared, &dialer) => dialled,
        };
        let (wait, is_final) = match dialled {
            Ok(channel) => {
                let opened = Instant::now();
                shared.run_link(lane, channel).await;
                if opened.elapsed() >= FLAPPING {
                    course.succeeded();
                    continue;
                }
                (course.failed().0, false)
            }
            Err(error) => {
                let (wait, many) = course.failed();
                let is_final = error.is_final;
                shared.dial_failed(error, many || is_final);
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
        NextError::passing("dial", &shared.endpoint, why)
    };
    match timeout(limit, caught(async { dialer.next().await })).await {
        Ok(Ok(dialled)) => dialled,
        Ok(Err(panic)) => Err(failed(ErrorKind::Other, format!("the dialer panicked: {panic}"))),
        Err(_) => Err(failed(ErrorKind::TimedOut, format!("no answer within {limit:?}"))),
    }
}

impl Shared {
    /// Drives one channel to its end, then sees to the calls that were on it.
    async fn run_link(self: &Arc<Self>, lane: usize, channel: Channel) {
        let at = &self.lanes[lane];
        let epoch = at.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        if epoch > 1 {
            count(&self.counters.reconnects);
        }
        at.open.store(true, Ordering::Release);
        self.enter(ConnectionState::Working);
        self.note_settled();
        (0..self.lanes.len()).for_each(|lane| self.move_if_stranded(lane));
        tracing::debug!(epoch, "lane open");
        let role = Caller::new(Arc::clone(self), lane, epoch);
        let packets = Arc::clone(&self.parts.packets);
        let counters = Arc::clone(&self.counters);
        let health = &self.options.health;
        let end = Link::new(channel, role, packets, Arc::clone(&at.signal), counters, health).await;
        self.link_lost(lane, epoch, end);
    }

    fn link_lost(&self, lane: usize, epoch: u64, end: LinkEnd) {
        tracing::debug!(epoch, cause = %end.cause, "lane lost");
        self.lanes[lane].open.store(false, Ordering::Release);
        self.enter_without_lanes(ConnectionState::Recovering);
        self.end_lost_calls(lane, epoch, end);
    }

    fn dial_failed(&self, error: NextError, down: bool) {
        tracing::debug!(%error, down, "dial failed");
        count(&self.counters.failed_dials);
        if down {
            self.enter_without_lanes(ConnectionState::Down { cause: Some(error) });
            self.refuse_queued();
        }
    }
}
