//! Listening: handshakes go on beside each other, so that a peer that stalls holds up nobody.
//!
//! A task takes connections from TCP and starts their handshakes, whether or not anybody is asking for the next channel, up
//! to [`handshakes`](super::TlsOptions::handshakes) that are not accepted yet. What fails its handshake is told why and
//! traced; it never ends the listener. Dropping the listener resets all that nobody has accepted.

use std::io;
use std::sync::Arc;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use rustls::ServerConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::handshake::{Agreed, Terms};
use super::{TlsOptions, channel};
use crate::certificates::{Credentials, Fingerprint, told};
use crate::owned_task::OwnedTask;
use crate::tcp::address::Address;
use crate::tcp::{self, Resolve};

/// Gives the channels of one address.
pub(super) struct Listener {
    endpoint: Endpoint,
    /// Bounded by the permits.
    agreed: UnboundedReceiver<Result<Waiting, NextError>>,
    over: Option<NextError>,
    _doorman: OwnedTask,
}

/// A session that nobody has accepted yet: its socket is reset when it is dropped.
struct Waiting {
    agreed: Agreed,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    pub(super) async fn bind(
        asked: &Endpoint,
        address: &Address,
        options: TlsOptions,
        credentials: &Credentials,
        resolver: &dyn Resolve,
    ) -> Result<Self, NextError> {
        let side = credentials.server(asked, &options.certificates).await?;
        let tcp = tcp::listen::Listener::bind(asked, address, options.tcp, resolver).await?;
        let endpoint = told(tcp.endpoint(), &options.certificates, side.shown);
        let terms = Terms {
            alpn: options.certificates.protocol().map(str::to_owned),
            limit: options.handshake_timeout,
        };
        let (sender, agreed) = unbounded_channel();
        let doorman = Doorman {
            tcp,
            config: Arc::new(side.config),
            shown: side.shown,
            terms: Arc::new(terms),
            room: Arc::new(Semaphore::new(options.handshakes)),
            sender,
        };
        let doorman = OwnedTask::spawn(doorman.run());
        Ok(Self { endpoint, agreed, over: None, _doorman: doorman })
    }

    async fn accept(&mut self) -> Result<Channel, NextError> {
        if let Some(error) = &self.over {
            return Err(error.clone());
        }
        let error = match self.agreed.recv().await {
            Some(Ok(waiting)) => return Ok(waiting.accept()),
            Some(Err(error)) => error,
            None => NextError::lasting("accept", &self.endpoint, io::Error::other("the runtime is gone")),
        };
        Err(self.over.insert(error).clone())
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

impl Waiting {
    fn accept(self) -> Channel {
        // Fails only on a connection that is gone already, which its reader will see.
        let _ = socket2::SockRef::from(&self.agreed.socket).set_linger(None);
        channel(self.agreed)
    }
}

/// Lets connections in and sees to their handshakes.
struct Doorman {
    tcp: tcp::listen::Listener,
    config: Arc<ServerConfig>,
    shown: Fingerprint,
    terms: Arc<Terms>,
    room: Arc<Semaphore>,
    sender: UnboundedSender<Result<Waiting, NextError>>,
}

impl Doorman {
    async fn run(mut self) {
        let mut handshakes = JoinSet::new();
        loop {
            // It is never closed.
            let Ok(permit) = self.room.clone().acquire_owned().await else { return };
            let socket = match self.tcp.accept().await {
                Ok(socket) => socket,
                Err(error) => {
                    let _ = self.sender.send(Err(error));
                    return;
                }
            };
            while handshakes.try_join_next().is_some() {}
            let (config, terms, sender) = (self.config.clone(), self.terms.clone(), self.sender.clone());
            let shown = self.shown;
            handshakes.spawn(async move {
                let peer = socket.peer_addr();
                match terms.accept(config, shown, socket).await {
                    Ok(agreed) => drop(sender.send(Ok(Waiting { agreed, _permit: permit }))),
                    Err(error) => tracing::debug!(?peer, %error, "a handshake failed"),
                }
            });
        }
    }
}
