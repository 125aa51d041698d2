//! The listener: a socket of its own, or one that earlier channels still use.
//!
//! A listener binds the first of its name's addresses that can be bound. Dropping it resets what was not accepted and
//! frees its endpoint; channels that it gave live on, on its socket, which the next listener of the same transport takes
//! over.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};

use super::hub::{Acceptor, Greeter, Handle, Hub, Ports};
use super::{Reach, SOCKET_BUFFER, SctpOptions};
use crate::accept::cannot_listen;
use crate::tcp::address::Address;
use crate::tcp::listen::bind_first;
use crate::udp::UdpBinding;

/// Accepts channels at one address.
pub(super) struct Listener {
    endpoint: Endpoint,
    acceptor: Arc<Acceptor>,
    hub: Arc<Handle>,
}

impl Listener {
    pub(super) async fn bind(
        asked: &Endpoint,
        address: &Address,
        options: SctpOptions,
        reach: &Reach,
    ) -> Result<Self, NextError> {
        let acceptor = Arc::new(Acceptor::new(options));
        let bound = bind_first(address, &*reach.resolver, |address| bind(address, &acceptor, reach)).await;
        let hub = bound.map_err(|error| cannot_listen(asked, error))?;
        let endpoint = asked.clone().with_address(hub.local.to_string());
        Ok(Self { endpoint, acceptor, hub })
    }

    async fn accept(&mut self) -> Result<Channel, NextError> {
        let accepted = poll_fn(|cx| self.acceptor.poll_accept(cx)).await;
        accepted.map_err(|error| {
            let error = io::Error::new(error.kind(), error);
            NextError::lasting("accept", &self.endpoint, error)
        })
    }
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(self.accept())
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.detach(&self.acceptor);
    }
}

async fn bind(address: SocketAddr, acceptor: &Arc<Acceptor>, reach: &Reach) -> io::Result<Arc<Handle>> {
    let Reach { registry, groups, udp, entropy, closures, .. } = reach;
    let known = registry.take_over(address, acceptor);
    if let Some(hub) = known.map_err(|_| io::Error::from(io::ErrorKind::AddrInUse))? {
        return Ok(hub);
    }
    let binding = UdpBinding::at(address).buffers(SOCKET_BUFFER, SOCKET_BUFFER);
    let ports = Ports::new(udp.bind(&binding).await?);
    let greeter = Greeter::new(entropy.clone())?;
    let (registry, groups, closures) = (registry.clone(), groups.clone(), closures.clone());
    Hub::listen(ports, acceptor.clone(), greeter, registry, groups, closures)
}
