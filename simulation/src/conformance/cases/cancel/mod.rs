//! Group D: reads and writes that are given up, deadlines, wakers, tasks and threads.

mod deadlines;
mod dropped;
mod tasks;
mod wakers;

use crate::conformance::case::Threads;
use crate::conformance::case::cases;
use crate::faults::Hardship::{PendingStorms, ShortWrites};

cases! {
    /// A read that is given up at any poll, with its waker and its buffer, loses no byte and repeats none.
    D01 read_cancel_safe: 0, dropped::read_cancel_safe, [Nettest], is_swapped: true, hardships: &[PendingStorms];
    /// A write that had to wait has taken nothing: its buffer holds what it held, and when it is given up for another
    /// one, the peer reads that one and nothing of the first.
    D02 write_cancel_semantics: 0, dropped::write_cancel_semantics, [Nettest],
        is_swapped: true, hardships: &[ShortWrites];
    /// A read that runs into its deadline leaves the other direction usable, and this one too.
    D03 read_timeout_independent: 0, deadlines::read_timeout_independent, [Nettest, GoNet], is_swapped: true;
    /// A write that runs into its deadline leaves the other direction usable, and this one too.
    D04 write_timeout_independent: 0, deadlines::write_timeout_independent, [Nettest, GoNet], is_swapped: true;
    /// Deadlines that have passed, that pass while a read and a write wait, and that are to come: each poll returns at
    /// once, no byte is lost, and all goes on afterwards.
    D05 deadlines: 0, deadlines::deadlines, [Nettest, GoNet, LibP2pIntegration], is_swapped: true;
    /// Of several wakers the last one is woken, by reading, writing and accepting; and no task is woken again and again
    /// while nothing happens.
    D06 waker_swap: 0, wakers::waker_swap, [Own], is_swapped: true;
    /// The halves of a channel wait in different tasks, on different threads, and each is woken for what is its own;
    /// brought together again they go on.
    D07 split_halves: 0, tasks::split_halves, [Turmoil], is_swapped: true, runtime: Threads::Two, hardships: &[PendingStorms];
    /// Reads, writes, flushes and polls that are given up, in a seeded muddle in four tasks on two threads; then all
    /// bytes are there, and a round trip.
    D08 concurrent_methods: 0, tasks::concurrent_methods, [Nettest],
        runtime: Threads::Two, hardships: &[PendingStorms, ShortWrites];
    /// Channels and generators are `Send` and `'static`, as the compiler checks; and halves work on another thread than
    /// they were made on, and may be dropped on one without a runtime.
    D09 send_static_bounds: 0, tasks::send_static_bounds, [Turmoil], runtime: Threads::Two;
    /// In 10,000 small messages each way on one channel, in strict turns, the task that waits is woken every time.
    D10 many_small_reads: 0, wakers::many_small_reads, [Own];
}
