//! Group B: every byte arrives, in order, once.

mod bulk;
mod sizes;

use crate::conformance::case::Threads;
use crate::conformance::case::cases;
use crate::faults::Hardship::{CoalescedWrites, PendingStorms, ShortWrites};

cases! {
    /// 1 MiB in pieces of 1 KiB each way, byte for byte; then the end, after the last byte and not before.
    B01 basic_io_1mib: 0, bulk::basic_io_1mib, [Nettest, LibP2pTransport],
        is_swapped: true, hardships: &[CoalescedWrites, ShortWrites];
    /// 1,000 small messages each way, in strict turns.
    B02 ping_pong_1000: 0, bulk::ping_pong_1000, [Nettest],
        is_swapped: true, hardships: &[CoalescedWrites, PendingStorms];
    /// Bytes that are written one by one, each flushed or not, arrive; so do single bytes between large pieces. A read
    /// takes what comes, since a `ReadBuffer` has room for more than a byte: single-byte reads are a hardship.
    B03 byte_at_a_time: 0, sizes::byte_at_a_time, [Netty, Autobahn], is_swapped: true, hardships: &[CoalescedWrites];
    /// The same bytes arrive however they are cut: one write larger than any read, many that may be read as one, and
    /// pieces of a frame that stop in the middle of a header.
    B04 boundary_free: 0, sizes::boundary_free, [Autobahn, Netty],
        is_swapped: true, hardships: &[CoalescedWrites, ShortWrites];
    /// Both ends write 4 MiB at once while both read: neither waits for the other for ever.
    B05 full_duplex_bulk: 0, bulk::full_duplex_bulk, [Netty], is_swapped: true, hardships: &[PendingStorms, ShortWrites];
    /// 64 MiB in one buffer arrive, while the transport holds less than half as many bytes beside them.
    B06 large_64mib_single_write: 1, bulk::large_64mib_single_write, [Nng, Autobahn], is_alone: true;
    /// Writing nothing takes nothing, ends nothing and wakes a reader for no end; what is written afterwards arrives.
    /// There is no read of nothing: a `ReadBuffer` always has room.
    B07 zero_len: 0, sizes::zero_len, [Turmoil, GoNet], is_swapped: true;
    /// A buffer of thousands of segments of odd sizes keeps its order, and each write says exactly how much it took.
    B08 vectored_write: 1, sizes::vectored_write, [Netty], is_swapped: true, hardships: &[ShortWrites];
    /// What was written and flushed is read by the peer without anything else happening, a close least of all.
    B09 flush_semantics: 0, sizes::flush_semantics, [RustLibP2pMuxer], is_swapped: true, hardships: &[CoalescedWrites];
    /// 16 channels at work at once: each end reads its own channel's bytes and no other's.
    B10 no_crosstalk: 0, bulk::no_crosstalk, [LibP2pTransport, LibP2pIntegration], hardships: &[PendingStorms];
    /// Seeded sizes, flushes and pauses, both ways at once, many at powers of two and beside them.
    B11 random_io_sizes: 0, sizes::random_io_sizes, [Nettest, Own],
        hardships: &[CoalescedWrites, PendingStorms, ShortWrites];
    /// Three channels at once carry 4 MiB each way, byte for byte, on two threads.
    B12 volume_on_every_channel: 0, bulk::volume_on_every_channel, [LibP2pTransport, Own], runtime: Threads::Two;
}
