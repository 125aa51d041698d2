//! An account: one user of a budget.

use std::task::{Context, Poll};

use super::line::{Granted, Place};
use super::{Budget, IN_LINE, MAX_IN_LINE, NoRoom, Permit, UNITS};
use crate::sync::{Arc, AtomicU64, Ordering, lock, mutant};

/// One user of a budget, such as a channel of a server.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) budget: Arc<Budget>,
    pub(super) number: u64,
    /// What it holds itself, where others draw on the budget too.
    pub(super) own: Option<Own>,
}

#[derive(Debug)]
pub(super) struct Own {
    pub(super) used: AtomicU64,
    pub(super) limit: u64,
}

impl Account {
    /// The only account of a budget of its own.
    pub(crate) fn single(limit: u64) -> Arc<Self> {
        Arc::new(Self { budget: Budget::plain(limit), number: 0, own: None })
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Units that it holds.
    pub(crate) fn in_use(&self) -> u64 {
        self.own.as_ref().map_or_else(|| self.budget.in_use(), |own| own.used.load(Ordering::Acquire) & UNITS)
    }

    /// As [`in_use`](Self::in_use), but nothing for the only account of its budget, whose limit is the budget's own.
    pub(super) fn held(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.used.load(Ordering::Acquire) & UNITS)
    }

    /// Whether its own limit has room for `units` more. What is all that it holds may grow beyond the limit alone.
    pub(super) fn has_room(&self, units: u64, grows: Option<u64>) -> bool {
        self.own.as_ref().is_none_or(|own| own.fits(own.used.load(Ordering::Acquire) & UNITS, units, grows))
    }

