//! `Connection`: one or more lanes to an endpoint, the calls in flight on them, and their deadlines.

mod admission;
mod backoff;
mod call;
mod callbacks;
mod clock;
mod context;
mod failures;
mod finishing;
mod keeper;
mod lane;
mod lost;
mod options;
mod replies;
mod role;
mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::correlation::ById;
use crate::counters::{Counters, Counts};
use crate::endpoint::Endpoint;
use crate::error::{CallError, LinkError, Outcome, Refusal, Sent};
use crate::link::{Idle, Signal};
use crate::packet::{Kind, Packet};
use crate::primitives::budget::Account;
use crate::primitives::deadlines::Deadlines;
use crate::primitives::in_flight::{CallId, InFlight};
use crate::primitives::lanes::{Lanes, OnLane};
use crate::primitives::outbox::Ticket;
use crate::primitives::traffic::Traffic;
use crate::protocol::Parts;
use crate::queued::Queued;
use crate::timers::{GuardedTimers, TimersFault, deadline_in};

pub use backoff::{Backoff, Course};
pub(crate) use call::{Callback, Wait};
pub(crate) use callbacks::Callbacks;
pub(crate) use clock::{block_on_until, is_inside_runtime};
use context::Context;
use failures::Failures;
use keeper::Keeper;
pub(crate) use lane::Dialers;
use lane::Lane;
pub(crate) use options::{BYTES, REQUESTS, check_limit};
pub use options::{ConnectionLimits, ConnectionOptions, OptionError, Overflow};
use replies::{Held, Replies};
pub use state::ConnectionState;
use state::Watched;

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

pub(crate) struct Shared {
    parts: Arc<Parts>,
    options: ConnectionOptions,
    /// Its calls, lanes, and the queue of each lane with what steers its link.
    traffic: Traffic<Watched, Context, Outcome<Held>, Signal>,
    by_id: Option<Box<dyn ById>>,
    /// Requests in flight, and their bytes.
    places: Arc<Account>,
    memory: Arc<Account>,
    replies: Arc<Replies>,
    callbacks: Arc<Callbacks>,
    deadlines: Deadlines<GuardedTimers>,
    timers_fault: Arc<TimersFault>,
    failures: Failures,
    next_lane: AtomicUsize,
    pub(crate) counters: Arc<Counters>,
    idle: Arc<Idle>,
    /// Told whenever a call ends while draining or while a superseded channel finishes.
    settled: Notify,
    /// Superseded channels that have calls to finish.
    finishing: AtomicUsize,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// The runtime whose tasks drive it.
    home: Option<Id>,
    /// That runtime is gone.
    is_abandoned: AtomicBool,
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

    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared().counters)
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
        self.shared().traffic.lanes.shown().subscribe()
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
    /// that are left end as lost or refused. Idempotent; a second close may shorten the wait.
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
        shared.shut();
        shared.traffic.queues.iter().for_each(|signal| signal.finish());
        let grace = deadline.max(Instant::now() + Duration::from_millis(100));
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

impl Shared {
    /// Where its callbacks run.
    pub(crate) fn callbacks(&self) -> &Arc<Callbacks> {
        &self.callbacks
    }

    /// Whether nothing is in flight and nothing waits for a lane. What waits on an open one is written as it finishes.
    fn is_settled(&self) -> bool {
        let has_way_out = |(lane, signal): (usize, &Arc<Signal>)| {
            self.traffic.lanes.is_open(lane) || signal.outbox.len() == 0
        };
        self.traffic.calls.waiting() == 0 && self.traffic.queues.iter().enumerate().all(has_way_out)
    }

    /// Lets nobody in any more, and ends every call that is left.
    fn shut(&self) {
        self.places.budget().close();
        self.memory.budget().close();
        self.traffic.close(ConnectionState::Closed, |context| {
            Err(match context.at.epoch {
                Some(_) => CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed },
                None => CallError::Refused(self.refusal_when_closed()),
            })
        });
        self.deadlines.close();
        self.stop.cancel();
    }

    /// The tasks that drive it are gone: nobody else ends what it has. Does nothing once it is closed.
    fn abandon(&self) {
        if !self.stop.is_cancelled() {
            self.is_abandoned.store(true, Ordering::Release);
            self.shut();
            self.stop_now();
        }
    }

    /// Why nothing is taken once it is closed.
    fn refusal_when_closed(&self) -> Refusal {
        if self.is_abandoned.load(Ordering::Acquire) { Refusal::RuntimeGone } else { Refusal::Closed }
    }

    fn stop_now(&self) {
        self.traffic.close_queues();
        self.traffic.queues.iter().for_each(|signal| signal.stop());
    }

    fn endpoint(&self) -> &Endpoint {
        self.traffic.lanes.shown().endpoint()
    }

    fn state(&self) -> watch::Ref<'_, ConnectionState> {
        self.traffic.lanes.shown().borrow()
    }

    fn refusal(&self, state: &ConnectionState) -> Refusal {
        match state {
            ConnectionState::Down { cause } => {
                Refusal::Down { endpoint: self.endpoint().to_string(), cause: cause.clone() }
            }
            ConnectionState::Draining => Refusal::Draining,
            _ => self.refusal_when_closed(),
        }
    }

    /// Tells the peer of a call that has left, and that nobody waits for any more.
    fn say_cancelled(&self, id: CallId, at: OnLane) {
        let can_cancel = self.parts.packets.abilities.cancel;
        // The peer of a superseded channel cannot be told any more.
        if can_cancel && at.epoch == Some(self.traffic.lanes.epoch(at.lane)) {
            let packet = Packet::new(Kind::Cancel, id.to_bits(), bytes::Bytes::new());
            let _ = self.traffic.outbox(at.lane).push(Ticket(0), Queued::new(packet));
        }
        self.forget(id, at.epoch.is_some());
    }

    /// The call ended without its reply.
    fn forget(&self, id: CallId, reply_may_come: bool) {
        if let Some(by_id) = &self.by_id {
            by_id.forget(id, reply_may_come);
        }
    }

    fn note_settled(&self) {
        if self.is_finishing() || matches!(*self.state(), ConnectionState::Draining) {
            self.settled.notify_waiters();
        }
    }

    /// The open lane with the least to write, or the next in turn when none is open.
    fn pick_lane(&self) -> usize {
        if self.traffic.lanes.len() == 1 {
            return 0;
        }
        let turn = self.next_lane.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.traffic.lanes.len()).map(|step| (turn + step) % self.traffic.lanes.len());
        let open = turns.filter(|lane| self.traffic.lanes.is_open(*lane));
        open.min_by_key(|lane| self.traffic.queues[*lane].outbox.len())
            .unwrap_or(turn % self.traffic.lanes.len())
    }
}
