//! Group F: packets, cut and put together by a transport, in each packet codec.

mod cuts;
mod deadlines;
mod ends;
mod framed;
mod library;
mod memory;
mod refused;
mod sessions;
mod sizes;

use crate::conformance::bed::Bed;
use crate::conformance::case::Case;
use crate::conformance::case::Source::{Autobahn, H2spec, Nng, Own};
use crate::conformance::failure::Check;
use crate::conformance::framing::Framing;

/// Runs `check` with every packet codec of the subject, each on channels of its own.
async fn each(bed: &mut Bed, check: impl AsyncFn(&mut Bed, &Framing) -> Check) -> Check {
    for framing in bed.subject.framings().to_vec() {
        check(bed, &framing).await.map_err(|failure| failure.at(format!("{} packets", framing.name())))?;
    }
    Ok(())
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F01",
        "empty_packet",
        0,
        "An empty packet arrives as one, alone and among others; for every packet codec, as all of this group.",
        |bed| Box::pin(sizes::empty(bed)),
    )
    .from(&[Autobahn, H2spec])
    .swapped(),
    Case::new("F02", "packet_of_one", 0, "A packet of one byte arrives as one, alone and among others.", |bed| {
        Box::pin(sizes::one(bed))
    })
    .from(&[Autobahn])
    .swapped(),
    Case::new(
        "F03",
        "packet_just_below_limit",
        0,
        "A packet one byte shorter than the longest arrives, for a limit of 1,000 bytes and for one at which a packet is \
         read into a buffer of its own.",
        |bed| Box::pin(sizes::just_below(bed)),
    )
    .from(&[Autobahn, H2spec])
    .swapped(),
    Case::new("F04", "packet_at_limit", 0, "The longest packet arrives, for the same limits.", |bed| {
        Box::pin(sizes::longest(bed))
    })
    .from(&[Autobahn, H2spec, Nng])
    .swapped(),
    Case::new(
        "F05",
        "packet_beyond_limit",
        0,
        "A packet of one byte more, or of 64 MiB where 1,000 bytes are allowed, is refused by its header, by a server and \
         by a client of the library too: where headers have ids its call ends and its channel goes on, elsewhere its \
         channel ends, and no other; and to its caller before it leaves.",
        |bed| Box::pin(refused::too_long(bed)),
    )
    .from(&[Autobahn, H2spec, Nng]),
    Case::new(
        "F06",
        "header_split_over_reads",
        0,
        "A packet that arrives in two parts, cut at any byte of its header, is no packet before its last byte.",
        |bed| Box::pin(cuts::split_header(bed)),
    )
    .from(&[Autobahn])
    .swapped(),
    Case::new(
        "F07",
        "two_packets_in_one_read",
        0,
        "Two packets that have come together are two, whatever their sizes.",
        |bed| Box::pin(cuts::two_in_one_read(bed)),
    )
    .from(&[Autobahn])
    .swapped(),
    Case::new(
        "F08",
        "packet_and_a_half",
        0,
        "Of a packet and the beginning of another the first is taken, and the second when its rest has come.",
        |bed| Box::pin(cuts::one_and_a_half(bed)),
    )
    .from(&[Autobahn])
    .swapped(),
    Case::new(
        "F09",
        "garbage_prefix",
        0,
        "What begins with no packet is refused, with good packets behind it too, and ends its channel and no other; random \
         bytes do no harm, to a codec nor to a server.",
        |bed| Box::pin(refused::garbage(bed)),
    )
    .from(&[H2spec, Nng]),
    Case::new(
        "F10",
        "unknown_kind",
        0,
        "A packet of an unknown kind is delimited like any other, refused by its number where the protocol can say so, and \
         the request behind it is answered. A codec without kinds refuses to make one.",
        |bed| Box::pin(refused::unknown_kind(bed)),
    )
    .from(&[H2spec]),
    Case::new(
        "F11",
        "slow_loris_header",
        0,
        "A server gives up a peer that sends its header byte by byte, and a client a reply that is never finished, as slow \
         and not before its time; a client beside it is answered meanwhile.",
        |bed| Box::pin(ends::slow_loris(bed)),
    )
    .from(&[Own]),
    Case::new(
        "F12",
        "header_then_end",
        0,
        "A stream that ends inside a packet, behind its header or at any other byte, executes nothing at a server, and a \
         client's call learns how much of a packet there was.",
        |bed| Box::pin(ends::header_then_end(bed)),
    )
    .from(&[Autobahn]),
    Case::new(
        "F13",
        "session_byte_by_byte",
        0,
        "Requests that are read byte by byte are answered by a server, and such replies are understood by a client.",
        |bed| Box::pin(sessions::byte_by_byte(bed)),
    )
    .from(&[Autobahn]),
    Case::new(
        "F14",
        "packet_round_trip",
        0,
        "Packets of seeded kinds, ids, deadlines and sizes, written in seeded pieces, arrive as they were sent; deadlines to \
         the millisecond, and one of less than that not as none.",
        |bed| Box::pin(sessions::round_trip(bed)),
    )
    .from(&[Own])
    .swapped(),
    Case::new(
        "F15",
        "claimed_length_costs_nothing",
        0,
        "A header that claims 64 MiB costs less than 1 MiB until more has come, in a read buffer and at a server, on 16 \
         channels at once.",
        |bed| Box::pin(memory::claims(bed)),
    )
    .from(&[Nng, Own])
    .alone(),
    Case::new(
        "F16",
        "deadline_is_told",
        0,
        "How long a caller waits stands in its packets, to the millisecond, and is told to its handler, no earlier than the \
         caller's own deadline but for what a millisecond rounds; less than a millisecond is not none. A codec without \
         deadlines tells none.",
        |bed| Box::pin(deadlines::deadline_is_told(bed)),
    )
    .from(&[Own])
    .plain_only(),
];
