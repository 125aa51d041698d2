//! SCTP over UDP (RFC 9260 in RFC 6951): `sctp://127.0.0.1:7000`, `sctp://[::1]:0`, `sctp://name:port`.

mod association;
mod cookie;
mod dial;
mod engine;
mod entropy;
mod fault;
mod halves;
mod handshake;
mod hub;
mod lane;
mod listen;
mod message;
mod options;
mod shared;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use listenrain::{BoxFuture, Capabilities, ChannelGenerator, Endpoint, EndpointError, NextError, Transport};

use self::dial::Dialer;
use self::hub::{Groups, Registry};
use self::listen::Listener;
use crate::options::{OptionError, OptionInfo};
use crate::tcp::address::{Address, endpoint};
use crate::tcp::{Resolve, SystemResolver};
use crate::udp::{BindUdp, SystemUdp};

pub use self::entropy::{Entropy, SystemEntropy};
pub use self::fault::{Loss, Violation};
pub use self::options::SctpOptions;

const SCHEME: &str = "sctp";

/// Size of a socket's buffers, as far as the system allows it: what several associations may send at once.
const SOCKET_BUFFER: Option<usize> = Some(4 << 20);

/// The transport of `sctp://` endpoints. Cloning it shares what it reaches, and its sockets.
#[derive(Debug, Clone)]
pub struct Sctp {
    options: SctpOptions,
    reach: Reach,
}

/// What a transport reaches.
#[derive(Debug, Clone)]
struct Reach {
    udp: Arc<dyn BindUdp>,
    resolver: Arc<dyn Resolve>,
    entropy: Arc<dyn Entropy>,
    registry: Arc<Registry>,
    groups: Arc<Groups>,
}

impl Sctp {
    /// A transport with these options, which an endpoint's own options override.
    ///
    /// # Errors
    ///
    /// When a value is out of bounds; the error names the option and what is allowed.
    pub fn new(options: SctpOptions) -> Result<Self, OptionError> {
        options.check()?;
        Ok(Self { options, ..Self::default() })
    }

    /// The same transport, over the sockets of `udp`.
    #[must_use]
    pub fn with_udp(mut self, udp: Arc<dyn BindUdp>) -> Self {
        self.reach.udp = udp;
        self
    }

    /// The same transport, asking `resolver` for the addresses of names.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.reach.resolver = resolver;
        self
    }

    /// The same transport, with random numbers from `entropy`.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.reach.entropy = entropy;
        self
    }

    /// Its options, as used where an endpoint says nothing else.
    #[must_use]
    pub fn options(&self) -> &SctpOptions {
        &self.options
    }

    fn understand(&self, endpoint: &Endpoint) -> Result<(Address, SctpOptions), EndpointError> {
        if endpoint.scheme() != SCHEME {
            return Err(endpoint.invalid(format!("is not for the transport `{SCHEME}`")));
        }
        Ok((Address::of(endpoint)?, self.options.with_endpoint(endpoint)?))
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
            },
        }
    }
}

impl Transport for Sctp {
    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities.abort = true;
        capabilities.between_processes = true;
        capabilities.between_hosts = true;
        capabilities.grouped_lanes = true;
        capabilities
    }

    fn options(&self) -> Vec<OptionInfo> {
        SctpOptions::list().copied().collect()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (address, options) = self.understand(endpoint)?;
        Ok(Box::new(Dialer::new(endpoint.clone(), address, options, self.reach.clone())))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let (address, options) =
                self.understand(endpoint).map_err(|error| NextError::invalid("listen", error))?;
            let listener = Listener::bind(endpoint, &address, options, &self.reach).await?;
            Ok(Box::new(listener) as _)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        endpoint(SCHEME, ([127, 0, 0, 1], 0).into())
    }
}

/// How many bytes may be on their way from `peer` to this side at once, lanes together.
///
/// On loopback no more than the socket takes without losing some, with the smallest buffer that systems give; elsewhere
/// what 100 Mbit/s x 80 ms needs, since the network paces what it delivers.
fn receive_window(peer: IpAddr) -> u32 {
    if peer.to_canonical().is_loopback() { 192 << 10 } else { 1 << 20 }
}
