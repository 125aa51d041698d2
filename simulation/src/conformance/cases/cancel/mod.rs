//! Group D: reads and writes that are given up, deadlines, wakers, tasks and threads.

mod deadlines;
mod dropped;
mod tasks;
mod wakers;

use crate::conformance::case::Case;
use crate::conformance::case::Source::{GoNet, LibP2pIntegration, Nettest, Own, Turmoil};
use crate::conformance::case::Threads;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "D01",
        "read_cancel_safe",
        0,
        "A read that is given up at any poll, with its waker and its buffer, loses no byte and repeats none.",
        |bed| Box::pin(dropped::read_cancel_safe(bed)),
    )
    .from(&[Nettest])
    .swapped(),
    Case::new(
        "D02",
        "write_cancel_semantics",
        0,
        "A write that had to wait has taken nothing: its buffer holds what it held, and when it is given up for another \
         one, the peer reads that one and nothing of the first.",
        |bed| Box::pin(dropped::write_cancel_semantics(bed)),
    )
    .from(&[Nettest])
    .swapped(),
    Case::new(
        "D03",
        "read_timeout_independent",
        0,
        "A read that runs into its deadline leaves the other direction usable, and this one too.",
        |bed| Box::pin(deadlines::read_timeout_independent(bed)),
    )
    .from(&[Nettest, GoNet])
    .swapped(),
    Case::new(
        "D04",
        "write_timeout_independent",
        0,
        "A write that runs into its deadline leaves the other direction usable, and this one too.",
        |bed| Box::pin(deadlines::write_timeout_independent(bed)),
    )
    .from(&[Nettest, GoNet])
    .swapped(),
    Case::new(
        "D05",
        "deadlines",
        0,
        "Deadlines that have passed, that pass while a read and a write wait, and that are to come: each poll returns at \
         once, no byte is lost, and all goes on afterwards.",
        |bed| Box::pin(deadlines::deadlines(bed)),
    )
    .from(&[Nettest, GoNet, LibP2pIntegration])
    .swapped(),
    Case::new(
        "D06",
        "waker_swap",
        0,
        "Of several wakers the last one is woken, by reading, writing and accepting; and nobody is woken again and again \
         while nothing happens.",
        |bed| Box::pin(wakers::waker_swap(bed)),
    )
    .from(&[Own])
    .swapped()
    .plain_only(),
    Case::new(
        "D07",
        "split_halves",
        0,
        "The halves of a channel wait in different tasks, on different threads, and each is woken for what is its own; \
         brought together again they go on.",
        |bed| Box::pin(tasks::split_halves(bed)),
    )
    .from(&[Turmoil])
    .swapped()
    .on(Threads::Two),
    Case::new(
        "D08",
        "concurrent_methods",
        0,
        "Reads, writes, flushes and polls that are given up, in a seeded muddle in four tasks on two threads; then all \
         bytes are there, and a round trip.",
        |bed| Box::pin(tasks::concurrent_methods(bed)),
    )
    .from(&[Nettest])
    .on(Threads::Two),
    Case::new(
        "D09",
        "send_static_bounds",
        0,
        "Channels and generators are `Send` and `'static`, as the compiler checks; and halves work on another thread than \
         they were made on, and may be dropped on one without a runtime.",
        |bed| Box::pin(tasks::send_static_bounds(bed)),
    )
    .from(&[Turmoil])
    .on(Threads::Two),
    Case::new(
        "D10",
        "many_small_reads",
        0,
        "In 10,000 small messages each way on one channel, in strict turns, whoever waits is woken every time.",
        |bed| Box::pin(wakers::many_small_reads(bed)),
    )
    .from(&[Own])
    .plain_only(),
];
