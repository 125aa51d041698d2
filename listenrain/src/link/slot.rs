//! `LinkSlot`: the link of a lane, which its task drives and a caller may write with.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::signal::Wish;
use super::{Link, LinkEvent, Phase, Role};
use crate::error::LinkError;
use crate::guard::guard;
use crate::primitives::owner_lock::OwnerLock;

/// The link of a lane while it has one. Its task drives it; while that rests, a caller may write its packet in the task's
/// place, which saves waking it.
///
/// It lies on the heap, since it is some hundred words long and is given by value.
pub(crate) struct LinkSlot<R>(OwnerLock<Option<Box<Link<R>>>>);

impl<R> Default for LinkSlot<R> {
    fn default() -> Self {
        Self(OwnerLock::new(None))
    }
}

impl<R: Role + Unpin> LinkSlot<R> {
    /// Puts a link here, until it has something to tell or the guard is dropped.
    pub(crate) fn place(&self, link: Link<R>) -> Placed<'_, R> {
        self.0.own(|slot| *slot = Some(Box::new(link)));
        Placed(self)
    }

    /// A caller writes what is queued, in the place of the link's task, which `writer` wakes. `false` where the caller has to
    /// wake the task.
    pub(crate) fn write(&self, writer: &Waker) -> bool {
        let mut cx = Context::from_waker(writer);
        self.0.borrow(|slot| slot.as_mut().is_some_and(|link| link.write_in_place(&mut cx)))
    }
}

impl<R: Role> Link<R> {
    /// A caller writes what is queued, in the place of the link's task, which rests and which `cx` wakes. Returns whether the
    /// task may go on resting; it may have more to do than to write a packet.
    fn write_in_place(&mut self, cx: &mut Context<'_>) -> bool {
        let is_plain = self.signal.wish() == Wish::Open
            && self.phase == Phase::Open
            && !self.is_tick_due()
            && self.writing.is_empty()
            // Where several callers came together they will again, and their packets leave in one write.
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
    /// Changes the link's role.
    pub(crate) fn with(&self, change: impl FnOnce(&mut R)) {
        self.0.0.own(|slot| slot.as_mut().map(|link| change(&mut link.role)));
    }

    /// Takes the link out; `None` when it has been given back.
    pub(crate) fn take(&self) -> Option<Box<Link<R>>> {
        self.0.0.own(Option::take)
    }
}

impl<R: Role + Unpin> Future for Placed<'_, R> {
    type Output = (Box<Link<R>>, LinkEvent);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let turn = |slot: &mut Option<Box<Link<R>>>| match Pin::new(slot.as_mut()?).poll(cx) {
            Poll::Pending => None,
            // What has ended is not to be written with.
            Poll::Ready(event) => slot.take().map(|link| (link, event)),
        };
        // While a caller writes, this task takes no turn: the caller wakes it when it is done.
        self.0.0.try_own(turn).flatten().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<R> Drop for Placed<'_, R> {
    fn drop(&mut self) {
        // The role may hold what holds the slot. What is dropped may be code of the user's: the slot is free by then.
        drop(self.take());
    }
}
