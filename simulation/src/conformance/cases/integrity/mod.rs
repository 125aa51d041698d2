//! Group B: every byte arrives, in order, once.

mod bulk;
mod sizes;

use crate::conformance::case::Case;
use crate::conformance::case::Source::{
    Autobahn, GoNet, LibP2pIntegration, LibP2pTransport, Nettest, Netty, Nng, Own, RustLibP2pMuxer, Turmoil,
};
use crate::conformance::case::Threads;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "B01",
        "basic_io_1mib",
        0,
        "1 MiB in pieces of 1 KiB each way, byte for byte; then the end, after the last byte and not before.",
        |bed| Box::pin(bulk::basic_io_1mib(bed)),
    )
    .from(&[Nettest, LibP2pTransport])
    .swapped(),
    Case::new(
        "B02",
        "ping_pong_1000",
        0,
        "1,000 small messages each way, in strict turns.",
        |bed| Box::pin(bulk::ping_pong_1000(bed)),
    )
    .from(&[Nettest])
    .swapped(),
    Case::new(
        "B03",
        "byte_at_a_time",
        0,
        "Bytes that are written one by one, each flushed or not, arrive; so do single bytes between large pieces. A read \
         takes what comes, since a `ReadBuffer` has room for more than a byte: single-byte reads are a hardship.",
        |bed| Box::pin(sizes::byte_at_a_time(bed)),
    )
    .from(&[Netty, Autobahn])
    .swapped(),
    Case::new(
        "B04",
        "boundary_free",
        0,
        "The same bytes arrive however they are cut: one write larger than any read, many that may be read as one, and \
         pieces of a frame that stop in the middle of a header.",
        |bed| Box::pin(sizes::boundary_free(bed)),
    )
    .from(&[Autobahn, Netty])
    .swapped(),
    Case::new(
        "B05",
        "full_duplex_bulk",
        0,
        "Both ends write 4 MiB at once while both read: neither waits for the other for ever.",
        |bed| Box::pin(bulk::full_duplex_bulk(bed)),
    )
    .from(&[Netty])
    .swapped(),
    Case::new(
        "B06",
        "large_64mib_single_write",
        1,
        "64 MiB in one buffer arrive, while the transport holds less than half as many bytes beside them.",
        |bed| Box::pin(bulk::large_64mib_single_write(bed)),
    )
    .from(&[Nng, Autobahn])
    .alone(),
    Case::new(
        "B07",
        "zero_len",
        0,
        "Writing nothing takes nothing, ends nothing and wakes a reader for no end; what is written afterwards arrives. \
         There is no read of nothing: a `ReadBuffer` always has room.",
        |bed| Box::pin(sizes::zero_len(bed)),
    )
    .from(&[Turmoil, GoNet])
    .swapped(),
    Case::new(
        "B08",
        "vectored_write",
        1,
        "A buffer of thousands of segments of odd sizes keeps its order, and each write says exactly how much it took.",
        |bed| Box::pin(sizes::vectored_write(bed)),
    )
    .from(&[Netty])
    .swapped(),
    Case::new(
        "B09",
        "flush_semantics",
        0,
        "What was written and flushed is read by the peer without anything else happening, a close least of all.",
        |bed| Box::pin(sizes::flush_semantics(bed)),
    )
    .from(&[RustLibP2pMuxer])
    .swapped(),
    Case::new(
        "B10",
        "no_crosstalk",
        0,
        "16 channels at work at once: each end reads its own channel's bytes and nobody else's.",
        |bed| Box::pin(bulk::no_crosstalk(bed)),
    )
    .from(&[LibP2pTransport, LibP2pIntegration]),
    Case::new(
        "B11",
        "random_io_sizes",
        0,
        "Seeded sizes, flushes and pauses, both ways at once, many at powers of two and beside them.",
        |bed| Box::pin(sizes::random_io_sizes(bed)),
    )
    .from(&[Nettest, Own]),
    Case::new(
        "B12",
        "volume_on_every_channel",
        0,
        "Three channels at once carry 4 MiB each way, byte for byte, on two threads.",
        |bed| Box::pin(bulk::volume_on_every_channel(bed)),
    )
    .from(&[LibP2pTransport, Own])
    .on(Threads::Two)
    .plain_only(),
];
