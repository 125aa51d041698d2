//! SCTP over UDP (RFC 9260 in RFC 6951): `sctp://127.0.0.1:7000`, `sctp://[::1]:0`, `sctp://name:port`.
//!
//! The port is that of UDP; the SCTP port inside is an [option](SctpOptions::sctp_port). A dialer's channels are lanes of
//! one association, each on a stream of its own: reliable, in order, and none held up by another that is not read.
//!
//! * **Half-close**: a shutdown is a message; the other direction goes on.
//! * **Abort**: a message too, at once for this side. The peer sees `ConnectionReset`, this side `ConnectionAborted`.
//! * **Dropping**: an orderly end once the peer has heard of it, unless bytes were left unread or still come: then a reset.
//!   What was written is delivered by the socket's own task, which needs neither the channel nor its dialer. The last
//!   channel's association is kept for a second for the next dial, or ended at once when its dialer is gone; the end is
//!   an SCTP shutdown, and takes at most 10 s whatever the peer does.
//! * **Backpressure**: a lane's window ([`recv_buffer`](SctpOptions::recv_buffer)) at the reader, unacknowledged bytes
//!   ([`send_buffer`](SctpOptions::send_buffer)) at the writer. A peer with a channel can make this side hold
//!   `lanes x recv_buffer` for each association, and some 30 MiB of fragments that never become a message.
//! * **Peers that have proved nothing**: an INIT, from whatever address, takes up nothing (a cookie goes out and comes back).
//!   An association that has had no channel yet holds at most 4,096 control messages, some 600 KiB, is ended after
//!   [`connect_timeout`](SctpOptions::connect_timeout), and the oldest one makes way for a new one when there are
//!   [`associations`](SctpOptions::associations), or [`per_address`](SctpOptions::per_address) of its address.
//! * **A peer that is gone**: at once where the system says that its port is closed (a dialer on Linux), or when it answers
//!   that it knows no such association; else after `heartbeat x (max_retransmits + 1)`, 30 s by default.
//! * **Peer identity**: its address, nothing more. **Nothing is encrypted**: SCTP's tags keep out hosts that cannot see the
//!   packets, not those that can.
//!
//! A listener's socket lives as long as channels of it do; the next listener of the same instance takes it over, another
//! process cannot. A peer whose address changes is an unknown one. Facts of a channel name the association (`group`) and the
//! stream (`more["stream"]`); the dialer's endpoint ends in the stream's number, as in `sctp://127.0.0.1:40000#3`, so that
//! no two channels have the same two ends.
//!
//! # The crate below, and what it is not asked to do
//!
//! `sctp-proto` moves the data: it cuts messages into chunks, paces, acknowledges, retransmits and puts them together. It
//! was chosen over `dcsctp`, whose sockets cannot leave their thread, and which renders each packet as text for a log
//! that is not read: 22 MB/s in memory where `sctp-proto` does 540 MB/s, and 1,250 MB/s with large packets. It was made
//! for WebRTC, where others look after the connection, and that shows. Found by trying version 0.10.8, and by reading it:
//!
//! | what it does | what is done instead |
//! |---|---|
//! | a late copy of an INIT ends an established association | the handshake is this module's, with cookies that leave nothing behind; the crate begins in the established state |
//! | an INIT makes an association at once; at an endpoint that only dials it panics | as above |
//! | a shutdown loses what is queued, acknowledges the wrong number, and leaves its own side open | shutdown and abort are this module's |
//! | a peer that is gone is never reported: after `max_data_retransmits` it just stops | questions (HEARTBEAT), and a watch on acknowledgements |
//! | a HEARTBEAT ACK is thrown away with all that stands beside it, an ERROR ends the association | it is given DATA and SACK chunks only, of packets whose tag, address and ports are right |
//! | no limit to streams, tiny fragments, or chunks ahead of a missing one, each of which costs it time and memory | they are bounded before it sees them |
//! | packets exceed the mtu when many small chunks share one | they are split again |
//! | only the payload protocols of WebRTC | the lane protocol uses two of those |
//! | each chunk on its way costs a walk over the others | few thousand of them; small writes travel together |
//! | a lone packet is acknowledged after 200 ms, however many writes wait for it | the last one that may leave asks for an answer at once |
//!
//! What cannot be had with it: it recovers from losses slowly, often only by its timer, which is 300 ms at least (4 MB over
//! a path that loses every tenth packet took it 57 s, and `dcsctp` 10 s); and its checksum is software, half the time of
//! a bulk transfer on loopback.
//!
//! # The lane protocol
//!
//! Stream *n* of both directions is one lane. A message with payload protocol 53 is DATA, 1 to 65,536 bytes of the
//! channel; one with 50 is a control message: a byte that says which, then a number of four bytes, big-endian, where one
//! is named. All are ordered and reliable.
//!
//! | byte | message | number | what it says |
//! |---|---|---|---|
//! | 1 | OPEN | window | from the dialer, on a free stream: a lane begins, and I take so many bytes |
//! | 2 | OPENED | window | from the listener: so be it, and I take so many. ABORT instead: refused |
//! | 3 | CREDIT | bytes | I take so many more |
//! | 4 | END | | I write no more |
//! | 5 | STOP | | I read no more; END, if you have not said it |
//! | 6 | ABORT | | both directions are over. The answer is ABORT, unless END or ABORT was said before |
//! | 7 | CLOSED | | the listener's last word, once both sides have said END or ABORT: the stream is free again |
//!
//! A dialer says nothing more on a stream between OPEN and its answer, except ABORT. A side that has said END sends no DATA;
//! after ABORT a side says nothing but CLOSED. CREDIT, STOP and ABORT may cross with CLOSED, and are ignored then.
//! Whatever else is out of turn, more DATA than was credited, credits above 2^32, a stream beyond those agreed on, or a
//! message that is none of these is a [`Violation`]: the association is aborted, and every channel of it says why.
//!
//! usrsctp, an independent stack, speaks it with us both ways in `tests/machine/usrsctp.rs`.

