//! TLS 1.3 over TCP: `tls://host:port?ca=/etc/ca.pem`, `tls://host:port?pin=sha256-…`.
//!
//! * **Verification**: always. A dialer believes what `ca` has signed for the name, or the one certificate that `pin` names;
//!   without either a dial fails. A listener shows `cert` and `key`, or with `cert=selfsigned` a throw-away certificate that
//!   its real endpoint pins; `client_ca` or `client_pin` make it ask dialers for theirs. See
//!   [`certificates`](crate::certificates).
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) sends close_notify, then a FIN; the other
//!   direction goes on. A FIN alone is no end but `UnexpectedEof`, since anybody on the way can send one.
//! * **Abort**: a RST at once when both halves are dropped, which the peer sees as `ConnectionReset`. A local read that
//!   waits ends with `ConnectionAborted`.
//! * **Dropping**: an orderly end, unless bytes were left unread: then a RST. In a task of its own what was written and not
//!   flushed still leaves, and the socket waits for the peer's end, together at most 10 s.
//! * **Backpressure**: the socket buffers of both ends, and 64 KiB before this side's.
//! * **Peers that have proved nothing** are bounded: those that have sent nothing ([`silent`](TlsOptions::silent)), those in
//!   their handshake ([`handshakes`](TlsOptions::handshakes)), both by address ([`per_address`](TlsOptions::per_address)) and in
//!   time. When a set is full its oldest unfinished connection is closed, so that silent peers keep nobody out.
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

use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelGenerator, Endpoint, EndpointError, NextError, Transport,
    TransportId,
};
use rustls::time_provider::TimeProvider;

use self::dial::Dialer;
use self::handshake::Agreed;
use self::listen::Listener;
use self::session::Session;
use crate::accept_limiter::Closures;
use crate::certificates::{Credentials, Identity, Trust, understand_scheme};
use crate::options::{OptionError, OptionInfo};
use crate::tcp::address::{self, Address};
use crate::tcp::{Resolve, SystemResolver};

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

impl Tls {
    /// A transport with these options, which an endpoint's own options override.
    ///
    /// # Errors
    ///
    /// When a value is out of bounds; the error names the option and what is allowed.
    pub fn new(options: TlsOptions) -> Result<Self, OptionError> {
        options.check()?;
        Ok(Self { options, ..Self::default() })
    }

    /// The same transport, whose listeners show `identity`, and whose dialers do when they are asked, unless an option names
    /// a file.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.credentials.identity = Some(identity);
        self.id = TransportId::new();
        self
    }

    /// The same transport, whose dialers believe listeners by `trust` unless an option says otherwise.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.credentials.trust = Some(trust);
        self.id = TransportId::new();
        self
    }

    /// The same transport, whose listeners admit only dialers that `trust` believes, unless an option says otherwise.
    #[must_use]
    pub fn with_client_trust(mut self, trust: Trust) -> Self {
        self.credentials.client_trust = Some(trust);
        self.id = TransportId::new();
        self
    }

    /// The same transport, judging by `clock` whether certificates are valid.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.credentials.clock = clock;
        self.id = TransportId::new();
        self
    }

    /// The same transport, asking `resolver` for the addresses of names.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self.id = TransportId::new();
        self
    }

    /// Its options, as used where an endpoint says nothing else.
    #[must_use]
    pub fn options(&self) -> &TlsOptions {
        &self.options
    }

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

    fn understand(&self, endpoint: &Endpoint) -> Result<(Endpoint, Address, TlsOptions), EndpointError> {
        let endpoint = understand_scheme(endpoint, SCHEME)?;
        let (address, options) = (Address::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        Ok((endpoint, address, options))
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

impl Transport for Tls {
    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities.abort = true;
        capabilities.peer_identity = true;
        capabilities.encrypted = true;
        capabilities.between_processes = true;
        capabilities.between_hosts = true;
        capabilities
    }

    fn options(&self) -> Vec<OptionInfo> {
        TlsOptions::list().copied().collect()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (endpoint, address, options) = self.understand(endpoint)?;
        let (credentials, resolver) = (self.credentials.clone(), self.resolver.clone());
        Ok(Box::new(Dialer::new(endpoint, address, options, credentials, resolver)))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let understood = self.understand(endpoint);
            let (endpoint, address, options) =
                understood.map_err(|error| NextError::invalid("listen", error))?;
            let (credentials, resolver) = (&self.credentials, &*self.resolver);
            let closures = self.closures.clone();
            let listener =
                Listener::bind(&endpoint, &address, options, credentials, resolver, closures).await?;
            Ok(Box::new(listener) as _)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        address::endpoint(SCHEME, ([127, 0, 0, 1], 0).into()).with_option("cert", "selfsigned")
    }

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
    }
}

/// A session that both sides agreed on as a channel.
fn channel(agreed: Agreed) -> Channel {
    let (read, write) = halves::split(Session::new(agreed.socket, agreed.tls));
    Channel::from_halves(read, write, agreed.facts)
}
