//! The one switch for concurrency primitives.
//!
//! `primitives` names nothing outside itself but this module, so that the models in `simulation/tests` can include
//! the very same files beside a `sync` of loom types.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks, and goes on after a panic elsewhere: every critical section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the seeded bug `name` is on. Constant here, so that it costs nothing; a model turns one on to prove that it
/// would be caught.
pub(crate) const fn mutant(_name: &str) -> bool {
    false
}
