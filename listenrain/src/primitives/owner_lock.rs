//! A lock with one owner, a task, and borrowers. Neither a turn of the owner's task nor a borrower ever blocks.

use crate::sync::{AtomicU64, Mutex, Ordering, lock, mutant, try_lock};

/// A value that is its owner's, or borrowed.
#[derive(Debug, Default)]
pub(crate) struct OwnerLock<T> {
    value: Mutex<T>,
    /// 1 once the owner has found the value borrowed, until a borrower gives it back and wakes the owner. A borrower that sees
    /// it late wakes the owner in vain.
    awaited: AtomicU64,
}

impl<T> OwnerLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), awaited: AtomicU64::new(0) }
    }

    /// The owner takes a turn. `None` while a borrower has the value: the borrower then wakes the owner when it gives it back.
    pub(crate) fn try_own<R>(&self, turn: impl FnOnce(&mut T) -> R) -> Option<R> {
        if let Some(mut value) = try_lock(&self.value) {
            return Some(turn(&mut value));
        }
        self.awaited.swap(1, Ordering::AcqRel);
        // The borrower may have given the value back before it could see that the owner waits.
        if mutant("owner_lock: the owner looks only once") {
            return None;
        }
        try_lock(&self.value).map(|mut value| turn(&mut value))
    }

    /// A borrower takes a turn, if the value is free. `false` where the borrower has to wake the owner: because `turn` returned
    /// `false`, because the owner has asked for the value meanwhile, or because the value was not free.
    pub(crate) fn borrow(&self, turn: impl FnOnce(&mut T) -> bool) -> bool {
        let Some(mut value) = try_lock(&self.value) else { return false };
        let may_rest = turn(&mut value);
        drop(value);
        let is_awaited = self.awaited.swap(0, Ordering::AcqRel) == 1;
        may_rest && (!is_awaited || mutant("owner_lock: who gives back forgets the owner"))
    }

    /// The owner changes the value at once, outside its turns: it blocks until a borrower has given the value back.
    pub(crate) fn own<R>(&self, turn: impl FnOnce(&mut T) -> R) -> R {
        turn(&mut lock(&self.value))
    }
}
