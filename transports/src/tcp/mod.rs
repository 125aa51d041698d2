//! TCP over IPv4 and IPv6: `tcp://127.0.0.1:7000`, `tcp://[::1]:0`, `tcp://name:port`.
//!
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) sends a FIN; the other direction goes on.
//! * **Abort**: a RST at once when both halves are dropped, which the peer sees as `ConnectionReset`. A local read that
//!   waits ends with `ConnectionAborted`, so that its owner can let go of it.
//! * **Dropping**: an orderly end, unless bytes were left unread: then the system sends a RST.
//! * **Backpressure**: the socket buffers of both ends, sized by the system or by [`TcpOptions`].
//! * **Peers that have proved nothing**: a connection is a channel as soon as it is accepted, so a listener holds none of them
//!   itself; until then they wait in the system's queue ([`TcpOptions::backlog`]). A peer that never sends costs no read
//!   buffer.
//! * **Peer identity**: its address, nothing more.
//!
//! A name is resolved again at every dial, and every address it has is tried; see [`dial`]. A listener outlives a
//! shortage of file descriptors; see [`listen`].

pub(crate) mod address;
pub mod dial;
pub mod listen;
mod options;
pub(crate) mod race;
mod resolve;
mod socket;

use std::sync::Arc;

use listenrain::{
    BoxFuture, Capabilities, ChannelGenerator, Endpoint, EndpointError, NextError, Transport, TransportId,
};

use self::address::Address;
use self::dial::Dialer;
use self::listen::Listener;
use crate::options::{OptionError, OptionInfo};

pub use self::options::TcpOptions;
pub use self::resolve::{Resolve, SystemResolver};

const SCHEME: &str = "tcp";

/// The transport of `tcp://` endpoints. Cloning it shares its resolver.
#[derive(Debug, Clone)]
#[doc(alias("DefaultTCPClientChannelGenerator", "DefaultTCPServerChannelGenerator"))]
pub struct Tcp {
    options: TcpOptions,
    resolver: Arc<dyn Resolve>,
    id: TransportId,
}

impl Tcp {
    /// A transport with these options, which an endpoint's own options override.
    ///
    /// # Errors
    ///
    /// When a value is out of bounds; the error names the option and what is allowed.
    pub fn new(options: TcpOptions) -> Result<Self, OptionError> {
        options.check()?;
        Ok(Self { options, ..Self::default() })
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
    pub fn options(&self) -> &TcpOptions {
        &self.options
    }

    fn understand(&self, endpoint: &Endpoint) -> Result<(Address, TcpOptions), EndpointError> {
        if endpoint.scheme() != SCHEME {
            return Err(endpoint.invalid(format!("is not for the transport `{SCHEME}`")));
        }
        Ok((Address::of(endpoint)?, self.options.with_endpoint(endpoint)?))
    }
}

impl Default for Tcp {
    fn default() -> Self {
        Self { options: TcpOptions::default(), resolver: Arc::new(SystemResolver), id: TransportId::new() }
    }
}

impl Transport for Tcp {
    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities.abort = true;
        capabilities.between_processes = true;
        capabilities.between_hosts = true;
        capabilities
    }

    fn options(&self) -> Vec<OptionInfo> {
        TcpOptions::list().copied().collect()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (address, options) = self.understand(endpoint)?;
        let resolver = self.resolver.clone();
        Ok(Box::new(Dialer::new(endpoint.clone(), address, options, resolver)))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let (address, options) =
                self.understand(endpoint).map_err(|error| NextError::invalid("listen", error))?;
            let listener = Listener::bind(endpoint, &address, options, &*self.resolver).await?;
            Ok(Box::new(listener) as _)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        address::endpoint(SCHEME, ([127, 0, 0, 1], 0).into())
    }

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
    }
}
