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

use listenrain::{Endpoint, EndpointError, TransportId};

use self::address::Address;
use self::dial::Target;
use self::listen::Listener;
use crate::transport::{of_scheme, transport};

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

transport! {
    Tcp: of_scheme(SCHEME), TcpOptions, [half_close, abort, between_processes, between_hosts];

    /// The same transport, asking `resolver` for the addresses of names.
    with_resolver(resolver: Arc<dyn Resolve>) => resolver = resolver;
}

impl Tcp {
    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        let (address, options) = (Address::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        Ok(Target { endpoint, address, options, resolver: self.resolver.clone() })
    }

    fn scratch(&self) -> Endpoint {
        address::endpoint(SCHEME, ([127, 0, 0, 1], 0).into())
    }
}

impl Default for Tcp {
    fn default() -> Self {
        Self { options: TcpOptions::default(), resolver: Arc::new(SystemResolver), id: TransportId::new() }
    }
}
