//! State that the users, the lanes and the keeper of a connection share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::runtime::Id;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::Context;
use super::failures::Failures;
use super::replies::{Held, Replies};
use super::role::Caller;
use super::state::{ConnectionState, Watched};
use super::{Callbacks, ConnectionOptions, GRACE};
use crate::correlation::ById;
use crate::counters::Counters;
use crate::endpoint::Endpoint;
use crate::error::{CallError, LinkError, Outcome, Refusal, Sent};
use crate::link::{Idle, LinkSlot, Signal};
use crate::packet::{Kind, Packet};
use crate::primitives::budget::Account;
use crate::primitives::deadlines::Deadlines;
use crate::primitives::in_flight::CallId;
use crate::primitives::lanes::OnLane;
use crate::primitives::outbox::Ticket;
use crate::primitives::traffic::Traffic;
use crate::protocol::Parts;
use crate::queued::Queued;
use crate::timers::{GuardedTimers, TimersFault};

pub(crate) struct Shared {
    pub(super) parts: Arc<Parts>,
    pub(super) options: ConnectionOptions,
    /// Its calls, lanes, and the queue of each lane with what steers its link.
    pub(super) traffic: Traffic<Watched, Box<Context>, Outcome<Held>, Signal>,
    /// The link of each lane that is open.
    pub(super) links: Box<[LinkSlot<Caller>]>,
    pub(super) by_id: Option<Box<dyn ById>>,
    /// Requests in flight, and their bytes.
    pub(super) places: Arc<Account>,
    pub(super) memory: Arc<Account>,
    pub(super) replies: Arc<Replies>,
    /// Where callbacks run.
    pub(crate) callbacks: Arc<Callbacks>,
    pub(super) deadlines: Deadlines<GuardedTimers>,
    pub(super) timers_fault: Arc<TimersFault>,
    pub(super) failures: Failures,
    pub(super) next_lane: AtomicUsize,
    pub(crate) counters: Arc<Counters>,
    pub(super) idle: Arc<Idle>,
    /// Told whenever a call ends while draining or while a superseded channel finishes.
    pub(super) settled: Notify,
    /// Superseded channels that have calls to finish.
    pub(super) finishing: AtomicUsize,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// The runtime whose tasks drive it.
    pub(super) home: Option<Id>,
    /// That runtime is gone.
    pub(super) is_abandoned: AtomicBool,
}

impl Shared {
    /// Whether nothing is in flight and nothing waits for a lane. What waits on an open one is written as it finishes.
    pub(super) fn is_settled(&self) -> bool {
        let has_way_out = |(lane, signal): (usize, &Arc<Signal>)| {
            self.traffic.lanes.is_open(lane) || signal.outbox.len() == 0
        };
        self.traffic.calls.waiting() == 0 && self.traffic.queues.iter().enumerate().all(has_way_out)
    }

    /// Ends the channels, those that have not written what is queued by `deadline` as well. Each tells what has not left on it.
    pub(super) async fn end_channels(&self, deadline: Instant) {
        self.stop.cancel();
        self.traffic.queues.iter().for_each(|signal| signal.write_out());
        let _ = timeout_at(deadline, self.channels_ended()).await;
        self.traffic.queues.iter().for_each(|signal| signal.stop());
        // A half of the user's may block its task.
        let _ = timeout(GRACE, self.channels_ended()).await;
    }

    async fn channels_ended(&self) {
        loop {
            let settled = self.settled.notified();
            let is_open = |lane| self.traffic.lanes.is_open(lane);
            if !self.is_finishing() && !(0..self.traffic.lanes.len()).any(is_open) {
                return;
            }
            settled.await;
        }
    }

    /// Admits no more calls, and ends every call that is left.
    pub(super) fn shut(&self) {
        self.places.budget().close();
        self.memory.budget().close();
        self.traffic.close(ConnectionState::Closed, |context| {
            Err(match context.at.epoch {
                Some(_) => CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed },
                None => CallError::Refused(self.refusal_when_closed()),
            })
        });
        // The keeper ends with its deadlines, and is not to take that for the end of its runtime.
        self.stop.cancel();
        self.deadlines.close();
    }

    /// The tasks that drive it are gone: nothing else ends its calls. Does nothing once it is closed.
    pub(super) fn abandon(&self) {
        if !self.deadlines.is_closed() {
            self.is_abandoned.store(true, Ordering::Release);
            self.shut();
            self.stop_now();
        }
    }

    /// Why nothing is taken once it is closed.
    pub(super) fn refusal_when_closed(&self) -> Refusal {
        if self.is_abandoned.load(Ordering::Acquire) { Refusal::RuntimeGone } else { Refusal::Closed }
    }

    pub(super) fn stop_now(&self) {
        self.traffic.close_queues();
        self.traffic.queues.iter().for_each(|signal| signal.stop());
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.traffic.lanes.shown().endpoint
    }

    pub(super) fn state(&self) -> watch::Ref<'_, ConnectionState> {
        self.traffic.lanes.shown().states.borrow()
    }

    pub(super) fn refusal(&self, state: &ConnectionState) -> Refusal {
        match state {
            ConnectionState::Down { cause } => {
                Refusal::Down { endpoint: self.endpoint().to_string(), cause: cause.clone() }
            }
            ConnectionState::Draining => Refusal::Draining,
            _ => self.refusal_when_closed(),
        }
    }

    /// Tells the peer of a call that has left and whose caller no longer waits.
    pub(super) fn say_cancelled(&self, id: CallId, at: OnLane) {
        let can_cancel = self.parts.packets.capabilities.cancel;
        // The peer of a superseded channel cannot be told any more.
        if can_cancel && at.epoch == Some(self.traffic.lanes.epoch(at.lane)) {
            let packet = Packet::new(Kind::Cancel, id.to_bits(), bytes::Bytes::new());
            let _ = self.traffic.outbox(at.lane).push(Ticket(0), Queued::new(packet));
        }
        self.forget(id, at.epoch.is_some());
    }

    /// The call ended without its reply.
    pub(super) fn forget(&self, id: CallId, reply_may_come: bool) {
        if let Some(by_id) = &self.by_id {
            by_id.forget(id, reply_may_come);
        }
    }

    pub(super) fn note_settled(&self) {
        if self.is_finishing() || matches!(*self.state(), ConnectionState::Draining) {
            self.settled.notify_waiters();
        }
    }

    /// The open lane with the least to write, or the next in turn when none is open.
    pub(super) fn pick_lane(&self) -> usize {
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
