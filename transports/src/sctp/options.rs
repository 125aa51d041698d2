//! The options of an SCTP association and its lanes.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::{BUFFER, COUNT, TIMEOUT, count, options, or, size, span};

const HEARTBEAT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

/// What every path of the internet carries: 1,280 bytes of IPv6, less its header and that of UDP, less 32 bytes for
/// whatever tunnel is on the way.
const MTU_ANYWHERE: usize = 1200;
/// Found by measuring echoes over loopback with 1,200 B, 4, 8, 16, 32 and 63 KiB; see the module's page.
const MTU_LOOPBACK: usize = 16 << 10;

options! {
    /// The options of [`Sctp`](super::Sctp), as a builder.
    ///
    /// An endpoint may set each of them too, by the name of its method: `sctp://host:1?mtu=8KiB&lanes=16`. Both a dialer
    /// and a listener take all of them, so that one endpoint can serve both.
    pub struct SctpOptions {}

    /// How long one dial may take: resolving the name, the association if there is none yet, and the listener's answer
    /// to the new lane. Beyond it the dial fails with `TimedOut`. A listener ends an association that has had no lane
    /// for as long. Default: 10 s. Bounds: 1 ms to 1 h.
    connect_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long one dial may take, and an accepted association be without a lane";

    /// How many channels may wait to be accepted; a dialer ignores it.
    ///
    /// Unit: channels. Default: 1,024. Bounds: 1 to 65,535. At the limit a dial is refused.
    backlog(channels: usize) = 1024,
        count(COUNT), "channels that may wait to be accepted";

    /// How many associations a listener's socket may serve at once; a dialer ignores it. Half-open ones take up nothing
    /// and are not counted.
    ///
    /// Unit: associations. Default: 1,024. Bounds: 1 to 65,535. At the limit the oldest association that has had no channel
    /// yet is aborted to make way for a new one; where all have had one, a dial is refused.
    associations(associations: usize) = 1024,
        count(COUNT), "associations of a listener at once";

    /// How many associations of one peer's address a listener's socket may serve at once; `None` for as many as in all, since
    /// all clients behind a proxy or a router have its address. Addresses of IPv6 count by their first 64 bits. A dialer ignores
    /// it.
    ///
    /// Unit: associations. Default: `None`. Bounds: 1 to 65,535. At the limit the oldest one of that address that has had no
    /// channel yet is aborted to make way for a new one; where all have had one, a dial is refused.
    per_address(associations: Option<usize>) = None,
        or("all", count(COUNT)), "associations of one peer's address at once; all: as many as in all";

    /// The SCTP port inside the UDP datagrams, of both sides. Default: 5000, which WebRTC stacks use. Bounds: 1 to
    /// 65,535. A peer that uses another is refused.
    sctp_port(port: usize) = 5000,
        count(COUNT), "the SCTP port inside the UDP datagrams";

    /// Largest UDP payload to send, or `None` to choose by the peer's address: 16 KiB on this host's loopback, 1,200 B
    /// anywhere else, which every path carries.
    ///
    /// Unit: bytes; rounded down to a multiple of 4. Default: `None`. Bounds: 576 B to 65,504 B. Datagrams are not
    /// fragmented by the system where it can be told so: one that is larger than the path carries never arrives, so
    /// with a value too large every channel fails with `TimedOut` after the time of
    /// [`max_retransmits`](Self::max_retransmits). Raise it where both hosts share a network of jumbo frames.
    mtu(bytes: Option<usize>) = None,
        or("auto", size(576..=65_504)), "largest UDP payload to send; auto: 16KiB on loopback, 1200B elsewhere";

    /// How many bytes of one channel may be written and not acknowledged yet.
    ///
    /// Unit: bytes. Default: 1 MiB. Bounds: 1 KiB to 1 GiB. At the limit writing waits. One channel sends no more than
    /// this in a round trip, so raise it where bandwidth x round trip exceeds it.
    send_buffer(bytes: usize) = 1 << 20,
        size(BUFFER), "bytes of a channel that may be written and not acknowledged";

    /// How many bytes of one channel may wait for this side to read them.
    ///
    /// Unit: bytes. Default: 1 MiB. Bounds: 1 KiB to 1 GiB. At the limit the peer's writing waits, on this channel
    /// alone. A peer can make this side hold [`lanes`](Self::lanes) times as much for each association.
    recv_buffer(bytes: usize) = 1 << 20,
        size(BUFFER), "bytes of a channel that may wait for this side to read them";

    /// How long a peer may be silent before it is asked whether it is there, and how long each question waits for an
    /// answer. Default: 5 s. Bounds: 100 ms to 1 h.
    heartbeat(interval: Duration) = Duration::from_secs(5),
        span(HEARTBEAT), "silence after which the peer is asked whether it is there";

    /// How many questions in a row may go unanswered. A peer that is gone without a word is noticed after
    /// `heartbeat x (max_retransmits + 1)`, 30 s by default; so is a path that loses all of one direction. Every
    /// channel then fails with `TimedOut`.
    ///
    /// Unit: questions. Default: 5. Bounds: 1 to 100.
    max_retransmits(questions: usize) = 5,
        count(1..=100), "questions in a row that may go unanswered";

    /// How many channels one association may carry at once.
    ///
    /// Unit: channels. Default: 256. Bounds: 1 to 65,535; the smaller one of both sides counts. At the limit a dialer
    /// makes another association.
    lanes(channels: usize) = 256,
        count(COUNT), "channels of one association at once";
}

impl SctpOptions {
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

#[cfg(test)]
mod tests {
    use super::*;

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
