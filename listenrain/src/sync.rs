//! Synchronisation primitives: the one switch between those of std and a model checker's.
//!
//! `primitives` names nothing outside itself but this module, so that the models in `simulation/tests` can include
//! the very same files beside a `sync` of loom types.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Locks, and goes on after a panic elsewhere: every critical section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks, if that is free.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Whether the seeded bug `name` is on. Constant here, so that it costs nothing; a model turns one on to prove that it
/// would be caught.
pub(crate) const fn mutant(_name: &str) -> bool {
    false
}
