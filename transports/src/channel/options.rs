//! The knobs of an in-process channel.

use std::ops::RangeInclusive;

use super::pipe::Limits;
use crate::options::value::{parse_count, parse_size, show_size};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const CAPACITY: RangeInclusive<usize> = 1..=1 << 30;
const CHUNKS: RangeInclusive<usize> = 1..=1 << 20;
const BACKLOG: RangeInclusive<usize> = 1..=65_535;

/// The options of [`InProcess`](super::InProcess), as a builder.
///
/// As with a receive buffer, each side's options bound what waits for that side to read it. An endpoint may set each
/// of them too, by the name of its method: `channel://name?capacity=64KiB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOptions {
    capacity: usize,
    chunks: usize,
    pub(super) backlog: usize,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self { capacity: 1 << 20, chunks: 1024, backlog: 1024 }
    }
}

impl ChannelOptions {
    /// How many bytes may wait for this side to read them.
    ///
    /// Unit: bytes. Default: 1 MiB. Bounds: 1 B to 1 GiB. At the limit the peer's writing waits. A chunk is never
    /// split, so one that does not fit waits, and one larger than the limit is let in alone.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// How many chunks may wait for this side to read them, since each costs some 40 bytes beside its own.
    ///
    /// Unit: chunks. Default: 1,024. Bounds: 1 to 1,048,576. At the limit the peer's writing waits.
    #[must_use]
    pub fn chunks(mut self, chunks: usize) -> Self {
        self.chunks = chunks;
        self
    }

    /// How many channels may wait to be accepted by a listener; a dialer ignores it.
    ///
    /// Unit: channels. Default: 1,024. Bounds: 1 to 65,535. At the limit a dial is refused.
    #[must_use]
    pub fn backlog(mut self, channels: usize) -> Self {
        self.backlog = channels;
        self
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { bytes: self.capacity, chunks: self.chunks }
    }
}

options_as_text!(ChannelOptions, TABLE);

const TABLE: Table<ChannelOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "capacity",
            "bytes that may wait for this side to read them",
            "1B to 1GiB",
            "1MiB",
        ),
        set: |options, text| parse_size(text, CAPACITY).map(|bytes| options.capacity = bytes),
        get: |options| show_size(options.capacity),
    },
    Knob {
        info: OptionInfo::new(
            "chunks",
            "chunks that may wait for this side to read them",
            "1 to 1048576",
            "1024",
        ),
        set: |options, text| parse_count(text, CHUNKS).map(|chunks| options.chunks = chunks),
        get: |options| options.chunks.to_string(),
    },
    Knob {
        info: OptionInfo::new("backlog", "channels that may wait to be accepted", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, BACKLOG).map(|channels| options.backlog = channels),
        get: |options| options.backlog.to_string(),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        assert_eq!(ChannelOptions::list().count(), 3);
    }
}
