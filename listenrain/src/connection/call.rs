//! A call, from its payload to its outcome.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::Shared;
use super::clock::Clock;
use super::context::Context;
use super::options::Overflow;
use super::replies::Held;
use crate::correlation::PutError;
use crate::counters::count;
use crate::error::{CallError, Outcome, Refusal};
use crate::packet::{Kind, Packet, Payload};
use crate::primitives::budget::Permit;
use crate::primitives::in_flight::{CallId, Waiter};
use crate::primitives::outbox::Ticket;
use crate::queued::{Queued, Room};

/// Who watches the deadline of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The keeper of its connection, or a timer of another runtime.
    Async,
    /// The calling thread itself.
    Thread,
}

impl Wait {
    pub(super) fn clock(self) -> Clock {
        match self {
            Self::Async => Clock::Unset,
            Self::Thread => Clock::Thread,
        }
    }
}

/// Told the end of a call that is not awaited, and given its place to hold until it has passed that on.
pub(crate) type Callback = Box<dyn FnOnce(Outcome<Held>, Option<Permit>) + Send>;

impl Shared {
    /// Sends `payload` and waits for the reply until `deadline`.
    pub(crate) async fn request(
        self: &Arc<Self>,
        payload: Payload,
        deadline: Instant,
        wait: Wait,
    ) -> Outcome<Bytes> {
        let room = self.admit(payload.len(), deadline, wait).await?;
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let mut clock = wait.clock();
        clock.set(deadline, self.home);
        // The halves of a channel are polled on no other runtime than the connection's.
        let id = self.launch(payload, deadline, room, Waiter::Task(Some(waker)), clock.is_at_home())?;
        InFlightCall { shared: self, id: Some(id), is_new: true, deadline, clock }.await
    }

    /// Sends `payload`; `callback` is told the outcome, whatever happens from here on.
    pub(crate) async fn request_then(
        self: &Arc<Self>,
        payload: Payload,
        deadline: Instant,
        callback: Callback,
    ) {
        let mut callback = Told(Some(callback), None);
        let mut room = match self.admit(payload.len(), deadline, Wait::Async).await {
            Ok(room) => room,
            Err(error) => return callback.tell(Err(error)),
        };
        // It is given back when the state machine has been told, so that no more of them wait than calls may be in flight.
        callback.1 = room.place.take();
        // The closure runs when the call ends, or is dropped when it could not start: either way the callback is told.
        let (shared, cell) = (Arc::downgrade(self), Arc::new(crate::sync::Mutex::new(callback)));
        let told = Arc::clone(&cell);
        let ended = Box::new(move |id, outcome: Outcome<Held>| {
            if let Some(shared) = shared.upgrade() {
                shared.deadlines.remove(id);
                shared.note_settled();
            }
            crate::sync::lock(&told).tell(outcome);
        });
        if let Err(error) = self.launch(payload, deadline, room, Waiter::Callback(ended), false) {
            crate::sync::lock(&cell).tell(Err(error));
        }
    }

    /// Sends `payload` and wants no reply. Returns once it is queued.
    pub(crate) async fn one_way(
        self: &Arc<Self>,
        payload: Payload,
        deadline: Instant,
    ) -> Result<(), CallError> {
        if !self.parts.packets.capabilities.one_way {
            return Err(self.refused(Refusal::CannotExpress(Kind::OneWay)));
        }
        let room = if self.options.overflow == Overflow::Drop {
            self.check(payload.len())?;
            let Some(room) = self.try_room(payload.len()) else {
                count(&self.counters.dropped_one_ways);
                return Ok(());
            };
            room
        } else {
            self.admit(payload.len(), deadline, Wait::Async).await?
        };
        let queued = Queued::with_room(Packet::new(Kind::OneWay, 0, payload), None, room);
        let lane = self.pick_lane();
        let pushed = self.traffic.queues[lane].outbox.push(Ticket(0), queued);
        pushed.map_err(|_| self.refused(self.refusal_when_closed()))?;
        self.refusing(|refusing| self.traffic.see_to_queued(lane, None, refusing));
        self.see_to_queue(lane);
        Ok(())
    }

