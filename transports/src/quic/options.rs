//! The knobs of QUIC.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Congestion;
use crate::certificates::CertificateOptions;
use crate::options::value::{
    parse_bool, parse_count, parse_duration, parse_share, parse_size, parse_unless, show_duration,
    show_share, show_size,
};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const COUNT: RangeInclusive<usize> = 1..=65_535;
const STREAMS: RangeInclusive<usize> = 1..=10_000;
const WINDOW: RangeInclusive<usize> = 16 * 1024..=1 << 30;
const MTU: RangeInclusive<usize> = 1200..=65_527;
const BUFFER: RangeInclusive<usize> = 1024..=1 << 30;

/// The options of [`Quic`](super::Quic), as a builder.
///
/// Those about certificates are [`CertificateOptions`]; an endpoint sets each of both by the name of its method:
/// `quic://host:1?ca=/etc/ca.pem&streams=16`. Both a dialer and a listener take all of them, so that one endpoint can serve
/// both; what bounds a listener means nothing to a dialer. Sessions are never resumed, so there is no 0-RTT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuicOptions {
    pub(super) certificates: CertificateOptions,
    pub(super) connect_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) keepalive: Option<Duration>,
    pub(super) streams: usize,
    pub(super) backlog: usize,
    pub(super) handshakes: usize,
    pub(super) connections: usize,
    pub(super) per_address: Option<usize>,
    pub(super) stream_window: usize,
    pub(super) send_window: usize,
    pub(super) mtu: Option<usize>,
    pub(super) congestion: Congestion,
    pub(super) gso: bool,
    pub(super) send_buffer: Option<usize>,
    pub(super) recv_buffer: Option<usize>,
}

impl Default for QuicOptions {
    fn default() -> Self {
        Self {
            certificates: CertificateOptions::default(),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            keepalive: Some(Duration::from_secs(10)),
            streams: 100,
            backlog: 1024,
            handshakes: 256,
            connections: 1024,
            per_address: None,
            stream_window: 1 << 20,
            send_window: 8 << 20,
            mtu: None,
            congestion: Congestion::Cubic,
            gso: true,
            send_buffer: None,
            recv_buffer: Some(4 << 20),
        }
    }
}

impl QuicOptions {
    /// Which certificates to show and to believe.
    #[must_use]
    pub fn certificates(mut self, options: CertificateOptions) -> Self {
        self.certificates = options;
        self
    }

