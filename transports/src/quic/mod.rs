//! QUIC: `quic://host:port?ca=/etc/ca.pem`, `quic://host:port?pin=sha256-…`.
//!
//! Each channel is one bidirectional stream. A dialer opens all of its channels on one connection, as long as that has room
//! ([`streams`](QuicOptions::streams)), so lanes of one dialer share a handshake, a congestion window and a fate, and do not
//! wait for each other's lost packets. [`ChannelFacts::group`](listenrain::ChannelFacts) tells the connection, the same on both
//! sides.
//!
//! * **Verification**: always, as with [`tls`](crate::tls). Sessions are never resumed, and 0-RTT is never used.
//! * **Renewal**: of a listener's certificate as in [`tls`](crate::tls).
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) finishes the stream; the other direction goes
//!   on. The loss of the connection is never an end but an error.
//! * **Abort**: the stream is reset both ways. The peer sees `ConnectionReset`, a local read that waits `ConnectionAborted`.
//! * **Dropping**: an orderly end, unless bytes were left unread: then a reset. What was written is still delivered: the
//!   connection stays until the peer has acknowledged it, at most 10 s. Writing to a peer whose read half is gone is a
//!   `BrokenPipe`.
//! * **Backpressure**: [`stream_window`](QuicOptions::stream_window) of the peer, and `send_window` of this side.
//! * **A connection without a channel** is closed after [`idle_timeout`](QuicOptions::idle_timeout) by either side, and the next
//!   dial makes another; so connections that are not used fill no listener.
//! * **Peers that have proved nothing**, which is those without a channel so far, are bounded by
//!   [`handshakes`](QuicOptions::handshakes) and in time, and all by [`connections`](QuicOptions::connections) and
//!   [`per_address`](QuicOptions::per_address). When there is no room, the oldest of them is closed for a new one; until a peer
//!   has a channel, a listener holds 16 KiB of what it sends on streams.
//! * **Peer identity**: its certificate chain, in [`ChannelFacts::certificates`](listenrain::ChannelFacts); a listener's
//!   always, a dialer's when it was asked. A dialer that is refused for its certificate learns so by its dial, since a dial
//!   waits for the listener's answer.
//! * **A peer that is gone**: after [`idle_timeout`](QuicOptions::idle_timeout), 30 s by default, if it said nothing, such as one
//!   that was killed. A shorter one needs a shorter `keepalive` too.
//! * **Migration**: a listener follows a dialer whose address changes on the way, such as behind a router that forgot it. A
//!   dialer whose own host changes its address loses the connection, and dials again.
//!
//! A listener's socket serves all of its channels, so dropping a listener frees its address for everybody only when those
//! are gone; another listener of the same transport, or a clone of it, takes the address over at once.
//!
//! What cannot be had: a connection whose very first packet says goodbye, which takes a peer that wants it so or one whose other
//! packets are lost, is kept by the crate below (`quinn-proto` 0.11.19) until it is idle for too long, and counts for none
//! of the listener's limits.
//!
//! Sockets, runtime, clock and entropy can be injected ([`Quic::with_udp`] and the like), so that the very same code runs over
//! a simulated network. The scheme `quic+selfsigned` is understood as `quic` with `cert=selfsigned`.

mod acceptor;
mod carrier;
mod config;
mod congestion;
mod connect;
mod dial;
mod endpoints;
mod entropy;
mod error;
mod greeting;
mod halves;
mod listen;
mod options;
mod room;
mod socket;

use std::sync::Arc;

use listenrain::{Endpoint, EndpointError, TransportId};
use quinn::{Runtime, TokioRuntime};
use rustls::time_provider::TimeProvider;

use self::connect::Target;
use self::endpoints::Endpoints;
use self::entropy::Entropy;
use self::listen::Listener;
use crate::accept_limiter::Closures;
use crate::certificates::{Credentials, Identity, Trust, understand_scheme};
use crate::tcp::address::{self, Address};
use crate::tcp::{Resolve, SystemResolver};
use crate::transport::transport;
use crate::udp::{BindUdp, SystemUdp};

pub use self::congestion::Congestion;
pub use self::options::QuicOptions;

