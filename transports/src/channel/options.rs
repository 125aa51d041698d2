//! The options of an in-process channel.

use super::pipe::Limits;
use crate::options::{COUNT, count, options, size};

options! {
    /// The options of [`InProcess`](super::InProcess), as a builder.
    ///
    /// As with a receive buffer, each side's options bound what waits for that side to read it. An endpoint may set each
    /// of them too, by the name of its method: `channel://name?capacity=64KiB`.
    pub struct ChannelOptions {}

    /// How many bytes may wait for this side to read them.
    ///
    /// Unit: bytes. Default: 1 MiB. Bounds: 1 B to 1 GiB. At the limit the peer's writing waits. A chunk is never
    /// split, so one that does not fit waits, and one larger than the limit is let in alone.
    capacity(bytes: usize) = 1 << 20,
        size(1..=1 << 30), "bytes that may wait for this side to read them";

    /// How many chunks may wait for this side to read them, since each costs some 40 bytes beside its own.
    ///
    /// Unit: chunks. Default: 1,024. Bounds: 1 to 1,048,576. At the limit the peer's writing waits.
    chunks(chunks: usize) = 1024,
        count(1..=1 << 20), "chunks that may wait for this side to read them";

    /// How many channels may wait to be accepted by a listener; a dialer ignores it.
    ///
    /// Unit: channels. Default: 1,024. Bounds: 1 to 65,535. At the limit a dial is refused.
    backlog(channels: usize) = 1024,
        count(COUNT), "channels that may wait to be accepted";
}

impl ChannelOptions {
    pub(super) fn limits(&self) -> Limits {
        Limits { bytes: self.capacity, chunks: self.chunks }
    }
}
