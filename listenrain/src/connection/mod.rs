//! `Connection`: one or more lanes to an endpoint, the calls in flight on them, and their deadlines.

mod backoff;
mod call;
mod keeper;
mod lane;
mod lost;
mod options;
mod replies;
mod role;
mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::correlation::{ById, Mode};
use crate::counters::{Counters, Counts};
use crate::endpoint::Endpoint;
use crate::error::{CallError, LinkError, Outcome, Refusal, Sent};
use crate::packet::Abilities;
use crate::primitives::budget::{Budget, Permit};
use crate::primitives::in_flight::{CallId, InFlight, Told};
use crate::primitives::outbox::Ticket;
use crate::protocol::Parts;
use crate::queued::Queued;
use crate::timers::deadline_in;
use crate::transport::ChannelGenerator;

pub use backoff::{Backoff, Course};
pub(crate) use call::{Callback, Wait, block_until, is_inside_runtime};
use keeper::Deadlines;
use lane::Lane;
pub use options::{ConnectionLimits, ConnectionOptions, OptionError, WhenFull};
use replies::{Held, Replies};
pub use state::ConnectionState;

/// What the in-flight table knows of a waiting call.
#[derive(Debug)]
pub(crate) struct Context {
    /// The lane in whose queue it stands, or stood.
    lane: usize,
    /// The epoch of that lane on which it is leaving or has left; `None` while it is only queued.
    epoch: Option<u64>,
    /// Its room, once its packet has left the queue; until then the packet holds it.
    permit: Option<Permit>,
}

/// A connection to an endpoint: queue, in-flight table, timers and lanes. Cheap to clone; when the last clone is
/// dropped it is closed at once.
///
/// It carries encoded payloads; [`Client`](crate::Client) adds the messages.
#[derive(Clone)]
#[doc(alias = "clientTransport")]
pub struct Connection {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    parts: Arc<Parts>,
    abilities: Abilities,
    options: ConnectionOptions,
    endpoint: Endpoint,
    calls: InFlight<Context, Outcome<Held>>,
    by_id: Option<Box<dyn ById>>,
    budget: Arc<Budget>,
    replies: Arc<Replies>,
    deadlines: Deadlines,
    lanes: Box<[Lane]>,
    next_lane: AtomicUsize,
    state: watch::Sender<ConnectionState>,
    pub(crate) counters: Arc<Counters>,
    /// Told whenever a call ends while draining or while a superseded channel finishes.
    settled: Notify,
    /// Superseded channels that have calls to finish.
    finishing: AtomicUsize,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Connection {
    /// Starts to dial with `dialer`, in tasks of the current runtime, and goes on redialling until it is closed.
    pub(crate) fn start(
        parts: Arc<Parts>,
        dialer: Box<dyn ChannelGenerator>,
        options: ConnectionOptions,
    ) -> Self {
        let endpoint = dialer.endpoint().clone();
        let by_id = match &parts.correlation.0 {
            Mode::Message(new) => Some(new()),
            _ => None,
        };
        let lanes = (0..options.lanes).map(|_| Lane::new((parts.new_queue)())).collect();
        let limits = &options.limits;
        let shared = Arc::new(Shared {
            abilities: parts.packets.abilities(),
            calls: InFlight::new(),
            by_id,
            budget: Budget::new(limits.requests, limits.bytes),
            replies: Replies::new(limits.reply_bytes),
            deadlines: Deadlines::new((parts.new_timers)()),
            lanes,
            next_lane: AtomicUsize::new(0),
            state: watch::Sender::new(ConnectionState::Recovering),
            counters: Arc::default(),
            settled: Notify::new(),
            finishing: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            endpoint,
            options,
            parts,
        });
        let tasks = shared.tasks.clone();
        let dialer = Arc::new(tokio::sync::Mutex::new(dialer));
        for lane in 0..shared.lanes.len() {
            let span = tracing::debug_span!("lane", endpoint = %shared.endpoint, lane);
            tasks.spawn(lane::run(Arc::clone(&shared), lane, Arc::clone(&dialer)).instrument(span));
        }
        tasks.spawn(keeper::run(Arc::clone(&shared)));
        tasks.close();
        Self { handle: Arc::new(Handle { shared }) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared().counters)
    }

    /// Whether it will not work again: it is closed, or its dialer has failed for good and its last lane is lost.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state().is_closed() || self.shared().lanes.iter().all(Lane::is_over)
    }

