//! `Server`: accepts channels, routes requests to handlers, drains.

mod accept;
mod admission;
mod builder;
mod channels;
mod dispatch;
mod handlers;
mod limits;
mod line;
mod peer;
mod responder;
mod router;
mod run;
mod runs;
mod serving;
mod starting;
mod turns;
mod waiting;

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counters::{Counters, Counts};
use crate::endpoint::Endpoint;
use crate::link::Idle;
use crate::log_limit::LogLimit;
use crate::packet::GoodbyeReason;
use crate::primitives::budget::Budget;
use crate::protocol::Parts;
use crate::random::Random;
use crate::timers::deadline_in;
use crate::transport::NextError;

pub use builder::{OnDisconnect, ServerBuilder};
use channels::Channels;
use dispatch::Dispatch;
pub use handlers::{HandlerError, Request};
pub use limits::ServerLimits;
pub use responder::{RespondError, Responder};
pub use router::Router;

/// A server at work on one listener. Dropping it ends it at once; [`drain`](Self::drain) ends it in an orderly way.
pub struct Server {
    shared: Arc<Shared>,
    endpoint: Endpoint,
}

/// What all channels of a server share.
pub(crate) struct Shared {
    parts: Arc<Parts>,
    dispatch: Arc<dyn Dispatch>,
    options: builder::Options,
    random: Random,
    /// Requests that are not answered, bytes in memory, and handlers, of all channels.
    places: Arc<Budget>,
    memory: Arc<Budget>,
    handlers: Arc<Budget>,
    counters: Arc<Counters>,
    log_limit: LogLimit,
    channels: Channels,
    idle: Arc<Idle>,
    /// Stops accepting.
    closing: CancellationToken,
    /// Nothing is waited for any more.
    over: CancellationToken,
    drain: Drain,
    tasks: TaskTracker,
    /// How the listener ended, once it has.
    ended: watch::Sender<Option<Result<(), NextError>>>,
}

/// What all drains of a server tell alike, be they called side by side or one after the other.
#[derive(Debug, Default)]
struct Drain {
    /// When the first began.
    before: OnceLock<Counts>,
    /// When the first had waited long enough.
    cut: OnceLock<Cut>,
    drained: OnceLock<Drained>,
}

#[derive(Debug)]
struct Cut {
    complete: bool,
    left: u64,
    counts: Counts,
}

/// What became of requests during a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drained {
    /// Whether every request was answered and every channel ended before the deadline.
    pub complete: bool,
    /// Requests that were answered, with a reply or an error.
    pub answered: u64,
    /// Requests that were refused: their peers were told that they did not run. A client may have sent them again elsewhere
    /// without telling its callers.
    pub refused: u64,
    /// Requests that were cut off.
    pub cut_off: usize,
}

impl Server {
    /// Where it really listens.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let shared = &self.shared;
        let queued = shared.channels.open().iter().map(|peer| peer.signal.outbox.len() as u64).sum();
        let (in_flight, in_flight_bytes) = (shared.places.in_use(), shared.memory.in_use());
        Counts { in_flight, in_flight_bytes, queued, ..shared.counters.snapshot() }
    }

    /// Channels open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.channels.len()
    }

    /// Waits until it no longer accepts.
    ///
    /// # Errors
    ///
    /// The listener's final error, when that is why.
    pub async fn ended(&self) -> Result<(), NextError> {
        let mut ended = self.shared.ended.subscribe();
        match ended.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    }

    /// Stops accepting, says goodbye, answers what was taken, refuses what still comes, then ends; whatever is left after
    /// `within` is cut off. Idempotent: of several drains the first to run out of time ends the server; all return the same.
    ///
    /// Where the protocol can say goodbye, no request that was taken is lost, and of one that was not its caller hears that it
    /// never ran. Where it can only refuse, that holds for what comes before the write half is shut; where it can do neither,
    /// callers whose requests are on their way then cannot know whether they ran.
    ///
    /// Cancel safety: dropping the future leaves the server draining, without its deadline.
    pub async fn drain(&self, within: Duration) -> Drained {
        let (shared, deadline) = (&self.shared, deadline_in(within));
        let before = shared.drain.before.get_or_init(|| shared.counters.snapshot());
        shared.closing.cancel();
        shared.channels.open().iter().for_each(|peer| peer.finish(GoodbyeReason::Draining));
        shared.tasks.close();
        let complete = timeout_at(deadline, shared.settled()).await.is_ok();
        let cut = shared.drain.cut.get_or_init(|| {
            let (left, counts) = (shared.places.in_use(), shared.counters.snapshot());
            Cut { complete, left, counts }
        });
        shared.cut_off();
        // A handler that blocks a thread cannot be ended, nor a link that runs one in its own; all others are dropped as soon as
        // they are polled.
        let _ = timeout(CUT_OFF_WITHIN, shared.settled()).await;
        *shared.drain.drained.get_or_init(|| {
            let after = shared.counters.snapshot();
            // Of those that were left, some were refused as they stood in line.
            let refused = after.refused - cut.counts.refused;
            let cut_off = if cut.complete { 0 } else { cut.left.saturating_sub(refused) as usize };
            Drained {
                complete: cut.complete,
                answered: after.answered - before.answered,
                refused: after.refused - before.refused,
                cut_off,
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.cancel();
        self.shared.cut_off();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// How long a drain waits for what it has cut off to be dropped.
const CUT_OFF_WITHIN: Duration = Duration::from_millis(100);

impl Shared {
    /// Every channel has ended, every request is answered, and every handler has ended, also those whose channels are over.
    async fn settled(&self) {
        self.tasks.wait().await;
        poll_fn(|cx| self.places.poll_idle(cx)).await;
        poll_fn(|cx| self.handlers.poll_idle(cx)).await;
    }

    /// Ends every channel and every handler that waits.
    fn cut_off(&self) {
        self.over.cancel();
        for peer in self.channels.all() {
            peer.stop(GoodbyeReason::Draining);
            peer.runs.cancel_all();
        }
    }
}
