//! The knobs of an SCTP association and its lanes.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::value::{
    parse_count, parse_duration, parse_share, parse_size, parse_unless, show_duration, show_share, show_size,
};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const CONNECT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const COUNT: RangeInclusive<usize> = 1..=65_535;
const MTU: RangeInclusive<usize> = 576..=65_504;
const BUFFER: RangeInclusive<usize> = 1024..=1 << 30;
const HEARTBEAT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const RETRANSMITS: RangeInclusive<usize> = 1..=100;

/// What every path of the internet carries: 1,280 bytes of IPv6, less its header and that of UDP, less 32 bytes for
/// whatever tunnel is on the way.
const MTU_ANYWHERE: usize = 1200;
/// Found by measuring echoes over loopback with 1,200 B, 4, 8, 16, 32 and 63 KiB; see the module's page.
const MTU_LOOPBACK: usize = 16 << 10;

/// The options of [`Sctp`](super::Sctp), as a builder.
///
/// An endpoint may set each of them too, by the name of its method: `sctp://host:1?mtu=8KiB&lanes=16`. Both a dialer
/// and a listener take all of them, so that one endpoint can serve both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SctpOptions {
    pub(super) connect_timeout: Duration,
    pub(super) backlog: usize,
    pub(super) associations: usize,
    pub(super) per_address: Option<usize>,
    pub(super) sctp_port: usize,
    pub(super) mtu: Option<usize>,
    pub(super) send_buffer: usize,
    pub(super) recv_buffer: usize,
    pub(super) heartbeat: Duration,
    pub(super) max_retransmits: usize,
    pub(super) lanes: usize,
}

impl Default for SctpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            backlog: 1024,
            associations: 1024,
            per_address: None,
            sctp_port: 5000,
            mtu: None,
            send_buffer: 1 << 20,
            recv_buffer: 1 << 20,
            heartbeat: Duration::from_secs(5),
            max_retransmits: 5,
            lanes: 256,
        }
    }
}

impl SctpOptions {
    /// How long one dial may take: resolving the name, the association if there is none yet, and the listener's answer
    /// to the new lane. Beyond it the dial fails with `TimedOut`. A listener ends an association that has had no lane
    /// for as long. Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How many channels may wait to be accepted; a dialer ignores it.
    ///
    /// Unit: channels. Default: 1,024. Bounds: 1 to 65,535. At the limit a dial is refused.
    #[must_use]
    pub fn backlog(mut self, channels: usize) -> Self {
        self.backlog = channels;
        self
    }

    /// How many associations a listener's socket may serve at once; a dialer ignores it. Half-open ones take up nothing
    /// and are not counted.
    ///
    /// Unit: associations. Default: 1,024. Bounds: 1 to 65,535. At the limit the oldest association that has had no channel
    /// yet is aborted to make way for a new one; where all have had one, a dial is refused.
    #[must_use]
    pub fn associations(mut self, associations: usize) -> Self {
        self.associations = associations;
        self
    }

    /// How many associations of one peer's address a listener's socket may serve at once; `None` for as many as in all, since
    /// everybody behind a proxy or a router has its address. Addresses of IPv6 count by their first 64 bits. A dialer ignores
    /// it.
    ///
    /// Unit: associations. Default: `None`. Bounds: 1 to 65,535. At the limit the oldest one of that address that has had no
    /// channel yet is aborted to make way for a new one; where all have had one, a dial is refused.
    #[must_use]
    pub fn per_address(mut self, associations: Option<usize>) -> Self {
        self.per_address = associations;
        self
    }

    /// The SCTP port inside the UDP datagrams, of both sides. Default: 5000, which WebRTC stacks use. Bounds: 1 to
    /// 65,535. A peer that uses another is refused.
    #[must_use]
    pub fn sctp_port(mut self, port: usize) -> Self {
        self.sctp_port = port;
        self
    }

