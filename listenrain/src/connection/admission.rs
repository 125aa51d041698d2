//! Admission of calls: room for one more, at once or in line until its deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use tokio::time::Instant;

use super::clock::Clock;
use super::context::{Context, InLine};
use super::options::Overflow;
use super::state::ConnectionState;
use super::{Shared, Wait};
use crate::counters::count;
use crate::error::{CallError, Refusal};
use crate::primitives::budget::{NoRoom, Permit, Place};
use crate::primitives::in_flight::{CallId, Waiter};
use crate::queued::Room;

impl Shared {
    pub(super) fn refused(&self, why: Refusal) -> CallError {
        count(&self.counters.refused);
        CallError::Refused(why)
    }

    fn full(&self) -> Refusal {
        let ((places, memory), limits) = ((self.places.in_use(), self.memory.in_use()), &self.options.limits);
        Refusal::Full {
            count: places as usize,
            max_count: limits.requests,
            bytes: memory as usize,
            max_bytes: limits.bytes,
        }
    }

    /// Whether anything of this size may start now.
    pub(super) fn check(&self, size: usize) -> Result<(), CallError> {
        let limit = self.parts.packets.limit;
        if size > limit {
            return Err(self.refused(Refusal::TooLarge { size, limit }));
        }
        let state = self.state();
        match &*state {
            ConnectionState::Working | ConnectionState::Recovering => Ok(()),
            other => Err(self.refused(self.refusal(other))),
        }
    }

    /// Room at once, or none; those in line are not overtaken.
    pub(super) fn try_room(&self, size: usize) -> Option<Room> {
        let place = Some(self.places.try_acquire(1)?);
        let memory = Some(self.memory.try_acquire(size as u64)?);
        Some(Room { place, memory })
    }

    /// Room for a request of `size` bytes, at once, or as the connection's policy has it.
    pub(super) async fn admit(
        self: &Arc<Self>,
        size: usize,
        deadline: Instant,
        wait: Wait,
    ) -> Result<Room, CallError> {
        self.check(size)?;
        if let Some(room) = self.try_room(size) {
            return Ok(room);
        }
        if self.options.overflow != Overflow::Wait {
            return Err(self.refused(self.full()));
        }
        let context = Context::queued(0, deadline);
        let Some(id) = self.traffic.calls.insert(context, Waiter::Task(None)) else {
            return Err(self.refused(Refusal::Closed));
        };
        self.watch_deadline(id, deadline);
        let (place, memory) = (Place::default(), Place::default());
        let line = InLineFor { shared: self, id, size, place, memory, deadline, clock: wait.clock() };
        let room = line.await?;
        self.check(size)?;
        Ok(room)
    }
}

/// Waits in line for room; leaves the line when dropped. The table has an entry for it, so that its deadline, or a close, takes
/// it out of the line also while it is not polled.
struct InLineFor<'a> {
    shared: &'a Arc<Shared>,
    id: CallId,
    size: usize,
    place: Place,
    memory: Place,
    deadline: Instant,
    clock: Clock,
}

impl InLineFor<'_> {
    /// Goes on with the wait, and remembers in the table where it stands and what it has.
    fn poll_room(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), NoRoom>> {
        let (shared, id) = (self.shared, self.id);
        if shared.traffic.calls.with(id, |context| context.room.place.is_some()) == Some(false) {
            let polled = shared.places.poll_acquire(&mut self.place, 1, cx);
            let permit = ready!(note(shared, id, polled, InLine::ForPlace(self.place)))?;
            shared.traffic.calls.with(id, |context| context.room.place = Some(permit));
        }
        let polled = shared.memory.poll_acquire(&mut self.memory, self.size as u64, cx);
        let permit = ready!(note(shared, id, polled, InLine::ForMemory(self.memory)))?;
        shared.traffic.calls.with(id, |context| context.room.memory = Some(permit));
        Poll::Ready(Ok(()))
    }

    fn leave_if_over(&mut self) {
        if !self.shared.traffic.calls.is_waiting(self.id) {
            self.shared.places.leave(&mut self.place);
            self.shared.memory.leave(&mut self.memory);
        }
    }

    /// How the wait has ended, if it has.
    fn poll_end(&mut self, cx: &mut TaskContext<'_>) -> Poll<CallError> {
        let ended = ready!(self.shared.traffic.calls.poll(self.id, cx));
        Poll::Ready(match ended {
            Some(Err(error)) => error,
            _ => CallError::Cancelled,
        })
    }
}

fn note(
    shared: &Shared,
    id: CallId,
    polled: Poll<Result<Permit, NoRoom>>,
    line: InLine,
) -> Poll<Result<Permit, NoRoom>> {
    let line = polled.is_pending().then_some(line);
    shared.traffic.calls.with(id, |context| context.line = line);
    polled
}

impl Future for InLineFor<'_> {
    type Output = Result<Room, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(error) = this.poll_end(cx) {
            return Poll::Ready(Err(error));
        }
        match this.poll_room(cx) {
            Poll::Ready(Ok(())) => {
                this.shared.deadlines.remove(this.id);
                let Some((context, _)) = this.shared.traffic.calls.cancel(this.id) else {
                    return this.poll_end(cx).map(Err);
                };
                Poll::Ready(Ok(context.room))
            }
            Poll::Ready(Err(why)) => {
                // Its deadline may have passed meanwhile.
                if let Poll::Ready(error) = this.poll_end(cx) {
                    return Poll::Ready(Err(error));
                }
                let why = match why {
                    NoRoom::Closed => this.shared.refusal_when_closed(),
                    NoRoom::Crowded => this.shared.full(),
                };
                Poll::Ready(Err(this.shared.refused(why)))
            }
            Poll::Pending => {
                if this.clock.is_past(this.deadline, this.shared.home, cx) {
                    this.shared.time_out(this.id);
                }
                // It may have ended before the table knew where it stands.
                this.leave_if_over();
                this.poll_end(cx).map(Err)
            }
        }
    }
}

impl Drop for InLineFor<'_> {
    fn drop(&mut self) {
        self.shared.places.leave(&mut self.place);
        self.shared.memory.leave(&mut self.memory);
        self.shared.deadlines.remove(self.id);
        drop(self.shared.traffic.calls.cancel(self.id));
        self.shared.note_settled();
    }
}
