//! A lock that a task owns: others borrow what is in it while that rests, and no turn of the task blocks for them.

use crate::sync::{AtomicU64, Mutex, Ordering, lock, mutant, try_lock};

/// A value that is its owner's, or borrowed.
#[derive(Debug, Default)]
pub(crate) struct OwnerLock<T> {
    value: Mutex<T>,
    /// 1 once the owner has found the value borrowed, until one is given back. Seen late it costs a wake-up for nothing.
    awaited: AtomicU64,
}

impl<T> OwnerLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), awaited: AtomicU64::new(0) }
    }

    /// The owner's turn; `None` while somebody has borrowed the value, who wakes the owner when it is given back.
    pub(crate) fn try_own<R>(&self, turn: impl FnOnce(&mut T) -> R) -> Option<R> {
        if let Some(mut value) = try_lock(&self.value) {
            return Some(turn(&mut value));
        }
        self.awaited.swap(1, Ordering::AcqRel);
        // It may have been given back just before that was to be seen.
        if mutant("owner_lock: the owner looks only once") {
            return None;
        }
        try_lock(&self.value).map(|mut value| turn(&mut value))
    }

    /// The turn of somebody else. `false` where the owner has to be woken: `turn` says so, the owner has come meanwhile, or the
    /// value is not to be had.
    pub(crate) fn borrow(&self, turn: impl FnOnce(&mut T) -> bool) -> bool {
        let Some(mut value) = try_lock(&self.value) else { return false };
        let may_rest = turn(&mut value);
        drop(value);
        let is_awaited = self.awaited.swap(0, Ordering::AcqRel) == 1;
        may_rest && (!is_awaited || mutant("owner_lock: who gives back forgets the owner"))
    }

    /// A turn of the owner's that cannot be put off: it blocks while the value is borrowed.
    pub(crate) fn own<R>(&self, turn: impl FnOnce(&mut T) -> R) -> R {
        turn(&mut lock(&self.value))
    }
}