const SCHEME: &str = "quic";

/// The transport of `quic://` endpoints. Cloning it shares what it reaches, its throw-away certificate, and the addresses at
/// which it listens.
#[derive(Debug, Clone)]
pub struct Quic {
    options: QuicOptions,
    credentials: Credentials,
    reach: Reach,
    closures: Closures,
    id: TransportId,
}

/// What it reaches beyond itself.
#[derive(Debug, Clone)]
struct Reach {
    resolver: Arc<dyn Resolve>,
    udp: Arc<dyn BindUdp>,
    runtime: Arc<dyn Runtime>,
    entropy: Entropy,
    endpoints: Endpoints,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            resolver: Arc::new(SystemResolver),
            udp: Arc::new(SystemUdp),
            runtime: Arc::new(TokioRuntime),
            entropy: Entropy::System,
            endpoints: Endpoints::default(),
        }
    }
}

transport! {
    Quic: understand_scheme(SCHEME), QuicOptions, [half_close, abort, peer_identity, encrypted, between_processes, between_hosts, grouped_lanes], reload: credentials.reload;

    /// The same transport, whose listeners show `identity`, and whose dialers do when they are asked, unless an option names
    /// a file.
    with_identity(identity: Identity) => credentials.identity = Some(identity);

    /// The same transport, whose dialers believe listeners by `trust` unless an option says otherwise.
    with_trust(trust: Trust) => credentials.trust = Some(trust);

    /// The same transport, whose listeners admit only dialers that `trust` believes, unless an option says otherwise.
    with_client_trust(trust: Trust) => credentials.client_trust = Some(trust);

    /// The same transport, judging by `clock` whether certificates and tokens are valid. Timers are the runtime's.
    with_clock(clock: Arc<dyn TimeProvider>) => credentials.clock = clock;

    /// The same transport, asking `resolver` for the addresses of names.
    with_resolver(resolver: Arc<dyn Resolve>) => reach.resolver = resolver;

    /// The same transport, whose sockets `udp` makes, with listeners of its own.
    with_udp(udp: Arc<dyn BindUdp>) => reach.udp = udp, reach.endpoints = Endpoints::default();

    /// The same transport, whose connections run on `runtime` and take the time from it. What makes them channels runs on
    /// tokio, by its clock.
    with_runtime(runtime: Arc<dyn Runtime>) => reach.runtime = runtime;

    /// The same transport, drawing everything random from `seed`: connection ids, packet number skips, tokens. Keys of
    /// handshakes stay truly random, and all of one length, so that at equal seeds, times and options the datagrams have the
    /// same lengths at the same times. For simulation only: a peer that knows the seed can reset connections.
    with_seed(seed: [u8; 32]) => reach.entropy = Entropy::seeded(seed);
}

impl Quic {
    /// How many connections without a channel its listeners have closed so far to make way for newer ones: see
    /// [`QuicOptions::handshakes`], [`connections`](QuicOptions::connections) and [`per_address`](QuicOptions::per_address).
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.closures.evicted()
    }

    /// How many connections its listeners have closed so far because they took too long to finish their handshakes or to open
    /// a channel, were silent, or had no channel any more: see [`QuicOptions::handshake_timeout`] and
    /// [`idle_timeout`](QuicOptions::idle_timeout).
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.closures.timed_out()
    }

    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        let (address, options) = (Address::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        if options.certificates.protocol().is_none() {
            return Err(endpoint.invalid("has no application protocol, and QUIC always names one (alpn)"));
        }
        let (credentials, reach, closures) =
            (self.credentials.clone(), self.reach.clone(), self.closures.clone());
        Ok(Target { endpoint, address, options, credentials, reach, closures })
    }

    fn scratch(&self) -> Endpoint {
        address::endpoint(SCHEME, ([127, 0, 0, 1], 0).into()).with_option("cert", "selfsigned")
    }
}

impl Default for Quic {
    fn default() -> Self {
        Self {
            options: QuicOptions::default(),
            credentials: Credentials::default(),
            reach: Reach::default(),
            closures: Closures::default(),
            id: TransportId::new(),
        }
    }
}
