//! `Connection`: one or more lanes to an endpoint, the calls in flight on them, and their deadlines.

mod admission;
mod backoff;
mod call;
mod callbacks;
mod clock;
mod context;
mod dialers;
mod failures;
mod finishing;
mod keeper;
mod lane;
mod lost;
mod options;
mod replies;
mod role;
mod shared;
mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::counters::{Counters, Counts};
use crate::endpoint::Endpoint;
use crate::error::{CallError, Refusal};
use crate::link::{LinkSlot, Signal};
use crate::primitives::budget::Account;
use crate::primitives::deadlines::Deadlines;
use crate::primitives::in_flight::InFlight;
use crate::primitives::lanes::Lanes;
use crate::primitives::traffic::Traffic;
use crate::protocol::Parts;
use crate::timers::{GuardedTimers, deadline_in};

pub use backoff::{Backoff, BackoffState};
pub(crate) use call::{Callback, Wait};
pub(crate) use callbacks::Callbacks;
pub(crate) use clock::{block_on_until, is_inside_runtime};
pub(crate) use dialers::Dialers;
use failures::Failures;
use keeper::Keeper;
use lane::Lane;
pub(crate) use options::{BYTES, REQUESTS, check_limit};
pub use options::{ConnectionLimits, ConnectionOptions, Overflow};
use replies::Replies;
pub(crate) use shared::Shared;
pub use state::ConnectionState;
use state::Watched;

/// How long the channels of a connection that closes may take to end, at the least.
const GRACE: Duration = Duration::from_millis(100);

/// A connection to an endpoint: queue, in-flight table, timers and lanes. Cheap to clone; when the last clone is
/// dropped it is closed at once.
///
/// It carries encoded payloads; [`Client`](crate::Client) adds the messages.
#[derive(Clone)]
#[doc(alias = "clientTransport")]
pub struct Connection {
    owner: Arc<Owner>,
    /// Set where others share it: whether this user of it, and the clones that it has made, have let go of it.
    has_let_go: Option<Arc<AtomicBool>>,
}

struct Owner {
    shared: Arc<Shared>,
}

impl Connection {
    /// Starts to dial with `dialers`, in tasks of the current runtime, and goes on redialling until it is closed.
    pub(crate) fn start(parts: Arc<Parts>, dialers: Dialers, options: ConnectionOptions) -> Self {
        let Dialers { endpoint, dialers } = dialers;
        let limits = &options.limits;
        let (timers, timers_fault) = GuardedTimers::new(&*parts.new_timers);
        let counters = Arc::<Counters>::default();
        let shared = Arc::new(Shared {
            traffic: Traffic {
                calls: InFlight::new(),
                lanes: Lanes::new(options.lanes, Watched::new(endpoint)),
                queues: (0..options.lanes).map(|_| Arc::new(Signal::new(&parts.new_queue))).collect(),
            },
            links: (0..options.lanes).map(|_| LinkSlot::default()).collect(),
            by_id: parts.correlation.by_id(),
            places: Account::single(limits.requests as u64),
            memory: Account::single(limits.bytes as u64),
            replies: Replies::new(limits.reply_bytes),
            callbacks: Callbacks::new(&parts, &counters),
            deadlines: Deadlines::new(timers),
            timers_fault,
            failures: Failures::default(),
            next_lane: AtomicUsize::new(0),
            counters,
            idle: Arc::default(),
            settled: Notify::new(),
            finishing: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            home: Some(Handle::current().id()),
            is_abandoned: AtomicBool::new(false),
            options,
            parts,
        });
        let tasks = shared.tasks.clone();
        for (number, dialer) in dialers.into_iter().enumerate() {
            let span = tracing::debug_span!("lane", endpoint = %shared.endpoint(), lane = number);
            tasks.spawn(Lane::new(&shared, number, dialer).run().instrument(span));
        }
        tasks.spawn(Keeper(Arc::clone(&shared)).run());
        tasks.close();
        Self { owner: Arc::new(Owner { shared }), has_let_go: None }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// The same connection for one of several who share it: closing it lets go of it, and does not end it.
    pub(crate) fn for_one_of_many(&self) -> Self {
        Self { owner: Arc::clone(&self.owner), has_let_go: Some(Arc::default()) }
    }

    /// What carries calls, unless this user of it has let go of it.
    pub(crate) fn in_use(&self) -> Result<&Arc<Shared>, CallError> {
        match &self.has_let_go {
            Some(has_let_go) if has_let_go.load(Ordering::Acquire) => {
                Err(self.shared().refused(Refusal::Closed))
            }
            _ => Ok(self.shared()),
        }
    }

    /// Whether it will not work again: it is closed, or its dialer has failed for good and its last lane is lost.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state().is_closed() || self.shared().traffic.lanes.are_over()
    }

    /// How many clones of it there are.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.owner)
    }

    /// What it dials.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.shared().endpoint()
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.shared().state().clone()
    }

    /// Its states, to be watched.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.shared().traffic.lanes.shown().states.subscribe()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let shared = self.shared();
        Counts {
            in_flight: shared.places.in_use(),
            in_flight_bytes: shared.memory.in_use(),
            queued: shared.traffic.queues.iter().map(|signal| signal.outbox.len() as u64).sum(),
            ..shared.counters.snapshot()
        }
    }

    /// Waits until a lane is open.
    ///
    /// # Errors
    ///
    /// [`Refusal::Down`] with the last dial's error when nothing answers, [`Refusal::Closed`] after a close. The
    /// connection goes on trying all the same.
    pub async fn ready(&self) -> Result<(), Refusal> {
        let mut states = self.watch();
        loop {
            let state = states.borrow_and_update().clone();
            match state {
                ConnectionState::Working => return Ok(()),
                ConnectionState::Recovering => {}
                other => return Err(self.shared().refusal(&other)),
            }
            if states.changed().await.is_err() {
                return Err(Refusal::Closed);
            }
        }
    }

    /// Finishes in an orderly way: takes no new calls, waits at most `within` for those in flight, then closes. Calls
    /// that are left end as lost if their whole request has left, and are refused otherwise: they never ran. Idempotent; a
    /// second close may shorten the wait.
    ///
    /// One that came out of a pool is only let go of: it takes no more calls by way of this clone or its clones, and others go
    /// on with it. The pool's own [`connections`](crate::ConnectionPool::connections) close it for all.
    ///
    /// Cancel safety: dropping the future leaves the connection draining; dropping the connection then closes it.
    pub async fn close(&self, within: Duration) {
        if let Some(has_let_go) = &self.has_let_go {
            has_let_go.store(true, Ordering::Release);
            return;
        }
        let shared = self.shared();
        shared.traffic.lanes.enter(ConnectionState::Draining);
        let deadline = deadline_in(within);
        while !shared.is_settled() {
            let settled = shared.settled.notified();
            if shared.is_settled() || tokio::time::timeout_at(deadline, settled).await.is_err() {
                break;
            }
        }
        let grace = deadline.max(Instant::now() + GRACE);
        if !shared.is_settled() {
            shared.end_channels(grace).await;
        }
        shared.shut();
        shared.traffic.queues.iter().for_each(|signal| signal.finish());
        let _ = tokio::time::timeout_at(grace, shared.tasks.wait()).await;
        // Also where every task has ended: what never had a channel gives its room back, and nothing more is queued.
        shared.stop_now();
        shared.tasks.wait().await;
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Connection").field("endpoint", self.endpoint()).field("state", &state).finish()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.shut();
        self.shared.stop_now();
    }
}