    /// Largest UDP payload to send, or `None` to choose by the peer's address: 16 KiB on this host's loopback, 1,200 B
    /// anywhere else, which every path carries.
    ///
    /// Unit: bytes; rounded down to a multiple of 4. Default: `None`. Bounds: 576 B to 65,504 B. Datagrams are not
    /// fragmented by the system where it can be told so: one that is larger than the path carries never arrives, so
    /// with a value too large every channel fails with `TimedOut` after the time of
    /// [`max_retransmits`](Self::max_retransmits). Raise it where both hosts share a network of jumbo frames.
    #[must_use]
    pub fn mtu(mut self, bytes: Option<usize>) -> Self {
        self.mtu = bytes;
        self
    }

    /// How many bytes of one channel may be written and not acknowledged yet.
    ///
    /// Unit: bytes. Default: 1 MiB. Bounds: 1 KiB to 1 GiB. At the limit writing waits. One channel sends no more than
    /// this in a round trip, so raise it where bandwidth x round trip exceeds it.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// How many bytes of one channel may wait for this side to read them.
    ///
    /// Unit: bytes. Default: 1 MiB. Bounds: 1 KiB to 1 GiB. At the limit the peer's writing waits, on this channel
    /// alone. A peer can make this side hold [`lanes`](Self::lanes) times as much for each association.
    #[must_use]
    pub fn recv_buffer(mut self, bytes: usize) -> Self {
        self.recv_buffer = bytes;
        self
    }

    /// How long a peer may be silent before it is asked whether it is there, and how long each question waits for an
    /// answer. Default: 5 s. Bounds: 100 ms to 1 h.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// How many questions in a row may go unanswered. A peer that is gone without a word is noticed after
    /// `heartbeat x (max_retransmits + 1)`, 30 s by default; so is a path that loses all of one direction. Every
    /// channel then fails with `TimedOut`.
    ///
    /// Unit: questions. Default: 5. Bounds: 1 to 100.
    #[must_use]
    pub fn max_retransmits(mut self, questions: usize) -> Self {
        self.max_retransmits = questions;
        self
    }

    /// How many channels one association may carry at once.
    ///
    /// Unit: channels. Default: 256. Bounds: 1 to 65,535; the smaller one of both sides counts. At the limit a dialer
    /// makes another association.
    #[must_use]
    pub fn lanes(mut self, channels: usize) -> Self {
        self.lanes = channels;
        self
    }

    /// The largest packet to send to `peer`.
    pub(super) fn mtu_towards(&self, peer: IpAddr) -> usize {
        let automatic = if peer.to_canonical().is_loopback() { MTU_LOOPBACK } else { MTU_ANYWHERE };
        self.mtu.unwrap_or(automatic) / 4 * 4
    }

    /// After how long a peer that does not answer is given up.
    pub(super) fn patience(&self) -> Duration {
        // Within the bounds that are checked: at most 101 hours.
        self.heartbeat * (self.max_retransmits as u32 + 1)
    }
}

options_as_text!(SctpOptions, TABLE);

