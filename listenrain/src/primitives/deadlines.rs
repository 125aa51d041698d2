//! The deadlines of calls, and the keeper that sleeps until the next of them.

use std::task::Waker;

use super::in_flight::CallId;
use crate::sync::{Mutex, MutexGuard, lock, mutant};

/// What puts deadlines in order. The library's timers are one, and those of its users.
pub(crate) trait Order {
    /// A moment.
    type Time: Copy + Ord + std::fmt::Debug;

    fn add(&mut self, call: CallId, deadline: Self::Time);
    fn remove(&mut self, call: CallId);
    /// When to look for expired calls next.
    fn next(&mut self) -> Option<Self::Time>;
    /// Removes one call whose deadline `now` has reached, and gives it.
    fn expired(&mut self, now: Self::Time) -> Option<CallId>;
}

/// Deadlines that callers add and remove while one keeper looks at them. A call whose deadline is removed while the
/// keeper looks may be among the expired all the same: the table of calls says which end counts.
#[derive(Debug)]
pub(crate) struct Deadlines<T: Order> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T: Order> {
    order: T,
    /// What the keeper sleeps until, when it sleeps for a deadline.
    armed: Option<T::Time>,
    keeper: Option<Waker>,
    closed: bool,
}

impl<T: Order> Deadlines<T> {
    pub(crate) fn new(order: T) -> Self {
        Self { inner: Mutex::new(Inner { order, armed: None, keeper: None, closed: false }) }
    }

    /// Watches `call`; wakes the keeper when it would sleep too long.
    pub(crate) fn add(&self, call: CallId, deadline: T::Time) {
        let mut inner = lock(&self.inner);
        inner.order.add(call, deadline);
        if inner.armed.is_none_or(|armed| deadline < armed) {
            inner.armed = Some(deadline);
            if !mutant("deadlines: an earlier deadline wakes nobody") {
                wake(inner);
            }
        }
    }

    pub(crate) fn remove(&self, call: CallId) {
        if !mutant("deadlines: an ended call is watched on") {
            lock(&self.inner).order.remove(call);
        }
    }

    /// Ends the keeper.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        if !mutant("deadlines: close wakes nobody") {
            wake(inner);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.inner).closed
    }

    /// Takes the expired calls out; gives when to look again, or `None` once closed. `keeper` is woken when that changes.
    pub(crate) fn look(
        &self,
        now: T::Time,
        keeper: &Waker,
        expired: &mut Vec<CallId>,
    ) -> Option<Option<T::Time>> {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return None;
        }
        expired.extend(std::iter::from_fn(|| inner.order.expired(now)));
        inner.armed = inner.order.next();
        let next = inner.armed;
        if mutant("deadlines: the keeper looks and goes to sleep under two locks") {
            drop(inner);
            inner = lock(&self.inner);
        }
        inner.keeper = Some(keeper.clone());
        Some(next)
    }
}

/// Wakes the keeper outside the lock.
fn wake<T: Order>(mut inner: MutexGuard<'_, Inner<T>>) {
    let keeper = inner.keeper.take();
    drop(inner);
    if let Some(keeper) = keeper {
        keeper.wake();
    }
}