    /// Registers the call, then queues its packet; a caller without other calls in flight writes it itself where it may.
    fn launch(
        &self,
        payload: Payload,
        deadline: Instant,
        room: Room,
        waiter: Waiter<Outcome<Held>>,
        may_write: bool,
    ) -> Result<CallId, CallError> {
        let lane = self.pick_lane();
        let Some(id) = self.traffic.calls.insert(Context::queued(lane, deadline), waiter) else {
            return Err(self.refused(self.refusal_when_closed()));
        };
        if let Err(why) = self.put_by_id(&payload, id) {
            self.traffic.calls.cancel(id);
            return Err(self.refused(why));
        }
        self.watch_deadline(id, deadline);
        let packet = self.packet(id, payload, deadline, room);
        // With others it leaves in one write. One who does not wait for the end of its call may be about to start more.
        let is_alone = || may_write && self.traffic.calls.waiting() == 1;
        let write = |writer: &Waker| is_alone() && self.links[lane].write(writer);
        self.refusing(|refusing| self.traffic.queue(lane, id, packet, write, refusing));
        self.see_to_queue(lane);
        Ok(id)
    }

    /// The packet of a call, to be queued.
    pub(super) fn packet(&self, id: CallId, payload: Payload, deadline: Instant, room: Room) -> Queued {
        let packet = Packet::new(Kind::Request, id.to_bits(), payload);
        Queued::with_room(packet, self.parts.packets.capabilities.deadline.then_some(deadline), room)
    }

    fn put_by_id(&self, payload: &Payload, id: CallId) -> Result<(), Refusal> {
        let Some(by_id) = &self.by_id else { return Ok(()) };
        by_id.put(payload, id).map_err(|error| match error {
            PutError::Id(error) => Refusal::Encode(error),
            PutError::Taken(id, state) => Refusal::DuplicateId { id, state },
            PutError::Panicked(text) => {
                count(&self.counters.panics);
                Refusal::Panicked { part: "pool of calls", text }
            }
        })
    }
}

/// A call on its way; dropping it takes the call back.
struct InFlightCall<'a> {
    shared: &'a Shared,
    id: Option<CallId>,
    /// It has not been polled since the call was launched with its task's waker: if the call has ended meanwhile, its task has
    /// been woken.
    is_new: bool,
    deadline: Instant,
    clock: Clock,
}

impl InFlightCall<'_> {
    fn poll_outcome(&mut self, id: CallId, cx: &mut TaskContext<'_>) -> Poll<Outcome<Bytes>> {
        let Poll::Ready(outcome) = self.shared.traffic.calls.poll(id, cx) else { return Poll::Pending };
        self.id = None;
        self.shared.deadlines.remove(id);
        self.shared.note_settled();
        Poll::Ready(outcome.map_or(Err(CallError::Cancelled), |outcome| outcome.map(Held::take)))
    }
}

impl Future for InFlightCall<'_> {
    type Output = Outcome<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Outcome<Bytes>> {
        let this = &mut *self;
        let Some(id) = this.id else { return Poll::Pending };
        let is_new = std::mem::take(&mut this.is_new);
        let polled = if is_new { Poll::Pending } else { this.poll_outcome(id, cx) };
        if polled.is_pending() && this.clock.is_past(this.deadline, this.shared.home, cx) {
            this.shared.time_out(id);
            return this.poll_outcome(id, cx);
        }
        polled
    }
}

impl Drop for InFlightCall<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        self.shared.deadlines.remove(id);
        if let Some((context, _waiter)) = self.shared.traffic.calls.cancel(id) {
            self.shared.traffic.take_back(id, context.at);
            self.shared.say_cancelled(id, context.at);
            drop(context);
            self.shared.note_settled();
        }
    }
}

/// A callback that is told exactly once; dropped untold, its call was cancelled. Beside it the place of the call.
struct Told(Option<Callback>, Option<Permit>);

impl Told {
    fn tell(&mut self, outcome: Outcome<Held>) {
        if let Some(callback) = self.0.take() {
            callback(outcome, self.1.take());
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell(Err(CallError::Cancelled));
    }
}
