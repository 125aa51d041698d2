//! The listener: a queue of channels that the [`acceptor`](super::acceptor) fills.
//!
//! A listener binds the first of its name's addresses that can be bound. Dropping it refuses what is queued and frees its
//! address; the channels that it gave live on, see [`endpoints`](super::endpoints).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use listenrain::{Channel, Endpoint, NextError};
use quinn::ServerConfig;
use quinn::crypto::rustls::QuicServerConfig;
use tokio::sync::mpsc::{Receiver, channel};

use super::acceptor::{Acceptor, Configs, Waiting};
use super::config;
use super::connect::Target;
use super::endpoints::Place;
use crate::accept::cannot_listen;
use crate::certificates::{ServerSide, told};
use crate::tcp::listen::bind_first;

/// Gives the channels of one address.
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    queue: Receiver<Waiting>,
    _place: Place,
}

impl Listener {
    pub(super) async fn bind(target: Target) -> Result<Self, NextError> {
        let Target { endpoint: asked, address, options, credentials, reach, .. } = &target;
        let side = credentials.server(asked, &options.certificates).await?;
        let bound = bind_first(address, &*reach.resolver, |at| Self::bind_at(&target, &side, at)).await;
        bound.map_err(|error| cannot_listen(asked, error))
    }

    async fn bind_at(target: &Target, side: &ServerSide, address: SocketAddr) -> io::Result<Self> {
        let Target { endpoint: asked, options, credentials, reach, closures, .. } = target;
        let tls = Arc::new(QuicServerConfig::try_from(side.config.clone()).map_err(io::Error::other)?);
        let config = |peer| {
            let clock = credentials.clock.clone();
            Arc::new(config::server(options, tls.clone(), clock, peer, &reach.entropy))
        };
        let (near, far) = (config(Ipv4Addr::LOCALHOST.into()), config(Ipv4Addr::UNSPECIFIED.into()));
        let first = ServerConfig::clone(&far);
        let (sender, queue) = channel(options.backlog);
        let configs = Configs { near, far };
        let acceptor = |local| Acceptor::new(configs, local, side.shown, options, sender, closures.clone());
        let place = reach.endpoints.occupy(address, options, first, reach, acceptor).await?;
        let real = asked.clone().with_address(place.address.to_string());
        Ok(Self { endpoint: told(&real, &options.certificates, side.shown), queue, _place: place })
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        let waiting = self.queue.recv().await.ok_or_else(|| {
            let error = io::Error::new(io::ErrorKind::NotConnected, "the socket failed");
            NextError::lasting("accept", &self.endpoint, error)
        })?;
        Ok(waiting.accept())
    }
}
