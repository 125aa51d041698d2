//! Group E: flow control, load and leaks.

mod backpressure;
mod leaks;
mod load;

use std::time::Duration;

use crate::conformance::case::Threads;
use crate::conformance::case::cases;
use crate::faults::Hardship::{CoalescedWrites, PendingStorms, ShortWrites};

cases! {
    /// A peer that does not read makes the writer wait before 64 MiB were taken.
    E01 backpressure_bounded: 0, backpressure::backpressure_bounded, [LibP2pIntegration, Turmoil, RustLibP2pQuic],
        is_swapped: true, hardships: &[ShortWrites];
    /// Reading wakes a writer that waits, again and again, also one that waits with the last byte of room used up.
    E02 backpressure_release: 0, backpressure::backpressure_release, [Turmoil],
        is_swapped: true, hardships: &[ShortWrites];
    /// A channel whose reader sleeps, and which is full, keeps no other channel waiting.
    E03 slow_reader_isolation: 1, backpressure::slow_reader_isolation, [LibP2pIntegration], is_swapped: true;
    /// Channels x messages of 1x1, 1x100, 50x10 and 1x1000, all channels of a size open at once: each message is
    /// echoed.
    E04 stress: 0, load::stress, [LibP2pTransport, LibP2pMuxer],
        runtime: Threads::Two, hardships: &[CoalescedWrites, PendingStorms, ShortWrites];
    /// After 10,000 channels were opened, used and closed, tasks, file descriptors and memory are what they were after
    /// the first few hundred.
    E05 open_close_10k: 0, leaks::open_close_10k, [LibP2pTransport, LibP2pMuxer, Turmoil],
        is_alone: true, within: Duration::from_secs(60);
    /// After every other case its tasks, file descriptors and memory are given back. (Not after those that fail, nor
    /// those that need a process of their own.)
    E06 leak_accounting: 0, leaks::leak_accounting, [LibP2pMuxer, Nng],
        runtime: Threads::OneInRealTime, is_alone: true, within: Duration::from_secs(120);
    /// Channels that were left open with bytes unread end at the other side when their owner goes, generators and all;
    /// then nothing is left of either side.
    E07 left_open_then_close: 1, leaks::left_open_then_close, [LibP2pMuxer];
    /// Of more dialers than a listener's queue holds, where there is an option `backlog`, each gets its channel in the
    /// end by asking again.
    E08 more_than_limit: 2, load::more_than_limit, [LibP2pIntegration], hardships: &[PendingStorms];
}
