//! The listener: a socket of its own, or one that earlier channels still use.
//!
//! A listener binds the first of its name's addresses that can be bound. Dropping it resets what was not accepted and
//! frees its endpoint; channels that it gave live on, on its socket, which the next listener of the same transport takes
//! over.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use listenrain::{Channel, Endpoint, NextError};
use tokio::sync::mpsc::Receiver;

use super::dial::Target;
use super::hub::{Acceptor, Failure, Greeter, Handle, Hub, Ports, Waiting};
use super::{Reach, SOCKET_BUFFER};
use crate::accept::cannot_listen;
use crate::tcp::listen::bind_first;
use crate::udp::UdpBinding;

/// Accepts channels at one address.
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    /// The hub's, by which it is known there.
    acceptor: Weak<Acceptor>,
    waiting: Receiver<Waiting>,
    failure: Arc<Failure>,
    hub: Arc<Handle>,
}

impl Listener {
    pub(super) async fn bind(target: Target) -> Result<Self, NextError> {
        let Target { endpoint: asked, address, options, reach } = target;
        let (acceptor, waiting, failure) = Acceptor::new(options);
        let bound = bind_first(&address, &*reach.resolver, |address| bind(address, &acceptor, &reach)).await;
        let hub = bound.map_err(|error| cannot_listen(&asked, error))?;
        let endpoint = asked.with_address(hub.local.to_string());
        Ok(Self { endpoint, acceptor: Arc::downgrade(&acceptor), waiting, failure, hub })
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        while let Some(waiting) = self.waiting.recv().await {
            // What waited on a socket that has failed is lost.
            let accepted = self.failure.get().is_none().then(|| waiting.accept()).flatten();
            if let Some(channel) = accepted {
                return Ok(channel);
            }
        }
        let error = match self.failure.get() {
            Some((kind, why)) => io::Error::new(*kind, why.clone()),
            None => io::Error::new(io::ErrorKind::ConnectionAborted, "the listener's socket is gone"),
        };
        Err(NextError::lasting("accept", &self.endpoint, error))
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
