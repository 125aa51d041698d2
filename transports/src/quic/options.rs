//! The options of QUIC.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Congestion;
use crate::certificates::CertificateOptions;
use crate::options::{COUNT, TIMEOUT, count, flag, one_of, options, or, or_noted, size, socket_buffer, span};

const WINDOW: RangeInclusive<usize> = 16 * 1024..=1 << 30;

options! {
    /// The options of [`Quic`](super::Quic), as a builder.
    ///
    /// Those about certificates are [`CertificateOptions`]; an endpoint sets each of both by the name of its method:
    /// `quic://host:1?ca=/etc/ca.pem&streams=16`. Both a dialer and a listener take all of them, so that one endpoint can serve
    /// both; what bounds a listener means nothing to a dialer. Sessions are never resumed, so there is no 0-RTT.
    pub struct QuicOptions {
        /// Which certificates to show and to believe.
        certificates: CertificateOptions,
    }

    /// How long one dial may take: resolution, a handshake where no connection has room, and the listener's answer for the
    /// channel. Beyond it the dial fails with `TimedOut`. Default: 10 s. Bounds: 1 ms to 1 h.
    connect_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long one dial may take in all";

    /// How long a listener waits for a handshake to end, then for the first channel of the connection, and for each channel
    /// to say what it is. Beyond it the connection is closed or the channel reset. Default: 10 s. Bounds: 1 ms to 1 h.
    handshake_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long a listener waits for a handshake, and for a channel to say what it is";

    /// How long nothing at all may arrive before a connection counts as lost, and its channels fail with `TimedOut` (the lower
    /// one of both sides counts); and how long a connection may be without a channel before either side closes it. Default:
    /// 30 s, which RFC 9308 recommends. Bounds: 1 ms to 1 h. Nothing shorter than three round trips makes sense.
    idle_timeout(limit: Duration) = Duration::from_secs(30),
        span(TIMEOUT), "how long nothing may arrive before a connection counts as lost, and it may be without a channel";

    /// How long a connection may be silent before this side sends something to keep it open, or `None` to let it time out.
    /// Default: 10 s, a third of `idle_timeout`, and short enough for the address tables of most routers. Bounds: 1 ms to 1 h.
    keepalive(interval: Option<Duration>) = Some(Duration::from_secs(10)),
        or("off", span(TIMEOUT)), "how long a connection may be silent before something is sent to keep it open";

    /// How many channels one connection carries at once. A dialer opens another for more; a listener lets a peer open no more.
    ///
    /// Unit: channels. Default: 100. Bounds: 1 to 10,000. Channels of one connection share its congestion window and one core
    /// of each side; lower it to spread them.
    streams(channels: usize) = 100,
        count(1..=10_000), "channels that one connection carries at once";

    /// How many channels may wait to be accepted by a listener.
    ///
    /// Unit: channels. Default: 1,024. Bounds: 1 to 65,535. At the limit a dial is refused.
    backlog(channels: usize) = 1024,
        count(COUNT), "channels that may wait to be accepted";

    /// How many connections a listener may have that are in the middle of their handshake or have not opened a channel yet.
    ///
    /// Unit: connections. Default: 256. Bounds: 1 to 65,535. From half of it on, peers must prove by another round trip that
    /// their address is theirs; at the limit the oldest of them is closed to make way for a new one. Each holds up to 150 KiB.
    handshakes(connections: usize) = 256,
        count(COUNT), "connections of a listener that are in their handshake or have no channel yet";

    /// How many connections a listener may have in all.
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535. At the limit the oldest one that has not opened a channel yet is
    /// closed to make way for a new one; where all have, a dial fails with `ConnectionRefused`. They carry more channels than
    /// the 10,000 of a server's default; but where more than 1,024 peers have one each, this limit is reached first: raise it
    /// then. What waits unread is at most `connections` x `streams` x `stream_window` bytes.
    connections(connections: usize) = 1024,
        count(COUNT), "connections that a listener has in all";

    /// How many connections of one peer's address a listener may have; `None` for as many as in all, since all clients behind
    /// a proxy have its address. Addresses of IPv6 count by their first 64 bits.
    ///
    /// Unit: connections. Default: `None`. Bounds: 1 to 65,535. At the limit as with [`connections`](Self::connections).
    per_address(connections: Option<usize>) = None,
        or("all", count(COUNT)), "connections that a listener has of one peer's address; all: as many as in all";

    /// How many bytes of one channel may wait for this side to read them. At the limit the peer's writing waits; the channels
    /// beside it go on, since a connection as a whole has room for `streams` times as much.
    ///
    /// Unit: bytes. Default: 1 MiB, which is 10 Gbit/s at a round trip of 0.8 ms or 80 Mbit/s at one of 100 ms. Bounds: 16 KiB
    /// to 1 GiB. Raise it to bandwidth x round trip of a longer path.
    stream_window(bytes: usize) = 1 << 20,
        size(WINDOW), "bytes of one channel that may wait for this side to read them";

    /// How many bytes of all channels of one connection may be sent, or about to be, and not acknowledged yet. At the limit
    /// writing waits.
    ///
    /// Unit: bytes. Default: 8 MiB. Bounds: 16 KiB to 1 GiB. They are kept until the peer has acknowledged them.
    send_window(bytes: usize) = 8 << 20,
        size(WINDOW), "bytes of one connection that may be unacknowledged";

    /// The largest datagrams, without the headers of IP and UDP, that this side tries on a path and takes from a peer. A
    /// connection starts with 1,200 bytes, which every path carries, and probes for more.
    ///
    /// Unit: bytes. Default: `None`: tries up to 1,452, which most of the internet carries, and on the loopback interface 16
    /// KiB from the first datagram on, since that is known to go through there. Bounds: 1,200 to 65,527. Raise it for paths of
    /// jumbo frames.
    mtu(bytes: Option<usize>) = None,
        or_noted("auto", " (1452B, and 16KiB on loopback)", size(1200..=65_527)), "the largest datagrams that are tried and taken";

    /// What decides how much may be on its way at once. Default: [`Congestion::Cubic`].
    congestion(controller: Congestion) = Congestion::Cubic,
        one_of(&Congestion::ALL), "what decides how much may be on its way";

    /// Whether several datagrams may be handed to the system at once (segmentation offload), where it can. Default: true.
    /// Turn it off for a network card that gets it wrong.
    gso(on: bool) = true,
        flag(), "several datagrams may be handed to the system at once";

    /// Size of the socket's send buffer (`SO_SNDBUF`), or `None` for the system's choice.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system silently cuts at its own limit (Linux:
    /// `net.core.wmem_max`).
    send_buffer(bytes: Option<usize>) = None,
        socket_buffer(), "size of the socket's send buffer (SO_SNDBUF)";

    /// Size of the socket's receive buffer (`SO_RCVBUF`), or `None` for the system's choice. What does not fit is lost and
    /// sent again.
    ///
    /// Unit: bytes. Default: 4 MiB; what Linux chooses by itself holds ten datagrams of 16 KiB, and loses from the eleventh on.
    /// Bounds: 1 KiB to 1 GiB; the system silently cuts at its own limit (Linux: `net.core.rmem_max`). It is memory only while
    /// datagrams wait. One socket serves every connection of a listener, so raise it for many or fast ones.
    recv_buffer(bytes: Option<usize>) = Some(4 << 20),
        socket_buffer(), "size of the socket's receive buffer (SO_RCVBUF)";
}
