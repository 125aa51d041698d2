//! Where a link stands that others than its task may write with.

use std::future::Future;
use std::pin::Pin;
use std::sync::TryLockError;
use std::task::{Context, Poll, Waker, ready};

use super::signal::Wish;
use super::{Link, LinkEvent, Phase, Role};
use crate::error::LinkError;
use crate::guard::guard;
use crate::sync::{Mutex, lock};

/// The link of a lane while it has one. Its task drives it; while that rests, a caller may write its packet in the task's
/// place, which saves waking it.
pub(crate) struct LinkSlot<R>(Mutex<Option<Link<R>>>);

impl<R> Default for LinkSlot<R> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<R: Role + Unpin> LinkSlot<R> {
    /// Puts a link here, until it has something to tell or the guard is dropped.
    pub(crate) fn place(&self, link: Link<R>) -> Placed<'_, R> {
        *lock(&self.0) = Some(link);
        Placed(self)
    }

    /// Writes what is queued in the place of the task that `writer` wakes; `false` where that has to be woken.
    pub(crate) fn write(&self, writer: &Waker) -> bool {
        let mut slot = match self.0.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
            // Its task is at work, and looks once more when it is woken.
            Err(TryLockError::WouldBlock) => return false,
        };
        slot.as_mut().is_some_and(|link| link.write_in_place(&mut Context::from_waker(writer)))
    }
}

impl<R: Role> Link<R> {
    /// Writes what is queued in the place of the task that `cx` wakes, which rests. Says whether that may go on resting: there
    /// may be more for it to do than to write a packet.
    fn write_in_place(&mut self, cx: &mut Context<'_>) -> bool {
        let is_plain = self.signal.wish() == Wish::Open
            && self.phase == Phase::Open
            && !self.is_tick_due()
            && self.writing.is_empty()
            // Where several came together they will again, and leave in one write.
            && self.writing.last_batch <= 1;
        if !is_plain || self.fault.is_some() {
            return false;
        }
        match guard(|| self.greet().and_then(|()| self.write_some(cx))) {
            Ok(Ok(_)) => return self.writing.is_at_rest() && self.rest(Wish::Open, cx),
            Ok(Err(fault)) => self.fault = Some(fault),
            Err(panic) => self.fault = Some(LinkError::Panic(panic)),
        }
        false
    }
}

/// A link that stands in its slot, as a future that gives the link back with what that has to tell.
pub(crate) struct Placed<'a, R>(&'a LinkSlot<R>);

impl<R> Placed<'_, R> {
    /// Changes the link.
    pub(crate) fn with(&self, change: impl FnOnce(&mut R)) {
        if let Some(link) = &mut *lock(&self.0.0) {
            change(&mut link.role);
        }
    }

    /// Takes the link out; `None` when it has been given back.
    pub(crate) fn take(&self) -> Option<Link<R>> {
        lock(&self.0.0).take()
    }
}

impl<R: Role + Unpin> Future for Placed<'_, R> {
    type Output = (Link<R>, LinkEvent);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0.0);
        let Some(link) = &mut *slot else { return Poll::Pending };
        let event = ready!(Pin::new(link).poll(cx));
        // What has ended is not to be written with.
        slot.take().map_or(Poll::Pending, |link| Poll::Ready((link, event)))
    }
}

impl<R> Drop for Placed<'_, R> {
    fn drop(&mut self) {
        // The role may hold what holds the slot. What is dropped may be code of the user's: the slot is free by then.
        let left = self.take();
        drop(left);
    }
}
