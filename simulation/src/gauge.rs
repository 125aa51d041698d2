//! An allocator that counts, for a program that wants the bytes of its tests accounted for.
//!
//! Put `#[global_allocator] static ALLOCATOR: Counted = Counted;` into the program; without it, cases that look at
//! memory leave that part out. An allocator is the process's, so its counters are too.
#![allow(unsafe_code, reason = "an allocator is unsafe by nature; this one only counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are allocated now; `None` when [`Counted`] is not this program's allocator.
#[must_use]
pub fn live() -> Option<usize> {
    // A program that counts has allocated something long before anybody asks.
    (PEAK.load(Relaxed) > 0).then(|| LIVE.load(Relaxed))
}

/// Most bytes that were allocated at once since the last [`forget_peak`]; `None` as for [`live`].
#[must_use]
pub fn peak() -> Option<usize> {
    live().map(|_| PEAK.load(Relaxed))
}

/// The peak is what is allocated now.
pub fn forget_peak() {
    if let Some(live) = live() {
        PEAK.store(live.max(1), Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}
