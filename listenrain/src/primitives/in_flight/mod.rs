//! The slots of calls in flight: each is ended exactly once.

mod slots;

use std::task::{Context, Poll, Waker};

use self::slots::{Slots, State};
use crate::sync::{Mutex, lock, mutant};

/// A slot and its generation: the id that the library chooses. A slot that is used again has another generation, so a
/// late reply finds no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl CallId {
    /// The id as it stands in a packet header: generation in the high half, slot in the low.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// The id that [`to_bits`](Self::to_bits) wrote.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Calls in flight. `C` is what is known of a call while it waits, `O` how it ended.
#[derive(Debug)]
pub(crate) struct InFlight<C, O> {
    slots: Mutex<Slots<C, O>>,
}

/// What is told the end of a call.
pub(crate) enum Waiter<O> {
    /// A task that polls the slot; its waker, once there is one.
    Task(Option<Waker>),
    /// A callback, called by the task that ends the call.
    Callback(Callback<O>),
}

type Callback<O> = Box<dyn FnOnce(CallId, O) + Send>;

/// What is left to do for an ended call once no lock is held: a caller to tell, and its data to drop.
pub(crate) struct Told<C, O> {
    next: Next<O>,
    context: C,
}

pub(crate) enum Next<O> {
    /// The caller's task has left no waker yet; the outcome waits in the slot until that polls.
    Nobody,
    Wake(Waker),
    Call(Callback<O>, CallId, O),
}

impl<C, O> Told<C, O> {
    pub(crate) fn tell(self) {
        // What the call held is free before anybody is told.
        drop(self.context);
        match self.next {
            Next::Nobody => {}
            Next::Wake(waker) => waker.wake(),
            Next::Call(callback, id, outcome) => callback(id, outcome),
        }
    }
}

/// What becomes of a call whose channel is lost.
pub(crate) enum Fate<O> {
    End(O),
    /// It waits on, to leave on another channel.
    GoesOn,
}

