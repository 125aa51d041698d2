//! `Server`: accepts channels, routes requests to handlers, drains.

mod accept;
mod builder;
mod dispatch;
mod handlers;
mod peer;
mod responder;
mod router;
mod running;
mod turns;

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counters::{Counters, Counts};
use crate::endpoint::Endpoint;
use crate::primitives::budget::{Budget, Place};
use crate::protocol::Parts;
use crate::sync::{Mutex, lock};
use crate::timers::deadline_in;
use crate::transport::NextError;

pub use builder::{OnDisconnect, Overload, ServerBuilder, ServerLimits};
use dispatch::Dispatch;
pub use handlers::{HandlerError, Request};
use peer::Peer;
pub use responder::{RespondError, Responder};
pub use router::Router;
use running::Running;

/// A server at work on one listener. Dropping it ends it at once; [`drain`](Self::drain) ends it in an orderly way.
pub struct Server {
    shared: Arc<Shared>,
    endpoint: Endpoint,
}

/// What all channels of a server share.
pub(crate) struct Shared {
    parts: Arc<Parts>,
    dispatch: Arc<dyn Dispatch>,
    limits: ServerLimits,
    overload: Overload,
    on_disconnect: OnDisconnect,
    health: crate::link::Health,
    /// Requests of all channels.
    budget: Arc<Budget>,
    counters: Arc<Counters>,
    peers: Mutex<Vec<Arc<Peer>>>,
    /// Handlers whose channels are over.
    orphans: Mutex<Vec<Weak<Running>>>,
    next_peer: AtomicU64,
    /// Stops accepting.
    closing: CancellationToken,
    tasks: TaskTracker,
    /// How the listener ended, once it has.
    ended: watch::Sender<Option<Result<(), NextError>>>,
}

/// What a drain left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Whether every request was answered and every channel ended before the deadline.
    pub complete: bool,
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
        let (count, bytes) = self.shared.budget.in_use();
        let queued = lock(&self.shared.peers).iter().map(|peer| peer.signal.outbox.len() as u64).sum();
        let counts = self.shared.counters.snapshot();
        Counts { in_flight: count as u64, in_flight_bytes: bytes as u64, queued, ..counts }
    }

    /// Channels open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.shared.peers).len()
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

    /// Stops accepting, answers what was asked, then ends; whatever is left after `within` is cut off. New requests
    /// are refused meanwhile, where the protocol can say so. Idempotent.
    ///
    /// Cancel safety: dropping the future leaves the server draining, without its deadline.
    pub async fn drain(&self, within: Duration) -> Drained {
        let shared = &self.shared;
        shared.closing.cancel();
        let deadline = deadline_in(within);
        for peer in lock(&shared.peers).iter() {
            peer.signal.finish();
        }
        shared.tasks.close();
        let settled = async {
            shared.tasks.wait().await;
            shared.handlers_end().await;
        };
        let complete = timeout_at(deadline, settled).await.is_ok();
        let cut_off = shared.budget.in_use().0;
        shared.cut_off();
        shared.tasks.wait().await;
        // A handler that blocks a thread cannot be ended; all others are dropped as soon as they are polled.
        let _ = timeout(CUT_OFF_WITHIN, shared.handlers_end()).await;
        Drained { complete, cut_off: if complete { 0 } else { cut_off } }
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

/// How long a drain waits for handlers that it has cut off to be dropped.
const CUT_OFF_WITHIN: Duration = Duration::from_millis(100);

impl Shared {
    /// Every request is answered, or its handler has ended, also those whose channels are over.
    async fn handlers_end(&self) {
        let mut place = Place::default();
        poll_fn(|cx| self.budget.poll_idle(&mut place, cx)).await;
    }

    /// Keeps hold of what handlers a lost channel leaves behind.
    fn adopt(&self, peer: &Peer) {
        let mut orphans = lock(&self.orphans);
        orphans.retain(|running| running.strong_count() > 0);
        orphans.push(Arc::downgrade(&peer.running));
    }

    /// Ends every channel and every handler that waits.
    fn cut_off(&self) {
        for peer in lock(&self.peers).iter() {
            peer.signal.stop();
            peer.running.cancel_all();
        }
        let orphans = std::mem::take(&mut *lock(&self.orphans));
        orphans.iter().filter_map(Weak::upgrade).for_each(|running| running.cancel_all());
    }
}
