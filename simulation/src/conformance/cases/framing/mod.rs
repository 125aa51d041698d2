//! Group F: packets, cut and put together, in each packet codec.
//!
//! They are about codecs, so they run over the in-process transport; F04 alone runs on every transport, since a packet
//! that gets a buffer of its own is read in another way.

mod cuts;
mod framed;
mod memory;
mod refused;
mod sessions;
mod sizes;

use crate::conformance::case::cases;
use crate::conformance::context::TestContext;
use crate::conformance::failure::Check;
use crate::conformance::framing::Framing;
use crate::faults::Hardship::{CoalescedWrites, OneByteReads, PendingStorms, ShortWrites};

/// Runs `check` with every packet codec of the subject, each on channels of its own.
async fn each(context: &mut TestContext, check: impl AsyncFn(&mut TestContext, &Framing) -> Check) -> Check {
    for framing in context.subject.framings().to_vec() {
        check(context, &framing)
            .await
            .map_err(|failure| failure.at(format!("{} packets", framing.name())))?;
    }
    Ok(())
}

cases! {
    /// An empty packet arrives as one, alone and among others; for every packet codec, as all of this group.
    F01 empty_packet: 0, sizes::empty, [Autobahn, H2spec], only: &["channel"];
    /// A packet of one byte arrives as one, alone and among others.
    F02 packet_of_one: 0, sizes::one, [Autobahn], only: &["channel"];
    /// A packet one byte shorter than the longest arrives, for a limit of 1,000 bytes and for one at which a packet is
    /// read into a buffer of its own.
    F03 packet_just_below_limit: 0, sizes::just_below, [Autobahn, H2spec], only: &["channel"];
    /// The longest packet arrives, for the same limits.
    F04 packet_at_limit: 0, sizes::longest, [Autobahn, H2spec, Nng], is_swapped: true, hardships: &[ShortWrites];
    /// A packet of one byte more, or of 64 MiB where 1,000 bytes are allowed, is not encoded, and is refused by its header.
    F05 packet_beyond_limit: 0, refused::too_long, [Autobahn, H2spec, Nng], only: &["channel"];
    /// A packet that arrives in two parts, cut at any byte of its header, is no packet before its last byte.
    F06 header_split_over_reads: 0, cuts::split_header, [Autobahn], only: &["channel"];
    /// Two packets that have come together are two, whatever their sizes.
    F07 two_packets_in_one_read: 0, cuts::two_in_one_read, [Autobahn], only: &["channel"];
    /// Of a packet and the beginning of another the first is taken, and the second when its rest has come.
    F08 packet_and_a_half: 0, cuts::one_and_a_half, [Autobahn], only: &["channel"];
    /// What begins with no packet is refused, with good packets behind it too; random bytes do no harm.
    F09 garbage_prefix: 0, refused::garbage, [H2spec, Nng], only: &["channel"];
    /// A packet of an unknown kind is delimited like any other, refused by its number where the protocol can say so,
    /// and the request behind it is answered. A codec without kinds refuses to make one.
    F10 unknown_kind: 0, refused::unknown_kind, [H2spec], only: &["channel"];
    /// Packets of seeded kinds, ids, deadlines and sizes, written in seeded pieces, arrive as they were sent; deadlines
    /// to the millisecond, and one of less than that not as none.
    F14 packet_round_trip: 0, sessions::round_trip, [Own],
        only: &["channel"], hardships: &[CoalescedWrites, OneByteReads, PendingStorms, ShortWrites];
    /// A header that claims 64 MiB costs less than 1 MiB until more has come, on 16 channels at once.
    F15 claimed_length_costs_nothing: 0, memory::claims, [Nng, Own], is_alone: true, only: &["channel"];
}