    /// How long one dial may take: resolution, a handshake where no connection has room, and the listener's answer for the
    /// channel. Beyond it the dial fails with `TimedOut`. Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long a listener waits for a handshake to end, then for the first channel of the connection, and for each channel
    /// to say what it is. Beyond it the connection is closed or the channel reset. Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.handshake_timeout = limit;
        self
    }

    /// How long nothing at all may arrive before a connection counts as lost, and its channels fail with `TimedOut` (the lower
    /// one of both sides counts); and how long a connection may be without a channel before either side closes it. Default:
    /// 30 s, which RFC 9308 recommends. Bounds: 1 ms to 1 h. Nothing shorter than three round trips makes sense.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// How long a connection may be silent before this side sends something to keep it open, or `None` to let it time out.
    /// Default: 10 s, a third of `idle_timeout`, and short enough for the address tables of most routers. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn keepalive(mut self, interval: Option<Duration>) -> Self {
        self.keepalive = interval;
        self
    }

    /// How many channels one connection carries at once. A dialer opens another for more; a listener lets a peer open no more.
    ///
    /// Unit: channels. Default: 100. Bounds: 1 to 10,000. Channels of one connection share its congestion window and one core
    /// of each side; lower it to spread them.
    #[must_use]
    pub fn streams(mut self, channels: usize) -> Self {
        self.streams = channels;
        self
    }

    /// How many channels may wait to be accepted by a listener.
    ///
    /// Unit: channels. Default: 1,024. Bounds: 1 to 65,535. At the limit a dial is refused.
    #[must_use]
    pub fn backlog(mut self, channels: usize) -> Self {
        self.backlog = channels;
        self
    }

    /// How many connections a listener may have that are in the middle of their handshake or have not opened a channel yet.
    ///
    /// Unit: connections. Default: 256. Bounds: 1 to 65,535. From half of it on, peers must prove by another round trip that
    /// their address is theirs; at the limit the oldest of them is closed to make way for a new one. Each holds up to 150 KiB.
    #[must_use]
    pub fn handshakes(mut self, connections: usize) -> Self {
        self.handshakes = connections;
        self
    }

    /// How many connections a listener may have in all.
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535. At the limit the oldest one that has not opened a channel yet is
    /// closed to make way for a new one; where all have, a dial fails with `ConnectionRefused`. They carry more channels than
    /// the 10,000 of a server's default; but where more than 1,024 peers have one each, this limit is reached first: raise it
    /// then. What waits unread is at most `connections` x `streams` x `stream_window` bytes.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// How many connections of one peer's address a listener may have; `None` for as many as in all, since everybody behind
    /// a proxy has its address. Addresses of IPv6 count by their first 64 bits.
    ///
    /// Unit: connections. Default: `None`. Bounds: 1 to 65,535. At the limit as with [`connections`](Self::connections).
    #[must_use]
    pub fn per_address(mut self, connections: Option<usize>) -> Self {
        self.per_address = connections;
        self
    }

    /// How many bytes of one channel may wait for this side to read them. At the limit the peer's writing waits; the channels
    /// beside it go on, since a connection as a whole has room for `streams` times as much.
    ///
    /// Unit: bytes. Default: 1 MiB, which is 10 Gbit/s at a round trip of 0.8 ms or 80 Mbit/s at one of 100 ms. Bounds: 16 KiB
    /// to 1 GiB. Raise it to bandwidth x round trip of a longer path.
    #[must_use]
    pub fn stream_window(mut self, bytes: usize) -> Self {
        self.stream_window = bytes;
        self
    }

    /// How many bytes of all channels of one connection may be sent, or about to be, and not acknowledged yet. At the limit
    /// writing waits.
    ///
    /// Unit: bytes. Default: 8 MiB. Bounds: 16 KiB to 1 GiB. They are kept until the peer has acknowledged them.
    #[must_use]
    pub fn send_window(mut self, bytes: usize) -> Self {
        self.send_window = bytes;
        self
    }

    /// The largest datagrams, without the headers of IP and UDP, that this side tries on a path and takes from a peer. A
    /// connection starts with 1,200 bytes, which every path carries, and probes for more.
    ///
    /// Unit: bytes. Default: `None`: tries up to 1,452, which most of the internet carries, and on the loopback interface 16
    /// KiB from the first datagram on, since that is known to go through there. Bounds: 1,200 to 65,527. Raise it for paths of
    /// jumbo frames.
    #[must_use]
    pub fn mtu(mut self, bytes: Option<usize>) -> Self {
        self.mtu = bytes;
        self
    }

    /// What decides how much may be on its way at once. Default: [`Congestion::Cubic`].
    #[must_use]
    pub fn congestion(mut self, controller: Congestion) -> Self {
        self.congestion = controller;
        self
    }

    /// Whether several datagrams may be handed to the system at once (segmentation offload), where it can. Default: true.
    /// Turn it off for a network card that gets it wrong.
    #[must_use]
    pub fn gso(mut self, on: bool) -> Self {
        self.gso = on;
        self
    }

    /// Size of the socket's send buffer (`SO_SNDBUF`), or `None` for the system's choice.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system silently cuts at its own limit (Linux:
    /// `net.core.wmem_max`).
    #[must_use]
    pub fn send_buffer(mut self, bytes: Option<usize>) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Size of the socket's receive buffer (`SO_RCVBUF`), or `None` for the system's choice. What does not fit is lost and
    /// sent again.
    ///
    /// Unit: bytes. Default: 4 MiB; what Linux chooses by itself holds ten datagrams of 16 KiB, and loses from the eleventh on.
    /// Bounds: 1 KiB to 1 GiB; the system silently cuts at its own limit (Linux: `net.core.rmem_max`). It is memory only while
    /// datagrams wait. One socket serves every connection of a listener, so raise it for many or fast ones.
    #[must_use]
    pub fn recv_buffer(mut self, bytes: Option<usize>) -> Self {
        self.recv_buffer = bytes;
        self
    }
}

options_as_text!(QuicOptions, TABLE, certificates: CertificateOptions);