const TABLE: Table<SctpOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "connect_timeout",
            "how long one dial may take, and an accepted association be without a lane",
            "1ms to 1h",
            "10s",
        ),
        set: |options, text| parse_duration(text, CONNECT).map(|limit| options.connect_timeout = limit),
        get: |options| show_duration(options.connect_timeout),
    },
    Knob {
        info: OptionInfo::new("backlog", "channels that may wait to be accepted", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, COUNT).map(|channels| options.backlog = channels),
        get: |options| options.backlog.to_string(),
    },
    Knob {
        info: OptionInfo::new("associations", "associations of a listener at once", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, COUNT).map(|count| options.associations = count),
        get: |options| options.associations.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "per_address",
            "associations of one peer's address at once; all: as many as in all",
            "all, 1 to 65535",
            "all",
        ),
        set: |options, text| parse_share(text, COUNT).map(|count| options.per_address = count),
        get: |options| show_share(options.per_address),
    },
    Knob {
        info: OptionInfo::new("sctp_port", "the SCTP port inside the UDP datagrams", "1 to 65535", "5000"),
        set: |options, text| parse_count(text, COUNT).map(|port| options.sctp_port = port),
        get: |options| options.sctp_port.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "mtu",
            "largest UDP payload to send; auto: 16KiB on loopback, 1200B elsewhere",
            "auto, 576B to 65504B",
            "auto",
        ),
        set: |options, text| {
            parse_unless(text, "auto", |text| parse_size(text, MTU)).map(|size| options.mtu = size)
        },
        get: |options| options.mtu.map_or_else(|| "auto".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new(
            "send_buffer",
            "bytes of a channel that may be written and not acknowledged",
            "1KiB to 1GiB",
            "1MiB",
        ),
        set: |options, text| parse_size(text, BUFFER).map(|bytes| options.send_buffer = bytes),
        get: |options| show_size(options.send_buffer),
    },
    Knob {
        info: OptionInfo::new(
            "recv_buffer",
            "bytes of a channel that may wait for this side to read them",
            "1KiB to 1GiB",
            "1MiB",
        ),
        set: |options, text| parse_size(text, BUFFER).map(|bytes| options.recv_buffer = bytes),
        get: |options| show_size(options.recv_buffer),
    },
    Knob {
        info: OptionInfo::new(
            "heartbeat",
            "silence after which the peer is asked whether it is there",
            "100ms to 1h",
            "5s",
        ),
        set: |options, text| parse_duration(text, HEARTBEAT).map(|interval| options.heartbeat = interval),
        get: |options| show_duration(options.heartbeat),
    },
    Knob {
        info: OptionInfo::new(
            "max_retransmits",
            "questions in a row that may go unanswered",
            "1 to 100",
            "5",
        ),
        set: |options, text| parse_count(text, RETRANSMITS).map(|count| options.max_retransmits = count),
        get: |options| options.max_retransmits.to_string(),
    },
    Knob {
        info: OptionInfo::new("lanes", "channels of one association at once", "1 to 65535", "256"),
        set: |options, text| parse_count(text, COUNT).map(|channels| options.lanes = channels),
        get: |options| options.lanes.to_string(),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        assert_eq!(SctpOptions::list().count(), 11);
    }

    #[test]
    fn an_option_is_set_by_its_name_and_reads_back() {
        let mut options = SctpOptions::default();
        for (name, value) in [
            ("connect_timeout", "250ms"),
            ("backlog", "7"),
            ("associations", "3"),
            ("per_address", "2"),
            ("sctp_port", "9899"),
            ("mtu", "8KiB"),
            ("send_buffer", "64KiB"),
            ("recv_buffer", "32KiB"),
            ("heartbeat", "1s"),
            ("max_retransmits", "2"),
            ("lanes", "16"),
        ] {
            options.set(name, value).unwrap();
            assert_eq!(options.get(name).as_deref(), Some(value));
        }
        let built = SctpOptions::default()
            .connect_timeout(Duration::from_millis(250))
            .backlog(7)
            .associations(3)
            .per_address(Some(2))
            .sctp_port(9899)
            .mtu(Some(8 << 10))
            .send_buffer(64 << 10)
            .recv_buffer(32 << 10)
            .heartbeat(Duration::from_secs(1))
            .max_retransmits(2)
            .lanes(16);
        assert_eq!(options, built);
    }

    #[test]
    fn the_packet_size_is_safe_anywhere_but_on_loopback() {
        let auto = SctpOptions::default();
        for (peer, mtu) in [
            ("127.0.0.9", MTU_LOOPBACK),
            ("::1", MTU_LOOPBACK),
            ("::ffff:127.0.0.1", MTU_LOOPBACK),
            ("192.0.2.1", MTU_ANYWHERE),
            ("2001:db8::1", MTU_ANYWHERE),
        ] {
            assert_eq!(auto.mtu_towards(peer.parse().unwrap()), mtu, "{peer}");
        }
        assert_eq!(auto.mtu(Some(1503)).mtu_towards("::1".parse().unwrap()), 1500);
    }
}
