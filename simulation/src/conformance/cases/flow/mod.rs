//! Group E: flow control, load, and what is given back.

mod backpressure;
mod leaks;
mod load;

use crate::conformance::case::Case;
use crate::conformance::case::Source::{
    LibP2pIntegration, LibP2pMuxer, LibP2pTransport, Nng, RustLibP2pQuic, Turmoil,
};
use crate::conformance::case::Threads;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "E01",
        "backpressure_bounded",
        0,
        "A peer that does not read makes the writer wait before 64 MiB were taken.",
        |bed| Box::pin(backpressure::backpressure_bounded(bed)),
    )
    .from(&[LibP2pIntegration, Turmoil, RustLibP2pQuic])
    .swapped(),
    Case::new(
        "E02",
        "backpressure_release",
        0,
        "Reading wakes a writer that waits, again and again, also one that waits with the last byte of room used up.",
        |bed| Box::pin(backpressure::backpressure_release(bed)),
    )
    .from(&[Turmoil])
    .swapped(),
    Case::new(
        "E03",
        "slow_reader_isolation",
        1,
        "A channel whose reader sleeps, and which is full, keeps no other channel waiting.",
        |bed| Box::pin(backpressure::slow_reader_isolation(bed)),
    )
    .from(&[LibP2pIntegration])
    .swapped(),
    Case::new(
        "E04",
        "stress",
        0,
        "Channels x messages of 1x1, 1x100, 50x10 and 1x1000, all channels of a size open at once: each message is \
         echoed.",
        |bed| Box::pin(load::stress(bed)),
    )
    .from(&[LibP2pTransport, LibP2pMuxer])
    .on(Threads::Two),
    Case::new(
        "E05",
        "open_close_10k",
        0,
        "After 10,000 channels were opened, used and closed, tasks, file descriptors and memory are what they were after \
         the first few hundred.",
        |bed| Box::pin(leaks::open_close_10k(bed)),
    )
    .from(&[LibP2pTransport, LibP2pMuxer, Turmoil])
    .alone()
    .within(60),
    Case::new(
        "E06",
        "leak_accounting",
        0,
        "After every other case its tasks, file descriptors and memory are given back. (Not after those that fail, nor \
         those that need a process of their own.)",
        |bed| Box::pin(leaks::leak_accounting(bed)),
    )
    .from(&[LibP2pMuxer, Nng])
    .on(Threads::OneInRealTime)
    .alone()
    .within(120),
    Case::new(
        "E07",
        "left_open_then_close",
        1,
        "Channels that were left open with bytes unread end at the other side when their owner goes, generators and all; \
         then nothing is left of either side.",
        |bed| Box::pin(leaks::left_open_then_close(bed)),
    )
    .from(&[LibP2pMuxer]),
    Case::new(
        "E08",
        "more_than_limit",
        2,
        "Of more diallers than a listener's queue holds, where there is an option `backlog`, each gets its channel in the \
         end by asking again.",
        |bed| Box::pin(load::more_than_limit(bed)),
    )
    .from(&[LibP2pIntegration]),
];