const TABLE: Table<QuicOptions> = Table(&[
    Knob {
        info: OptionInfo::new("connect_timeout", "how long one dial may take in all", "1ms to 1h", "10s"),
        set: |options, text| parse_duration(text, TIMEOUT).map(|limit| options.connect_timeout = limit),
        get: |options| show_duration(options.connect_timeout),
    },
    Knob {
        info: OptionInfo::new(
            "handshake_timeout",
            "how long a listener waits for a handshake, and for a channel to say what it is",
            "1ms to 1h",
            "10s",
        ),
        set: |options, text| parse_duration(text, TIMEOUT).map(|limit| options.handshake_timeout = limit),
        get: |options| show_duration(options.handshake_timeout),
    },
    Knob {
        info: OptionInfo::new(
            "idle_timeout",
            "how long nothing may arrive before a connection counts as lost, and it may be without a channel",
            "1ms to 1h",
            "30s",
        ),
        set: |options, text| parse_duration(text, TIMEOUT).map(|limit| options.idle_timeout = limit),
        get: |options| show_duration(options.idle_timeout),
    },
    Knob {
        info: OptionInfo::new(
            "keepalive",
            "how long a connection may be silent before something is sent to keep it open",
            "off, 1ms to 1h",
            "10s",
        ),
        set: |options, text| {
            parse_unless(text, "off", |text| parse_duration(text, TIMEOUT))
                .map(|interval| options.keepalive = interval)
        },
        get: |options| options.keepalive.map_or_else(|| "off".to_owned(), show_duration),
    },
    Knob {
        info: OptionInfo::new("streams", "channels that one connection carries at once", "1 to 10000", "100"),
        set: |options, text| parse_count(text, STREAMS).map(|count| options.streams = count),
        get: |options| options.streams.to_string(),
    },
    Knob {
        info: OptionInfo::new("backlog", "channels that may wait to be accepted", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, COUNT).map(|count| options.backlog = count),
        get: |options| options.backlog.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "handshakes",
            "connections of a listener that are in their handshake or have no channel yet",
            "1 to 65535",
            "256",
        ),
        set: |options, text| parse_count(text, COUNT).map(|count| options.handshakes = count),
        get: |options| options.handshakes.to_string(),
    },
    Knob {
        info: OptionInfo::new("connections", "connections that a listener has in all", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, COUNT).map(|count| options.connections = count),
        get: |options| options.connections.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "per_address",
            "connections that a listener has of one peer's address; all: as many as in all",
            "all, 1 to 65535",
            "all",
        ),
        set: |options, text| parse_share(text, COUNT).map(|count| options.per_address = count),
        get: |options| show_share(options.per_address),
    },
    Knob {
        info: OptionInfo::new(
            "stream_window",
            "bytes of one channel that may wait for this side to read them",
            "16KiB to 1GiB",
            "1MiB",
        ),
        set: |options, text| parse_size(text, WINDOW).map(|bytes| options.stream_window = bytes),
        get: |options| show_size(options.stream_window),
    },
    Knob {
        info: OptionInfo::new(
            "send_window",
            "bytes of one connection that may be unacknowledged",
            "16KiB to 1GiB",
            "8MiB",
        ),
        set: |options, text| parse_size(text, WINDOW).map(|bytes| options.send_window = bytes),
        get: |options| show_size(options.send_window),
    },
    Knob {
        info: OptionInfo::new(
            "mtu",
            "the largest datagrams that are tried and taken",
            "auto (1452B, and 16KiB on loopback), 1200B to 65527B",
            "auto",
        ),
        set: |options, text| {
            parse_unless(text, "auto", |text| parse_size(text, MTU)).map(|bytes| options.mtu = bytes)
        },
        get: |options| options.mtu.map_or_else(|| "auto".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new(
            "congestion",
            "what decides how much may be on its way",
            "cubic, newreno, bbr",
            "cubic",
        ),
        set: |options, text| Congestion::named(text).map(|controller| options.congestion = controller),
        get: |options| options.congestion.name().to_owned(),
    },
    Knob {
        info: OptionInfo::new(
            "gso",
            "several datagrams may be handed to the system at once",
            "true, false",
            "true",
        ),
        set: |options, text| parse_bool(text).map(|on| options.gso = on),
        get: |options| options.gso.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "send_buffer",
            "size of the socket's send buffer (SO_SNDBUF)",
            "system, 1KiB to 1GiB",
            "system",
        ),
        set: |options, text| {
            parse_unless(text, "system", |text| parse_size(text, BUFFER))
                .map(|size| options.send_buffer = size)
        },
        get: |options| options.send_buffer.map_or_else(|| "system".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new(
            "recv_buffer",
            "size of the socket's receive buffer (SO_RCVBUF)",
            "system, 1KiB to 1GiB",
            "4MiB",
        ),
        set: |options, text| {
            parse_unless(text, "system", |text| parse_size(text, BUFFER))
                .map(|size| options.recv_buffer = size)
        },
        get: |options| options.recv_buffer.map_or_else(|| "system".to_owned(), show_size),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        assert_eq!(TABLE.list().count(), 16);
        assert_eq!(QuicOptions::list().count(), 16 + CertificateOptions::list().count());
    }
}
