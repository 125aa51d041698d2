//! One call, from its payload to its outcome.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::options::WhenFull;
use super::replies::Held;
use super::state::ConnectionState;
use super::{Context, Shared};
use crate::correlation::PutError;
use crate::counters::count;
use crate::error::{CallError, MessageError, Outcome, Refusal, panic_text};
use crate::packet::{Kind, Packet, Payload};
use crate::primitives::budget::{NoRoom, Permit, Place};
use crate::primitives::in_flight::{CallId, Waiter};
use crate::primitives::lanes::OnLane;
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

/// Who watches the deadline while a call waits in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A timer of the runtime.
    Async,
    /// The calling thread itself.
    Thread,
}

/// Told the end of a call that nobody polls.
pub(crate) type Callback = Box<dyn FnOnce(Outcome<Bytes>) + Send>;

impl Shared {
    /// Sends `payload` and waits for the reply until `deadline`.
    pub(crate) async fn request(
        self: &Arc<Self>,
        payload: Payload,
        deadline: Instant,
        wait: Wait,
    ) -> Outcome<Bytes> {
        let permit = self.admit(payload.len(), deadline, wait).await?;
        let call = self.launch(payload, deadline, permit, Waiter::Task(None))?;
        InFlightCall { shared: self, id: Some(call) }.await
    }

    /// Sends `payload`; `callback` is told the outcome, whatever happens from here on.
    pub(crate) async fn request_then(
        self: &Arc<Self>,
        payload: Payload,
        deadline: Instant,
        callback: Callback,
    ) {
        let mut callback = Told(Some(callback));
        let permit = match self.admit(payload.len(), deadline, Wait::Async).await {
            Ok(permit) => permit,
            Err(error) => return callback.tell(Err(error)),
        };
        // The closure runs when the call ends, or is dropped when it could not start: either way the callback is told.
        let (shared, cell) = (Arc::downgrade(self), Arc::new(crate::sync::Mutex::new(callback)));
        let told = Arc::clone(&cell);
        let ended = Box::new(move |id, outcome: Outcome<Held>| {
            if let Some(shared) = shared.upgrade() {
                shared.deadlines.remove(id);
                shared.note_settled();
            }
            crate::sync::lock(&told).tell(outcome.map(Held::take));
        });
        if let Err(error) = self.launch(payload, deadline, permit, Waiter::Callback(ended)) {
            crate::sync::lock(&cell).tell(Err(error));
        }
    }

    /// Sends `payload` and wants no reply. Returns once it is queued.
    pub(crate) async fn one_way(
        self: &Arc<Self>,
        payload: Payload,
        deadline: Instant,
    ) -> Result<(), CallError> {
        if !self.abilities.one_way {
            return Err(self.refused(Refusal::CannotExpress(Kind::OneWay)));
        }
        let permit = match self.options.when_full {
            WhenFull::DropNewest => {
                self.check(payload.len())?;
                let Some(permit) = self.budget.try_acquire(payload.len()) else {
                    count(&self.counters.dropped_one_ways);
                    return Ok(());
                };
                permit
            }
            _ => self.admit(payload.len(), deadline, Wait::Async).await?,
        };
        let mut queued = Queued::new(Packet::new(Kind::OneWay, 0, payload));
        queued.0.permits[0] = Some(permit);
        let lane = self.pick_lane();
        let pushed = self.signals[lane].outbox.push(Ticket(0), queued);
        pushed.map_err(|_| self.refused(Refusal::Closed))?;
        self.see_to_queued(lane, None);
        Ok(())
    }

    fn refused(&self, why: Refusal) -> CallError {
        count(&self.counters.refused);
        CallError::Refused(why)
    }

    fn full(&self) -> Refusal {
        let ((count, bytes), (max_count, max_bytes)) = (self.budget.in_use(), self.budget.limits());
        Refusal::Full { count, max_count, bytes, max_bytes }
    }

    /// Whether anything of this size may start now.
    fn check(&self, size: usize) -> Result<(), CallError> {
        let limit = self.parts.packets.max_packet();
        if size > limit {
            return Err(self.refused(Refusal::TooLarge { size, limit }));
        }
        let state = self.state();
        match &*state {
            ConnectionState::Working | ConnectionState::Recovering => Ok(()),
            other => Err(self.refused(self.refusal(other))),
        }
    }

