//! What is measured: completions and errors here, CPU time in `cpu`, memory in `memory`.
//!
//! A stack reports to a [`Meter`], which knows whether the warm-up, the timed window or its end is now. Only what
//! completes inside the window is counted; an error counts whenever it happens.

pub(crate) mod cpu;
pub(crate) mod memory;
mod shard;

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use shard::Shard;

use crate::stamp::{FULL_ONE_IN, Thoroughness};

/// What is going on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Requests run and are checked byte for byte; their times are not kept.
    WarmUp,
    /// Requests are counted and timed.
    Timed,
    /// No request begins any more; those that are outstanding come to their end.
    Over,
}

/// What a stack reports to.
#[derive(Debug)]
pub struct Meter {
    phase: AtomicU8,
    /// One a worker thread and not one a caller: a histogram is 216 KiB, and 1,000 of them would be the memory column.
    shards: Box<[Mutex<Shard>]>,
}

impl Meter {
    /// A meter for `threads` threads that report to it, in its warm-up.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let shards = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        Self { phase: AtomicU8::new(Phase::WarmUp as u8), shards }
    }

    /// What is going on now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::WarmUp,
            1 => Phase::Timed,
            _ => Phase::Over,
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// How closely the reply to `request` is to be looked at now.
    #[must_use]
    pub fn thoroughness(&self, request: u64) -> Thoroughness {
        if request.is_multiple_of(FULL_ONE_IN) || self.phase() == Phase::WarmUp {
            Thoroughness::Full
        } else {
            Thoroughness::Stamps
        }
    }

    /// `count` requests that began at `began` are done and well at `now`.
    pub fn done(&self, count: u64, began: Instant, now: Instant) {
        if self.phase() == Phase::Timed {
            self.shard().done(count, now.saturating_duration_since(began));
        }
    }

    /// Something went wrong: `kind` is what it is counted under, `message` says it in full.
    pub fn failed(&self, kind: &str, message: impl FnOnce() -> String) {
        self.shard().failed(kind, message);
    }

    /// Everything that was reported, added up.
    pub(crate) fn total(&self) -> Shard {
        let mut total = Shard::default();
        for shard in &self.shards {
            total.add(&shard.lock().unwrap_or_else(PoisonError::into_inner));
        }
        total
    }

    /// This thread's shard; threads beyond those planned for share.
    fn shard(&self) -> MutexGuard<'_, Shard> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! { static INDEX: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed)) }
        let index = INDEX.get() % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_warm_up_counts_for_nothing_but_its_errors() {
        let meter = Meter::new(2);
        let began = Instant::now();
        meter.done(5, began, began + Duration::from_micros(1));
        meter.failed("timeout", || "no reply".to_owned());
        meter.enter(Phase::Timed);
        meter.done(3, began, began + Duration::from_micros(2));
        meter.enter(Phase::Over);
        meter.done(9, began, began);
        let total = meter.total();
        assert_eq!((total.requests(), total.errors()), (3, 1));
    }

    #[test]
    fn the_warm_up_and_one_in_64_are_checked_byte_for_byte() {
        let meter = Meter::new(1);
        assert_eq!(meter.thoroughness(3), Thoroughness::Full);
        meter.enter(Phase::Timed);
        let full = (0..640).filter(|request| meter.thoroughness(*request) == Thoroughness::Full).count();
        assert_eq!(full, 10);
    }
}