mod association;
mod cookie;
mod dial;
mod engine;
mod fault;
mod halves;
mod handshake;
mod hub;
mod lane;
mod listen;
mod message;
mod options;
mod random;
mod shared;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use listenrain::{Endpoint, EndpointError, TransportId};

use self::dial::Target;
use self::hub::{Groups, Registry};
use self::listen::Listener;
use crate::accept_limiter::Closures;
use crate::tcp::address::{Address, endpoint};
use crate::tcp::{Resolve, SystemResolver};
use crate::transport::{of_scheme, transport};
use crate::udp::{BindUdp, SystemUdp};

pub use self::fault::{Loss, Violation};
pub use self::options::SctpOptions;
pub use crate::entropy::{Entropy, SystemEntropy};

const SCHEME: &str = "sctp";

/// Size of a socket's buffers, as far as the system allows it: what several associations may send at once.
const SOCKET_BUFFER: Option<usize> = Some(4 << 20);

/// The transport of `sctp://` endpoints. Cloning it shares what it reaches, and its sockets.
#[derive(Debug, Clone)]
pub struct Sctp {
    options: SctpOptions,
    reach: Reach,
    id: TransportId,
}

/// What a transport reaches.
#[derive(Debug, Clone)]
struct Reach {
    udp: Arc<dyn BindUdp>,
    resolver: Arc<dyn Resolve>,
    entropy: Arc<dyn Entropy>,
    registry: Arc<Registry>,
    groups: Arc<Groups>,
    closures: Closures,
}

transport! {
    Sctp: of_scheme(SCHEME), SctpOptions, [half_close, abort, between_processes, between_hosts, grouped_lanes];

    /// The same transport, over the sockets of `udp`.
    with_udp(udp: Arc<dyn BindUdp>) => reach.udp = udp;

    /// The same transport, asking `resolver` for the addresses of names.
    with_resolver(resolver: Arc<dyn Resolve>) => reach.resolver = resolver;

    /// The same transport, with random numbers from `entropy`.
    with_entropy(entropy: Arc<dyn Entropy>) => reach.entropy = entropy;
}

impl Sctp {
    /// How many associations without a channel its listeners have aborted so far to make way for newer ones: see
    /// [`SctpOptions::associations`] and [`per_address`](SctpOptions::per_address).
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.reach.closures.evicted()
    }

    /// How many associations its listeners have ended so far because they had no channel for too long: see
    /// [`SctpOptions::connect_timeout`].
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.reach.closures.timed_out()
    }

    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        let (address, options) = (Address::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        Ok(Target { endpoint, address, options, reach: self.reach.clone() })
    }

    fn scratch(&self) -> Endpoint {
        endpoint(SCHEME, ([127, 0, 0, 1], 0).into())
    }
}

impl Default for Sctp {
    fn default() -> Self {
        Self {
            options: SctpOptions::default(),
            reach: Reach {
                udp: Arc::new(SystemUdp),
                resolver: Arc::new(SystemResolver),
                entropy: Arc::new(SystemEntropy),
                registry: Arc::default(),
                groups: Arc::default(),
                closures: Closures::default(),
            },
            id: TransportId::new(),
        }
    }
}

/// How many bytes may be on their way from `peer` to this side at once, lanes together.
///
/// On loopback no more than the socket takes without losing some, with the smallest buffer that systems give; elsewhere
/// what 100 Mbit/s x 80 ms needs, since the network paces what it delivers.
fn receive_window(peer: IpAddr) -> u32 {
    if peer.to_canonical().is_loopback() { 192 << 10 } else { 1 << 20 }
}
