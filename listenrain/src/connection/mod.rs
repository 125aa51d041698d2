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
use crate::link::Signal;
use crate::packet::Abilities;
use crate::primitives::budget::{Budget, Permit};
use crate::primitives::deadlines::Deadlines;
use crate::primitives::in_flight::{CallId, InFlight, Told};
use crate::primitives::lanes::{Lanes, OnLane};
use crate::primitives::outbox::{Outbox, Ticket};
use crate::protocol::Parts;
use crate::queued::Queued;
use crate::timers::{Timers, deadline_in};
use crate::transport::ChannelGenerator;

pub use backoff::{Backoff, Course};
pub(crate) use call::{Callback, Wait, block_until, is_inside_runtime};
pub use options::{ConnectionLimits, ConnectionOptions, OptionError, WhenFull};
use replies::{Held, Replies};
pub use state::ConnectionState;
use state::Watched;

/// What the in-flight table knows of a waiting call.
#[derive(Debug)]
pub(crate) struct Context {
    at: OnLane,
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
    calls: InFlight<Context, Outcome<Held>>,
    by_id: Option<Box<dyn ById>>,
    budget: Arc<Budget>,
    replies: Arc<Replies>,
    deadlines: Deadlines<Box<dyn Timers>>,
    lanes: Lanes<Watched>,
    /// Of each lane: its queue, and how its link is steered.
    signals: Box<[Arc<Signal>]>,
    next_lane: AtomicUsize,
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
        let signal = |_| Arc::new(Signal::new(Outbox::new((parts.new_queue)())));
        let limits = &options.limits;
        let shared = Arc::new(Shared {
            abilities: parts.packets.abilities(),
            calls: InFlight::new(),
            by_id,
            budget: Budget::new(limits.requests, limits.bytes),
            replies: Replies::new(limits.reply_bytes),
            deadlines: Deadlines::new((parts.new_timers)()),
            lanes: Lanes::new(options.lanes, Watched::new(endpoint)),
            signals: (0..options.lanes).map(signal).collect(),
            next_lane: AtomicUsize::new(0),
            counters: Arc::default(),
            settled: Notify::new(),
            finishing: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            options,
            parts,
        });
        let tasks = shared.tasks.clone();
        let dialer = Arc::new(tokio::sync::Mutex::new(dialer));
        for lane in 0..shared.lanes.len() {
            let span = tracing::debug_span!("lane", endpoint = %shared.endpoint(), lane);
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
        self.state().is_closed() || self.shared().lanes.are_over()
    }

    /// How many clones of it there are.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.handle)
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
        self.shared().lanes.shown().subscribe()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let shared = self.shared();
        let (count, bytes) = shared.budget.in_use();
        Counts {
            in_flight: count as u64,
            in_flight_bytes: bytes as u64,
            queued: shared.signals.iter().map(|signal| signal.outbox.len() as u64).sum(),
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
        shared.lanes.enter(ConnectionState::Draining);
        let deadline = deadline_in(within);
        while !shared.is_settled() {
            let settled = shared.settled.notified();
            if shared.is_settled() || tokio::time::timeout_at(deadline, settled).await.is_err() {
                break;
            }
        }
        shared.shut();
        shared.signals.iter().for_each(|signal| signal.finish());
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

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.shut();
        self.shared.stop_now();
    }
}

impl Shared {
    /// Whether nothing is in flight and nothing waits for a lane. What waits on an open one is written as it finishes.
    fn is_settled(&self) -> bool {
        let has_way_out =
            |(lane, signal): (usize, &Arc<Signal>)| self.lanes.is_open(lane) || signal.outbox.len() == 0;
        self.calls.waiting() == 0 && self.signals.iter().enumerate().all(has_way_out)
    }

    /// Lets nobody in any more, and ends every call that is left.
    fn shut(&self) {
        self.lanes.enter(ConnectionState::Closed);
        self.budget.close();
        let told = self.calls.close(|_, context| {
            Err(match context.at.epoch {
                Some(_) => CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed },
                None => CallError::Refused(Refusal::Closed),
            })
        });
        told.into_iter().for_each(Told::tell);
        self.deadlines.close();
        self.stop.cancel();
    }

    fn stop_now(&self) {
        for signal in &self.signals {
            drop(signal.outbox.close());
            signal.stop();
        }
    }

    fn endpoint(&self) -> &Endpoint {
        self.lanes.shown().endpoint()
    }

    fn state(&self) -> watch::Ref<'_, ConnectionState> {
        self.lanes.shown().borrow()
    }

    fn refusal(&self, state: &ConnectionState) -> Refusal {
        match state {
            ConnectionState::Down { cause } => {
                Refusal::Down { endpoint: self.endpoint().to_string(), cause: cause.clone() }
            }
            ConnectionState::Draining => Refusal::Draining,
            _ => Refusal::Closed,
        }
    }

    /// Takes a call that will not be waited for out of the queue, or tells the peer.
    fn retract(&self, id: CallId, at: OnLane) {
        let signal = &self.signals[at.lane];
        match at.epoch {
            None => drop(signal.outbox.remove(Ticket(id.to_bits()))),
            // The peer of a superseded channel cannot be told any more.
            Some(epoch) if self.abilities.cancel && epoch == self.lanes.epoch(at.lane) => {
                let packet = crate::packet::Packet::new(
                    crate::packet::Kind::Cancel,
                    id.to_bits(),
                    bytes::Bytes::new(),
                );
                let _ = signal.outbox.push(Ticket(0), Queued::new(packet));
            }
            Some(_) => {}
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
        if self.lanes.len() == 1 {
            return 0;
        }
        let turn = self.next_lane.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.lanes.len()).map(|step| (turn + step) % self.lanes.len());
        let open = turns.filter(|lane| self.lanes.is_open(*lane));
        open.min_by_key(|lane| self.signals[*lane].outbox.len()).unwrap_or(turn % self.lanes.len())
    }
}
