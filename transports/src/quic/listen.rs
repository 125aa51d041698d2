//! The listener: a queue of channels that the [`acceptor`](super::acceptor) fills.
//!
//! A listener binds the first of its name's addresses that can be bound. Dropping it refuses what is queued and frees its
//! address; the channels that it gave live on, see [`endpoints`](super::endpoints).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use listenrain::{Channel, Endpoint, NextError};
use quinn::ServerConfig;
use quinn::crypto::rustls::QuicServerConfig;
use tokio::sync::mpsc::{Receiver, channel};

use super::acceptor::{Acceptor, Offer, Waiting};
use super::config;
use super::connect::Target;
use super::endpoints::Place;
use crate::accept::cannot_listen;
use crate::certificates::{ServerSide, told};
use crate::locks::lock;
use crate::owned_task::OwnedTask;
use crate::tcp::listen::bind_first;

/// Gives the channels of one address.
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    queue: Receiver<Waiting>,
    _place: Place,
    _renewal: Option<OwnedTask>,
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
        let (clock, entropy, own) = (credentials.clock.clone(), reach.entropy.clone(), options.clone());
        let offer = move |tls: rustls::ServerConfig, shown| {
            let tls = Arc::new(QuicServerConfig::try_from(tls).map_err(io::Error::other)?);
            let config = |peer| Arc::new(config::server(&own, tls.clone(), clock.clone(), peer, &entropy));
            let (near, far) = (config(Ipv4Addr::LOCALHOST.into()), config(Ipv4Addr::UNSPECIFIED.into()));
            io::Result::Ok(Offer { near, far, shown })
        };
        let begun = offer(side.config.clone(), side.shown)?;
        let first = ServerConfig::clone(&begun.far);
        let (current, (sender, queue)) = (Arc::new(Mutex::new(begun)), channel(options.backlog));
        let renewed = current.clone();
        let renewal = side.renewed(move |tls, shown| {
            // Fails for no certificate: what QUIC needs of the configuration is the same as before.
            if let Ok(offered) = offer(tls, shown) {
                *lock(&renewed) = offered;
            }
        });
        let acceptor = |local| Acceptor::new(current, local, options, sender, closures.clone());
        let place = reach.endpoints.occupy(address, options, first, reach, acceptor).await?;
        let real = asked.clone().with_address(place.address.to_string());
        let endpoint = told(&real, &options.certificates, side.shown);
        Ok(Self { endpoint, queue, _place: place, _renewal: renewal })
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        let waiting = self.queue.recv().await.ok_or_else(|| {
            let error = io::Error::new(io::ErrorKind::NotConnected, "the socket failed");
            NextError::lasting("accept", &self.endpoint, error)
        })?;
        Ok(waiting.accept())
    }
}
