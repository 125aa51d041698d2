//! Group I: promises of single transports. A case runs on its transport alone, and is not shown for others.
//!
//! Most of what a transport alone promises is tested in `transports/tests`.

mod channel;
mod lanes;
mod relay;

use crate::conformance::case::cases;
cases! {
    /// A task that writes and reads a channel without ever having to wait leaves other tasks of its thread their turns.
    I15 busy_ends_share: 1, channel::busy_ends_share, [Own], only: &["channel"];
    /// Channels of one dialer share a connection, and one that ends, is dropped or is aborted ends no other.
    I16 lanes_are_apart: 0, lanes::lanes_are_apart, [LibP2pMuxer, Own], only: &["quic", "sctp"];
    /// No dial sends data before its listener is verified (0-RTT), also not when it has dialled there before.
    I20 no_early_data: 1, lanes::no_early_data, [Own], only: &["quic"];
}