impl<C, O> InFlight<C, O> {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(Slots::new()) }
    }

    /// A slot for a new call; `None` after [`close`](Self::close), under the same lock, so that none is overlooked.
    #[inline]
    pub(crate) fn insert(&self, context: C, waiter: Waiter<O>) -> Option<CallId> {
        lock(&self.slots).insert(context, waiter)
    }

    /// Ends the calls of a whole batch that has come on `channel` under one lock; `told` gets what is left to do, `late` is
    /// called for each reply without a waiting call on that channel.
    pub(crate) fn end_all(
        &self,
        channel: u64,
        batch: impl IntoIterator<Item = (CallId, O)>,
        told: &mut Vec<Told<C, O>>,
        mut late: impl FnMut(O),
    ) {
        let mut slots = lock(&self.slots);
        for (id, outcome) in batch {
            let is_its_own = slots.has_left_on(id, channel) || mutant("in_flight: any channel ends a call");
            match if is_its_own { slots.end(id, outcome) } else { Err(outcome) } {
                Ok(next) => told.push(next),
                Err(outcome) => late(outcome),
            }
        }
    }

    /// Ends one call; gives the outcome back when no caller waits for it any more.
    pub(crate) fn end(&self, id: CallId, outcome: O) -> Result<Told<C, O>, O> {
        lock(&self.slots).end(id, outcome)
    }

    /// As [`end`](Self::end) for a call that still waits, with an outcome that depends on what is known of it at that very
    /// moment; `None` when it has ended.
    pub(crate) fn end_with<R>(
        &self,
        id: CallId,
        outcome: impl FnOnce(&mut C) -> (O, R),
    ) -> Option<(Told<C, O>, R)> {
        let mut slots = lock(&self.slots);
        let State::Waiting(context, _) = slots.state(id)? else { return None };
        let (outcome, read) = outcome(context);
        if mutant("in_flight: end_with reads and ends under two locks") {
            drop(slots);
            slots = lock(&self.slots);
        }
        slots.end(id, outcome).ok().map(|told| (told, read))
    }

    /// The outcome, once; frees the slot with it.
    #[inline]
    pub(crate) fn poll(&self, id: CallId, cx: &mut Context<'_>) -> Poll<Option<O>> {
        let mut slots = lock(&self.slots);
        match slots.state(id) {
            None => Poll::Ready(None),
            Some(State::Waiting(_, Waiter::Task(waker))) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None if mutant("in_flight: poll forgets its waker") => {}
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            _ => Poll::Ready(match slots.take(id) {
                Some(State::Done(outcome)) => Some(outcome),
                _ => None,
            }),
        }
    }

    /// Ends a call without an outcome: its caller went away. Gives what it held when it was still waiting, to be
    /// dropped outside the lock.
    pub(crate) fn cancel(&self, id: CallId) -> Option<(C, Waiter<O>)> {
        // What nobody came for ends here, outside the lock: its end may run code of the user's.
        let was = lock(&self.slots).take(id);
        match was? {
            State::Waiting(context, waiter) => Some((context, waiter)),
            _ => None,
        }
    }

    pub(crate) fn is_waiting(&self, id: CallId) -> bool {
        self.with(id, |_| ()).is_some() || mutant("in_flight: a call that has ended still seems to wait")
    }

    /// Changes what is known of a waiting call; `None` when it has ended.
    pub(crate) fn with<R>(&self, id: CallId, change: impl FnOnce(&mut C) -> R) -> Option<R> {
        let mut slots = lock(&self.slots);
        match slots.state(id)? {
            State::Waiting(context, _) => Some(change(context)),
            _ => None,
        }
    }

    /// Takes out of `items` those whose call has ended, and those for which `change` returns `false`; an item without a call
    /// stays. The calls of those that stay have left on `channel` from now on, in this order.
    pub(crate) fn leave<T>(
        &self,
        channel: u64,
        items: &mut Vec<T>,
        id_of: impl Fn(&T) -> Option<CallId>,
        mut change: impl FnMut(&mut T, &mut C) -> bool,
    ) {
        let mut slots = lock(&self.slots);
        let list = slots.list_of(channel);
        let mut leaves = |item: &mut T| {
            let Some(id) = id_of(item) else { return true };
            let Some(State::Waiting(context, _)) = slots.state(id) else { return false };
            if !change(item, context) {
                return false;
            }
            slots.unlink(id.slot);
            slots.link(id.slot, list);
            true
        };
        let left_out: Vec<T> = items.extract_if(.., |item| !leaves(item)).collect();
        // Dropping a packet may run code of the user's, and wake callers.
        drop(slots);
        drop(left_out);
    }

    /// Whether a call waits and has left on `channel`.
    pub(crate) fn has_left_on(&self, id: CallId, channel: u64) -> bool {
        lock(&self.slots).has_left_on(id, channel)
    }

    /// Calls that have left on `channel` and wait.
    pub(crate) fn left_on(&self, channel: u64) -> usize {
        lock(&self.slots).left_on(channel).len
    }

    /// Decides about every waiting call that has left on `channel`, in the order in which they left.
    pub(crate) fn end_left_on(
        &self,
        channel: u64,
        mut fate: impl FnMut(CallId, &mut C) -> Option<Fate<O>>,
    ) -> Vec<Told<C, O>> {
        let mut slots = lock(&self.slots);
        let (mut told, mut next) = (Vec::new(), slots.left_on(channel).first);
        while let Some(slot) = next {
            next = slots.behind(slot);
            let id = slots.id(slot);
            let Some(State::Waiting(context, _)) = slots.state(id) else { continue };
            match fate(id, context) {
                Some(Fate::End(outcome)) => told.extend(slots.end(id, outcome).ok()),
                Some(Fate::GoesOn) => slots.unlink(slot),
                None => {}
            }
        }
        told
    }

    /// Ends every waiting call for which `outcome` answers. It looks at all of them.
    pub(crate) fn end_where(&self, outcome: impl FnMut(CallId, &mut C) -> Option<O>) -> Vec<Told<C, O>> {
        lock(&self.slots).end_where(outcome)
    }

    /// Admits no more calls, and ends those that wait.
    pub(crate) fn close(&self, mut outcome: impl FnMut(CallId, &mut C) -> O) -> Vec<Told<C, O>> {
        let mut slots = lock(&self.slots);
        slots.is_closed = !mutant("in_flight: close lets callers in");
        slots.end_where(|id, context| Some(outcome(id, context)))
    }

    /// Shows every waiting call to `see`.
    pub(crate) fn for_each(&self, mut see: impl FnMut(CallId, &mut C)) {
        self.end_where(|id, context| {
            see(id, context);
            None
        });
    }

    /// Calls that wait for their end.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.slots).waiting
    }
}
