//! Units in use.

use std::task::{Context, Poll, ready};

use super::line::Place;
use super::{Account, NoRoom};
use crate::sync::{Arc, Ordering};

/// Units in use; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(super) account: Arc<Account>,
    pub(super) units: u64,
    /// Beyond the limit of the budget, and no part of what that has in use.
    pub(super) is_beyond: bool,
}

impl Permit {
    pub(crate) fn units(&self) -> u64 {
        self.units
    }

    /// Takes up at least `units`, be it beyond all limits, for what has come of it and must be accounted for.
    pub(crate) fn grow_to(&mut self, units: u64) {
        let more = units.saturating_sub(self.units);
        if more > 0 {
            self.add(more);
        }
    }

    /// Grows to `units` without waiting; `false` when there is no room.
    pub(crate) fn try_grow_to(&mut self, units: u64) -> bool {
        let more = units.saturating_sub(self.units);
        let grown = if self.is_beyond {
            self.account.take_own(more, Some(self.units))
        } else {
            self.account.try_take(more, Some(self.units))
        };
        if grown {
            self.units += more;
            self.count_beyond(more);
        }
        grown
    }

    /// Waits in line to grow to `units`. Of all that wait so for a budget one at a time may go beyond its limit.
    pub(crate) fn poll_grow_to(
        &mut self,
        place: &mut Place,
        units: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), NoRoom>> {
        if place.0.is_none() && self.try_grow_to(units) {
            return Poll::Ready(Ok(()));
        }
        let (account, more) = (Arc::clone(&self.account), units.saturating_sub(self.units));
        let granted = ready!(account.poll_line(place, more, Some(self.units), cx))?;
        let counted = match (self.is_beyond, granted.is_beyond) {
            // What is granted within the limit is part of what is beyond it now.
            (true, false) => granted.units,
            (false, true) => self.units,
            _ => 0,
        };
        self.is_beyond |= granted.is_beyond;
        self.units += granted.units;
        self.count_beyond(counted);
        if counted > 0 && account.budget.give_back(counted) {
            account.budget.serve_after(&account);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes `units` off for somebody else to hold. What is beyond the limit stays so with them.
    pub(crate) fn split(&mut self, units: u64) -> Self {
        let units = units.min(self.units);
        self.units -= units;
        if std::mem::take(&mut self.is_beyond) {
            let budget = &self.account.budget;
            budget.used.fetch_add(self.units, Ordering::AcqRel);
            budget.beyond.fetch_sub(self.units, Ordering::AcqRel);
            return Self { account: Arc::clone(&self.account), units, is_beyond: true };
        }
        self.account.permit(units)
    }

    /// Gives back what it holds beyond `units`.
    pub(crate) fn shrink_to(&mut self, units: u64) {
        let less = self.units.saturating_sub(units);
        if less > 0 {
            self.units -= less;
            let is_beyond = self.is_beyond;
            self.is_beyond = is_beyond && units > 0;
            // Where the rest stays beyond the limit, what is given back is the account's only.
            let account = &self.account;
            if !self.is_beyond {
                return account.give_back(less, is_beyond);
            }
            account.budget.beyond.fetch_sub(less, Ordering::AcqRel);
            if account.give_back_own(less) {
                account.budget.serve_after(account);
            }
        }
    }

    fn count_beyond(&self, units: u64) {
        if self.is_beyond {
            self.account.budget.beyond.fetch_add(units, Ordering::AcqRel);
        }
    }

    fn add(&mut self, more: u64) {
        self.units += more;
        if self.is_beyond {
            self.account.add_own(more);
            self.count_beyond(more);
        } else {
            self.account.add(more);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.account.give_back(self.units, self.is_beyond);
    }
}