    async fn admit(
        self: &Arc<Self>,
        size: usize,
        deadline: Instant,
        wait: Wait,
    ) -> Result<Permit, CallError> {
        self.check(size)?;
        if let Some(permit) = self.budget.try_acquire(size) {
            return Ok(permit);
        }
        if self.options.when_full != WhenFull::Wait {
            return Err(self.refused(self.full()));
        }
        let line = InLine { shared: self, size, place: Place::default() };
        let admitted = match wait {
            Wait::Thread => line.await,
            Wait::Async => match timeout_at(deadline, line).await {
                Ok(admitted) => admitted,
                Err(_) => {
                    count(&self.counters.timeouts);
                    return Err(CallError::Timeout);
                }
            },
        };
        let permit = admitted.map_err(|why| {
            self.refused(match why {
                NoRoom::Closed => Refusal::Closed,
                NoRoom::Crowded => self.full(),
            })
        })?;
        self.check(size)?;
        Ok(permit)
    }

    /// Enters the call everywhere it must be known, then queues its packet.
    fn launch(
        &self,
        payload: Payload,
        deadline: Instant,
        permit: Permit,
        waiter: Waiter<Outcome<Held>>,
    ) -> Result<CallId, CallError> {
        let lane = self.pick_lane();
        let context = Context { at: OnLane::queued(lane), permit: None };
        let Some(id) = self.calls.insert(context, waiter) else {
            return Err(self.refused(Refusal::Closed));
        };
        if let Err(why) = self.put_by_id(&payload, id) {
            self.calls.cancel(id);
            return Err(self.refused(why));
        }
        self.deadlines.add(id, deadline);
        let mut queued = Queued::new(Packet::new(Kind::Request, id.to_bits(), payload));
        queued.0.deadline = self.abilities.deadline.then_some(deadline);
        queued.0.permits[0] = Some(permit);
        if self.signals[lane].outbox.push(Ticket(id.to_bits()), queued).is_err() {
            self.deadlines.remove(id);
            self.forget(id, false);
            // The close may have ended it already; either way its end is in the table, where its caller looks for it.
            if let Ok(told) = self.calls.end(id, Err(CallError::Refused(Refusal::Closed))) {
                count(&self.counters.refused);
                told.tell();
            }
        }
        self.see_to_queued(lane, Some(id));
        Ok(id)
    }

    fn put_by_id(&self, payload: &Payload, id: CallId) -> Result<(), Refusal> {
        let Some(by_id) = &self.by_id else { return Ok(()) };
        // The id is read by user code, which may panic: then the message has none.
        let put = catch_unwind(AssertUnwindSafe(|| by_id.put(payload, id)));
        let put = put.unwrap_or_else(|panic| {
            let why = format!("reading the id panicked: {}", panic_text(&*panic));
            Err(PutError::Id(MessageError::new(why)))
        });
        put.map_err(|error| match error {
            PutError::Id(error) => Refusal::Encode(error),
            PutError::Taken(id, state) => Refusal::DuplicateId { id, state },
        })
    }
}

/// Waits in line for room; leaves the line when dropped.
struct InLine<'a> {
    shared: &'a Shared,
    size: usize,
    place: Place,
}

impl Future for InLine<'_> {
    type Output = Result<Permit, NoRoom>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.shared.budget.poll_acquire(&mut this.place, this.size, cx)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.shared.budget.leave(&mut self.place);
    }
}

/// A call on its way; dropping it takes the call back.
struct InFlightCall<'a> {
    shared: &'a Shared,
    id: Option<CallId>,
}

impl Future for InFlightCall<'_> {
    type Output = Outcome<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Outcome<Bytes>> {
        let Some(id) = self.id else { return Poll::Pending };
        let Poll::Ready(outcome) = self.shared.calls.poll(id, cx) else {
            return Poll::Pending;
        };
        self.id = None;
        self.shared.deadlines.remove(id);
        self.shared.note_settled();
        Poll::Ready(outcome.map_or(Err(CallError::Cancelled), |(_context, outcome)| outcome.map(Held::take)))
    }
}

impl Drop for InFlightCall<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        self.shared.deadlines.remove(id);
        if let Some((context, _waiter)) = self.shared.calls.cancel(id) {
            self.shared.retract(id, context.at);
            self.shared.note_settled();
        }
    }
}

/// A callback that is told exactly once; dropped untold, its call was cancelled.
struct Told(Option<Callback>);

impl Told {
    fn tell(&mut self, outcome: Outcome<Bytes>) {
        if let Some(callback) = self.0.take() {
            callback(outcome);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell(Err(CallError::Cancelled));
    }
}

/// Runs `future` on this plain thread until `deadline`; `None` when that passed first.
pub(crate) fn block_until<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut cx = TaskContext::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Whether a call may block this thread.
pub(crate) fn is_inside_runtime() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}
