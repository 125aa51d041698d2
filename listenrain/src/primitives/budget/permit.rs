//! Permits: units of a budget in use.

use std::task::{Context, Poll, ready};

use super::line::Place;
use super::{Account, IN_LINE, NoRoom};
use crate::sync::{Arc, Ordering};

/// Units in use; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Permit {
    account: Arc<Account>,
    /// The units, and the flag [`BEYOND`]: it is copied a dozen times on the way of a request.
    word: u64,
}

/// Beside the units of a permit: they are beyond the limit of the budget, and no part of what that has in use.
const BEYOND: u64 = 1 << 63;

impl Permit {
    #[inline]
    pub(super) fn new(account: Arc<Account>, units: u64, is_beyond: bool) -> Self {
        Self { account, word: units | if is_beyond { BEYOND } else { 0 } }
    }

    #[inline]
    pub(crate) fn units(&self) -> u64 {
        self.word & !BEYOND
    }

    #[inline]
    fn is_beyond(&self) -> bool {
        self.word & BEYOND != 0
    }

    /// Whether another account waits in line for units of the same budget, or a drain waits until none are in use.
    pub(crate) fn is_awaited(&self) -> bool {
        self.account.budget.used.load(Ordering::Acquire) & IN_LINE != 0
    }

    /// Takes up what `other`, of the same account, takes up too, to be given back in one.
    pub(crate) fn merge(&mut self, mut other: Self) {
        if Arc::ptr_eq(&self.account, &other.account) && !self.is_beyond() && !other.is_beyond() {
            self.word += std::mem::take(&mut other.word);
        }
    }

    /// Takes up at least `units`, be it beyond all limits, for what has come of it and must be accounted for.
    pub(crate) fn grow_to(&mut self, units: u64) {
        let more = units.saturating_sub(self.units());
        if more > 0 {
            self.add(more);
        }
    }

    /// Grows to `units` without waiting; `false` when there is no room.
    pub(crate) fn try_grow_to(&mut self, units: u64) -> bool {
        let more = units.saturating_sub(self.units());
        let grown = if self.is_beyond() {
            self.account.take_own(more, Some(self.units()))
        } else {
            self.account.try_take(more, Some(self.units()))
        };
        if grown {
            self.word += more;
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
        let (account, more) = (Arc::clone(&self.account), units.saturating_sub(self.units()));
        let granted = ready!(account.poll_line(place, more, Some(self.units()), cx))?;
        let counted = match (self.is_beyond(), granted.is_beyond) {
            // What is granted within the limit is part of what is beyond it now.
            (true, false) => granted.units,
            (false, true) => self.units(),
            _ => 0,
        };
        self.word |= if granted.is_beyond { BEYOND } else { 0 };
        self.word += granted.units;
        self.count_beyond(counted);
        if counted > 0 && account.budget.give_back(counted) {
            account.budget.serve_after(&account);
        }
        Poll::Ready(Ok(()))
    }

    /// Splits `units` off for another holder. What is beyond the limit stays so with them.
    pub(crate) fn split(&mut self, units: u64) -> Self {
        let units = units.min(self.units());
        self.word -= units;
        let is_beyond = self.is_beyond();
        if is_beyond {
            self.word = self.units();
            let budget = &self.account.budget;
            budget.used.fetch_add(self.word, Ordering::AcqRel);
            budget.beyond.fetch_sub(self.word, Ordering::AcqRel);
        }
        Self::new(Arc::clone(&self.account), units, is_beyond)
    }

    /// Gives back what it holds beyond `units`.
    pub(crate) fn shrink_to(&mut self, units: u64) {
        let less = self.units().saturating_sub(units);
        if less > 0 {
            let is_beyond = self.is_beyond();
            // Where the rest stays beyond the limit, what is given back is the account's only.
            let stays_beyond = is_beyond && units > 0;
            self.word = units | if stays_beyond { BEYOND } else { 0 };
            let account = &self.account;
            if !stays_beyond {
                return account.give_back(less, is_beyond);
            }
            account.budget.beyond.fetch_sub(less, Ordering::AcqRel);
            if account.give_back_own(less) {
                account.budget.serve_after(account);
            }
        }
    }

    fn count_beyond(&self, units: u64) {
        if self.is_beyond() {
            self.account.budget.beyond.fetch_add(units, Ordering::AcqRel);
        }
    }

    fn add(&mut self, more: u64) {
        self.word += more;
        if self.is_beyond() {
            self.account.add_own(more);
            self.count_beyond(more);
        } else {
            self.account.add(more);
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.word > 0 {
            self.account.give_back(self.units(), self.is_beyond());
        }
    }
}