    pub(super) fn take_own(&self, units: u64, grows: Option<u64>) -> bool {
        let Some(own) = &self.own else { return true };
        let step = |word: u64| own.fits(word & UNITS, units, grows).then(|| word + units);
        own.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).is_ok()
    }

    pub(super) fn give_back_own(&self, units: u64) -> bool {
        let Some(own) = &self.own else { return false };
        own.used.fetch_sub(units, Ordering::AcqRel) & IN_LINE != 0
    }

    /// Takes units at once, or not at all; never overtakes those who wait and hold no more.
    #[inline]
    pub(crate) fn try_acquire(self: &Arc<Self>, units: u64) -> Option<Permit> {
        self.try_take(units, None).then(|| self.permit(units))
    }

    /// As [`try_acquire`](Self::try_acquire), beside `kept` units; see [`poll_acquire_beside`](Self::poll_acquire_beside).
    pub(crate) fn try_acquire_beside(self: &Arc<Self>, units: u64, kept: u64) -> Option<Permit> {
        self.try_take(units, Some(kept)).then(|| self.permit(units))
    }

    #[inline]
    pub(super) fn try_take(&self, units: u64, grows: Option<u64>) -> bool {
        let Some(own) = &self.own else {
            return self.budget.take(0, units, || mutant("budget: the line is overtaken"));
        };
        let step = |word: u64| {
            let free = word & IN_LINE == 0 || mutant("budget: an account overtakes itself");
            (free && own.fits(word & UNITS, units, grows)).then(|| word + units)
        };
        let Ok(before) = own.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) else {
            return false;
        };
        let (held, budget) = (before & UNITS, &self.budget);
        let taken = budget.take(held, units, || held < budget.first_holds.load(Ordering::Acquire));
        if !taken && self.give_back_own(units) {
            budget.serve_after(self);
        }
        taken
    }

    /// Takes units even when there are none left, for what is here already and must be accounted for.
    pub(crate) fn force_acquire(self: &Arc<Self>, units: u64) -> Permit {
        self.add(units);
        self.permit(units)
    }

    pub(super) fn add(&self, units: u64) {
        self.add_own(units);
        self.budget.used.fetch_add(units, Ordering::AcqRel);
    }

    pub(super) fn add_own(&self, units: u64) {
        if let Some(own) = &self.own {
            own.used.fetch_add(units, Ordering::AcqRel);
        }
    }

    /// Waits in line for units. `place` remembers where; [`leave`](Self::leave) must follow when the wait is given up.
    pub(crate) fn poll_acquire(
        self: &Arc<Self>,
        place: &mut Place,
        units: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit, NoRoom>> {
        if place.0.is_none() && self.try_take(units, None) {
            return Poll::Ready(Ok(self.permit(units)));
        }
        self.poll_line(place, units, None, cx).map_ok(|_| self.permit(units))
    }

    /// As [`poll_acquire`](Self::poll_acquire), for what is here already, beside `kept` units that the account keeps
    /// meanwhile: what would be alone without these may go beyond the account's limit, and one at a time of all that wait so
    /// beyond the budget's, or they might wait for what they keep themselves.
    /// What keeps nothing waits for nothing of its own, and stays within the limits.
    pub(crate) fn poll_acquire_beside(
        self: &Arc<Self>,
        place: &mut Place,
        units: u64,
        kept: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit, NoRoom>> {
        if kept == 0 {
            return self.poll_acquire(place, units, cx);
        }
        if place.0.is_none() && self.try_take(units, Some(kept)) {
            return Poll::Ready(Ok(self.permit(units)));
        }
        let permit = |granted: Granted| Permit::new(Arc::clone(self), units, granted.is_beyond);
        self.poll_line(place, units, Some(kept), cx).map_ok(permit)
    }

    pub(super) fn poll_line(
        self: &Arc<Self>,
        place: &mut Place,
        units: u64,
        grows: Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Granted, NoRoom>> {
        let mut line = lock(&self.budget.line);
        let ticket = match place.0 {
            Some(ticket) => ticket,
            None if self.budget.is_closed() => return Poll::Ready(Err(NoRoom::Closed)),
            None if self.own.is_none() && line.waiting() >= MAX_IN_LINE => {
                return Poll::Ready(Err(NoRoom::Crowded));
            }
            None => {
                let ticket = line.join(self, units, grows, cx.waker().clone());
                self.show_wait(true);
                line.place(self);
                self.budget.serve(line);
                line = lock(&self.budget.line);
                ticket
            }
        };
        place.0 = Some(ticket);
        if let Some(granted) = line.claim(ticket) {
            place.0 = None;
            return Poll::Ready(Ok(granted));
        }
        if line.renew(self.number, ticket, cx.waker()) {
            return Poll::Pending;
        }
        place.0 = None;
        Poll::Ready(Err(NoRoom::Closed))
    }

    /// Gives up a wait; what was granted already goes to the next in line.
    #[inline]
    pub(crate) fn leave(self: &Arc<Self>, place: &mut Place) {
        if let Some(ticket) = place.0.take() {
            self.give_up(ticket);
        }
    }

    fn give_up(self: &Arc<Self>, ticket: u64) {
        let mut line = lock(&self.budget.line);
        if let Some(granted) = line.claim(ticket) {
            drop(line);
            if !mutant("budget: what was granted is kept by one who leaves") {
                self.give_back(granted.units, granted.is_beyond);
            }
        } else if line.leave(self.number, ticket) {
            drop(line);
            self.budget.serve_after(self);
        }
    }

    /// Tells those who give back to this account that it has a waiter, or none any longer.
    pub(super) fn show_wait(&self, waits: bool) {
        let Some(own) = &self.own else { return };
        if waits && !mutant("budget: a wait for the account's own limit is not shown") {
            own.used.fetch_or(IN_LINE, Ordering::AcqRel);
        } else {
            own.used.fetch_and(!IN_LINE, Ordering::AcqRel);
        }
    }

    #[inline]
    pub(super) fn give_back(&self, units: u64, is_beyond: bool) {
        let own_waits = self.give_back_own(units);
        let may_serve = if is_beyond { self.budget.end_beyond(units) } else { self.budget.give_back(units) };
        if own_waits || may_serve {
            self.budget.serve_after(self);
        }
    }

    pub(super) fn permit(self: &Arc<Self>, units: u64) -> Permit {
        Permit::new(Arc::clone(self), units, false)
    }
}

impl Own {
    fn fits(&self, used: u64, units: u64, grows: Option<u64>) -> bool {
        used <= grows.unwrap_or(0) || used.saturating_add(units) <= self.limit
    }
}
