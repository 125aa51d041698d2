//! Loom's mutex and atomics in place of `crate::sync`, and switches for seeded bugs.

use std::cell::Cell;

pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard};
/// The standard one: methods take `self: &Arc<Self>`, which loom's cannot be. What it counts is no part of a model.
pub(crate) use std::sync::Arc;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    mutex.try_lock().ok()
}

thread_local! {
    // Loom runs all threads of a model on the thread that checks it.
    static MUTANT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Whether the seeded bug `name` is on.
pub(crate) fn mutant(name: &str) -> bool {
    MUTANT.get() == Some(name)
}

/// Runs `run` with the seeded bug `name`.
pub(crate) fn with_mutant<R>(name: &'static str, run: impl FnOnce() -> R) -> R {
    MUTANT.set(Some(name));
    let result = run();
    MUTANT.set(None);
    result
}
