//! TLS 1.3 over TCP: `tls://host:port?ca=/etc/ca.pem`, `tls://host:port?pin=sha256-…`.
//!
//! * **Verification**: always. A dialer believes what `ca` has signed for the name, or the one certificate that `pin` names;
//!   without either a dial fails. A listener shows `cert` and `key`, or with `cert=selfsigned` a throw-away certificate that
//!   its real endpoint pins; `client_ca` or `client_pin` make it ask dialers for theirs. See
//!   [`certificates`](crate::certificates).
//! * **Renewal**: a listener looks at `cert` and `key` again every [`renew`](crate::certificates::CertificateOptions::renew), and when
//!   [`Transport::reload`](listenrain::Transport::reload) says so. The pin that its endpoint tells is that of the certificate that
//!   it began with: dialers that are to outlive a renewal believe an authority.
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) sends close_notify, then a FIN; the other
//!   direction goes on. A FIN alone is no end but `UnexpectedEof`, since anybody on the way can send one.
//! * **Abort**: a RST at once when both halves are dropped, which the peer sees as `ConnectionReset`. A local read that
//!   waits ends with `ConnectionAborted`.
//! * **Dropping**: an orderly end, unless bytes were left unread: then a RST. In a task of its own what was written and not
//!   flushed still leaves, and the socket waits for the peer's end, together at most 10 s.
//! * **Backpressure**: the socket buffers of both ends, and 64 KiB before this side's.
//! * **Peers that have proved nothing** are bounded: those that have sent nothing ([`silent`](TlsOptions::silent)), those in
//!   their handshake ([`handshakes`](TlsOptions::handshakes)), both by address ([`per_address`](TlsOptions::per_address)) and in
//!   time. When a set is full its oldest unfinished connection is closed, so that silent peers keep no other peer out.
//! * **Peer identity**: its certificate chain, in [`ChannelFacts::certificates`](listenrain::ChannelFacts); a listener's
//!   always, a dialer's when it was asked.
//!
//! With TLS 1.3 a dialer is done before its listener has judged the dialer's certificate. So a dialer that is refused for it
//! learns so by the first read, which fails with `PermissionDenied`, not by its dial.
//!
//! The scheme `tls+selfsigned` is understood as `tls` with `cert=selfsigned`.

mod dial;
mod halves;
mod handshake;
mod incoming;
mod listen;
mod options;
mod session;

use std::sync::Arc;

use listenrain::{Channel, Endpoint, EndpointError, TransportId};
use rustls::time_provider::TimeProvider;

use self::dial::Target;
use self::handshake::Agreed;
use self::listen::Listener;
use self::session::Session;
use crate::accept_limiter::Closures;
use crate::certificates::{Credentials, Identity, Trust, understand_scheme};
use crate::tcp::address::{self, Address};
use crate::tcp::{self, Resolve, SystemResolver};
use crate::transport::transport;

pub use self::options::TlsOptions;

const SCHEME: &str = "tls";

/// The transport of `tls://` endpoints. Cloning it shares its resolver, its throw-away certificate, and what it has counted.
#[derive(Debug, Clone)]
pub struct Tls {
    options: TlsOptions,
    credentials: Credentials,
    resolver: Arc<dyn Resolve>,
    closures: Closures,
    id: TransportId,
}

transport! {
    Tls: understand_scheme(SCHEME), TlsOptions, [half_close, abort, peer_identity, encrypted, between_processes, between_hosts], reload: credentials.reload;

    /// The same transport, whose listeners show `identity`, and whose dialers do when they are asked, unless an option names
    /// a file.
    with_identity(identity: Identity) => credentials.identity = Some(identity);

    /// The same transport, whose dialers believe listeners by `trust` unless an option says otherwise.
    with_trust(trust: Trust) => credentials.trust = Some(trust);

    /// The same transport, whose listeners admit only dialers that `trust` believes, unless an option says otherwise.
    with_client_trust(trust: Trust) => credentials.client_trust = Some(trust);

    /// The same transport, judging by `clock` whether certificates are valid.
    with_clock(clock: Arc<dyn TimeProvider>) => credentials.clock = clock;

    /// The same transport, asking `resolver` for the addresses of names.
    with_resolver(resolver: Arc<dyn Resolve>) => resolver = resolver;
}

impl Tls {
    /// How many unfinished connections its listeners have closed so far to make way for newer ones: see
    /// [`TlsOptions::silent`], [`handshakes`](TlsOptions::handshakes) and [`per_address`](TlsOptions::per_address).
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.closures.evicted()
    }

    /// How many connections its listeners have closed so far because their handshakes took too long: see
    /// [`TlsOptions::handshake_timeout`].
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.closures.timed_out()
    }

    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        let (address, options) = (Address::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        let resolver = self.resolver.clone();
        let tcp = tcp::dial::Target { endpoint, address, options: options.tcp.clone(), resolver };
        Ok(Target { tcp, options, credentials: self.credentials.clone(), closures: self.closures.clone() })
    }

    fn scratch(&self) -> Endpoint {
        address::endpoint(SCHEME, ([127, 0, 0, 1], 0).into()).with_option("cert", "selfsigned")
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            options: TlsOptions::default(),
            credentials: Credentials::default(),
            resolver: Arc::new(SystemResolver),
            closures: Closures::default(),
            id: TransportId::new(),
        }
    }
}

/// A session that both sides agreed on as a channel.
fn channel(agreed: Agreed) -> Channel {
    let (read, write) = halves::split(Session::new(agreed.socket, agreed.tls));
    Channel::from_halves(read, write, agreed.facts)
}