    /// How many clones of it there are.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.handle)
    }

    /// What it dials.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared().endpoint
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.shared().state.borrow().clone()
    }

    /// Its states, to be watched.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.shared().state.subscribe()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let shared = self.shared();
        let (count, bytes) = shared.budget.in_use();
        Counts {
            in_flight: count as u64,
            in_flight_bytes: bytes as u64,
            queued: shared.lanes.iter().map(|lane| lane.signal.outbox.len() as u64).sum(),
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
    /// Cancel safety: dropping the future leaves the connection draining; dropping the connection then closes it.
    pub async fn close(&self, within: Duration) {
        let shared = self.shared();
        shared.enter(ConnectionState::Draining);
        let deadline = deadline_in(within);
        while !shared.is_settled() {
            let settled = shared.settled.notified();
            if shared.is_settled() || tokio::time::timeout_at(deadline, settled).await.is_err() {
                break;
            }
        }
        shared.shut();
        for lane in &shared.lanes {
            lane.signal.finish();
        }
        let grace = deadline.max(Instant::now() + Duration::from_millis(100));
        if tokio::time::timeout_at(grace, shared.tasks.wait()).await.is_err() {
            shared.stop_now();
            shared.tasks.wait().await;
        }
        // Lanes that had no channel have ended by themselves, and left what was queued on them.
        shared.stop_now();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Connection").field("endpoint", self.endpoint()).field("state", &state).finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.shut();
        self.shared.stop_now();
    }
}

impl Shared {
    /// Whether nothing is in flight and nothing waits for a lane. What waits on an open one is written as it finishes.
    fn is_settled(&self) -> bool {
        let has_way_out = |lane: &Lane| lane.is_open() || lane.signal.outbox.len() == 0;
        self.calls.waiting() == 0 && self.lanes.iter().all(has_way_out)
    }

    /// Lets nobody in any more, and ends every call that is left.
    fn shut(&self) {
        self.enter(ConnectionState::Closed);
        self.budget.close();
        let told = self.calls.close(|_, context| {
            Err(match context.epoch {
                Some(_) => CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed },
                None => CallError::Refused(Refusal::Closed),
            })
        });
        told.into_iter().for_each(Told::tell);
        self.deadlines.close();
        self.stop.cancel();
    }

    fn stop_now(&self) {
        for lane in &self.lanes {
            drop(lane.signal.outbox.close());
            lane.signal.stop();
        }
    }

    fn enter(&self, next: ConnectionState) {
        self.enter_if(next, || true);
    }

    /// Enters a state that only holds while no lane is open: looked at in the same step, so that a lane which opens
    /// meanwhile has the last word.
    fn enter_without_lanes(&self, next: ConnectionState) {
        self.enter_if(next, || !self.lanes.iter().any(Lane::is_open));
    }

    fn enter_if(&self, next: ConnectionState, holds: impl Fn() -> bool) {
        self.state.send_if_modified(|state| {
            let enters = holds() && state.may_become(&next);
            if enters {
                tracing::debug!(endpoint = %self.endpoint, from = %state, to = %next, "connection state");
                *state = next;
            }
            enters
        });
    }

    fn refusal(&self, state: &ConnectionState) -> Refusal {
        match state {
            ConnectionState::Down { cause } => {
                Refusal::Down { endpoint: self.endpoint.to_string(), cause: cause.clone() }
            }
            ConnectionState::Draining => Refusal::Draining,
            _ => Refusal::Closed,
        }
    }

    /// Takes a call that will not be waited for out of the queue, or tells the peer.
    fn retract(&self, id: CallId, lane: usize, epoch: Option<u64>) {
        let signal = &self.lanes[lane].signal;
        match epoch {
            None => drop(signal.outbox.remove(Ticket(id.to_bits()))),
            // The peer of a superseded channel cannot be told any more.
            Some(epoch) if self.abilities.cancel && epoch == self.lanes[lane].epoch() => {
                let packet = crate::packet::Packet::new(
                    crate::packet::Kind::Cancel,
                    id.to_bits(),
                    bytes::Bytes::new(),
                );
                let _ = signal.outbox.push(Ticket(0), Queued::new(packet));
            }
            Some(_) => {}
        }
        self.forget(id, epoch.is_some());
    }

    /// The call ended without its reply.
    fn forget(&self, id: CallId, reply_may_come: bool) {
        if let Some(by_id) = &self.by_id {
            by_id.forget(id, reply_may_come);
        }
    }

    fn note_settled(&self) {
        if self.is_finishing() || matches!(*self.state.borrow(), ConnectionState::Draining) {
            self.settled.notify_waiters();
        }
    }

    /// The open lane with the least to write, or the next in turn when none is open.
    fn pick_lane(&self) -> usize {
        if self.lanes.len() == 1 {
            return 0;
        }
        let turn = self.next_lane.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.lanes.len()).map(|step| (turn + step) % self.lanes.len());
        let open = turns.filter(|lane| self.lanes[*lane].is_open());
        open.min_by_key(|lane| self.lanes[*lane].signal.outbox.len()).unwrap_or(turn % self.lanes.len())
    }
}
