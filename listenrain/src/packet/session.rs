//! Session packets: hello at the beginning of a channel, goodbye at its end.

use std::time::Duration;

use super::GoodbyeReason;
use crate::error::RemoteRefusal;

/// The first packet of a client, and the server's answer to it.
///
/// Payload: a 16-bit version and 64 feature bits, big-endian; further bytes are ignored. A peer without a hello is one of
/// before there was any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) features: u64,
}

impl Hello {
    /// What this library speaks.
    pub(crate) const OWN: Self = Self { version: 1, features: Self::GOODBYE };

    /// Feature bit 0: it understands goodbyes, and answers them.
    const GOODBYE: u64 = 1;

    pub(crate) fn to_bytes(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&self.version.to_be_bytes());
        bytes[2..].copy_from_slice(&self.features.to_be_bytes());
        bytes
    }

    /// `None` when it is too short to be one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        let features = u64::from_be_bytes(*rest.first_chunk()?);
        Some(Self { version: u16::from_be_bytes(*version), features })
    }

    pub(crate) fn understands_goodbye(self) -> bool {
        self.features & Self::GOODBYE != 0
    }
}

/// Says that nothing more is taken on this channel, and what was.
///
/// Payload: one byte of reason, one of zero, the number of request packets and of one-way packets of this channel that were
/// taken, 64 bits each, and for how many milliseconds to stay away, 32 bits; big-endian, further bytes are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goodbye {
    pub(crate) why: GoodbyeReason,
    /// Packets that were served or refused one by one. Those after them never will be, and never ran.
    pub(crate) requests: u64,
    pub(crate) one_ways: u64,
    pub(crate) stay_away: Duration,
}

impl Goodbye {
    /// A peer that wants to be left alone for longer is dialled after this time all the same.
    pub(crate) const MOST_STAY_AWAY: Duration = Duration::from_secs(300);

    pub(crate) fn to_bytes(self) -> [u8; 22] {
        let mut bytes = [0; 22];
        bytes[0] = self.why.to_byte();
        bytes[2..10].copy_from_slice(&self.requests.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.one_ways.to_be_bytes());
        let millis = u32::try_from(self.stay_away.as_millis()).unwrap_or(u32::MAX);
        bytes[18..].copy_from_slice(&millis.to_be_bytes());
        bytes
    }

    /// `None` when it is too short to be one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let (requests, rest) = rest.split_first_chunk()?;
        let (one_ways, rest) = rest.split_first_chunk()?;
        let millis = u32::from_be_bytes(*rest.first_chunk()?);
        Some(Self {
            why: GoodbyeReason::from_byte(head[0]),
            requests: u64::from_be_bytes(*requests),
            one_ways: u64::from_be_bytes(*one_ways),
            stay_away: Duration::from_millis(millis.into()).min(Self::MOST_STAY_AWAY),
        })
    }
}

impl GoodbyeReason {
    /// What it says of one request that was not taken.
    pub(crate) const fn of_request(self) -> RemoteRefusal {
        match self {
            Self::Full | Self::Overloaded => RemoteRefusal::Overloaded,
            Self::NotAdmitted | Self::Version => RemoteRefusal::NoServer,
            Self::Draining | Self::Age | Self::Other(_) => RemoteRefusal::Draining,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_bytes_of_a_hello_and_a_goodbye() {
        assert_eq!(Hello::OWN.to_bytes(), [0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let goodbye = Goodbye {
            why: GoodbyeReason::Draining,
            requests: 0x0102,
            one_ways: 3,
            stay_away: Duration::from_millis(1000),
        };
        let bytes = [1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 3, 0xE8];
        assert_eq!(goodbye.to_bytes(), bytes);
    }

    proptest! {
        #[test]
        fn what_was_said_is_heard_with_whatever_a_newer_peer_adds(
            version: u16, features: u64, why: u8, requests: u64, one_ways: u64, millis: u32, more: Vec<u8>,
        ) {
            let hello = Hello { version, features };
            prop_assert_eq!(Hello::from_bytes(&[&hello.to_bytes()[..], &more].concat()), Some(hello));
            let stay_away = Duration::from_millis((millis % 300_001).into());
            let goodbye = Goodbye { why: GoodbyeReason::from_byte(why), requests, one_ways, stay_away };
            prop_assert_eq!(Goodbye::from_bytes(&[&goodbye.to_bytes()[..], &more].concat()), Some(goodbye));
        }

        #[test]
        fn bytes_that_are_too_short_are_neither(bytes in proptest::collection::vec(any::<u8>(), 0..10)) {
            prop_assert_eq!(Hello::from_bytes(&bytes), None);
            prop_assert_eq!(Goodbye::from_bytes(&bytes), None);
        }
    }
}
