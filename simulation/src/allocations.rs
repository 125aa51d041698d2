//! Allocation counter: a global allocator that counts live bytes and their peak.
//!
//! Put `#[global_allocator] static ALLOCATOR: AllocationCounter = AllocationCounter;` into the program; without it, cases that
//! look at memory leave that part out. An allocator is the process's, so its counters are too; beside them each thread has its
//! own, for runs of a thread each.
#![allow(unsafe_code, reason = "an allocator is unsafe by nature; this one only counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllocationCounter;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// What this thread has allocated and not freed, and the most of that; what another thread frees is never missed.
    static OF_THREAD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// Most bytes that this thread had allocated at once beyond what it had at the last [`forget_thread_peak`]; `None` as for
/// [`live`].
#[must_use]
pub fn thread_peak() -> Option<usize> {
    live().map(|_| OF_THREAD.get().1.max(0).unsigned_abs())
}

/// Bytes that this thread has allocated since then and not freed; `None` as for [`live`].
#[must_use]
pub fn thread_live() -> Option<usize> {
    live().map(|_| OF_THREAD.get().0.max(0).unsigned_abs())
}

/// This thread begins to count anew.
pub fn forget_thread_peak() {
    OF_THREAD.set((0, 0));
}

fn count_on_thread(bytes: isize) {
    // A thread that is ending has no such variable any more.
    let _ = OF_THREAD.try_with(|counted| {
        let (live, peak) = counted.get();
        counted.set((live + bytes, peak.max(live + bytes)));
    });
}

/// Bytes that are allocated now; `None` when [`AllocationCounter`] is not this program's allocator.
#[must_use]
pub fn live() -> Option<usize> {
    // A program that counts has allocated something long before it is asked.
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
unsafe impl GlobalAlloc for AllocationCounter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        count_on_thread(layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        count_on_thread(-layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}
