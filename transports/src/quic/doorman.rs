//! Who is let in: a listener's connections and their channels, up to its limits.
//!
//! Every connection has a task, and every channel that has not said yet what it is another, so that a peer that stalls holds
//! up nobody. All of them end with the listener, except for what its channels still need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Channel;
use quinn::{Connecting, Connection, Incoming, RecvStream, SendStream, ServerConfig};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::QuicOptions;
use super::carrier::{Carrier, Hold, Unclaimed};
use super::connect::group;
use super::error::code;
use super::greeting::{self, Heard};
use crate::certificates::Fingerprint;

/// Lets connections in, and puts their channels into its listener's queue.
#[derive(Debug)]
pub(super) struct Doorman {
    configs: Configs,
    local: SocketAddr,
    shown: Fingerprint,
    limit: Duration,
    queue: Sender<Waiting>,
    connections: Arc<Semaphore>,
    /// Connections without a channel so far.
    young: Arc<Semaphore>,
    /// With fewer permits for young connections left, peers must prove their address.
    wary_below: usize,
}

/// A channel that nobody has accepted yet: it is reset when it is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    carrier: Hold,
    streams: Unclaimed,
}

impl Waiting {
    pub(super) fn accept(self) -> Channel {
        self.carrier.channel(self.streams, None)
    }
}

/// What connections are told, by where their peers are.
#[derive(Debug, Clone)]
pub(super) struct Configs {
    pub(super) near: Arc<ServerConfig>,
    pub(super) far: Arc<ServerConfig>,
}

/// What a connection takes up.
struct Permits {
    _connection: OwnedSemaphorePermit,
    /// Until it has a channel.
    young: Option<OwnedSemaphorePermit>,
}

impl Doorman {
    pub(super) fn new(
        configs: Configs,
        local: SocketAddr,
        shown: Fingerprint,
        options: &QuicOptions,
        queue: Sender<Waiting>,
    ) -> Arc<Self> {
        Arc::new(Self {
            configs,
            local,
            shown,
            limit: options.handshake_timeout,
            queue,
            connections: Arc::new(Semaphore::new(options.connections)),
            young: Arc::new(Semaphore::new(options.handshakes)),
            wary_below: options.handshakes / 2,
        })
    }

    /// Decides about a connection that comes.
    pub(super) fn admit(self: &Arc<Self>, incoming: Incoming) {
        let peer = incoming.remote_address();
        let (Ok(connection), Ok(young)) =
            (self.connections.clone().try_acquire_owned(), self.young.clone().try_acquire_owned())
        else {
            tracing::debug!(%peer, "a connection was refused: there are too many");
            return incoming.refuse();
        };
        if self.young.available_permits() < self.wary_below && !incoming.remote_address_validated() {
            // It fails only for an address that is validated.
            return drop(incoming.retry());
        }
        let group = group(&incoming.orig_dst_cid());
        let is_near = peer.ip().to_canonical().is_loopback();
        let config = if is_near { &self.configs.near } else { &self.configs.far };
        match incoming.accept_with(config.clone()) {
            Ok(connecting) => {
                let permits = Permits { _connection: connection, young: Some(young) };
                tokio::spawn(self.clone().serve(connecting, group, permits));
            }
            Err(error) => tracing::debug!(%peer, %error, "a handshake failed"),
        }
    }

    async fn serve(self: Arc<Self>, connecting: Connecting, group: u64, mut permits: Permits) {
        let peer = connecting.remote_address();
        let connection = match timeout(self.limit, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "a handshake failed"),
            Err(_) => return tracing::debug!(%peer, "a handshake took too long"),
        };
        self.clone().accept_channels(&connection, group, &mut permits).await;
        drop(self);
        // Nobody accepts any more. The channels that there are live on; when the last one is gone, so is the connection.
        while let Ok(streams) = connection.accept_bi().await {
            drop(Unclaimed::new(streams, code::GONE));
        }
    }

    /// Until the listener or the connection is gone.
    async fn accept_channels(self: Arc<Self>, connection: &Connection, group: u64, permits: &mut Permits) {
        let carrier = Carrier::new(connection.clone(), None, self.local, Some(self.shown), group);
        let carrier = Arc::new(carrier);
        let mut greetings = JoinSet::new();
        let mut late = std::pin::pin!(sleep(self.limit));
        loop {
            tokio::select! {
                biased;
                () = self.queue.closed() => return,
                streams = connection.accept_bi() => match streams {
                    Ok(streams) => drop(greetings.spawn(self.clone().greet(carrier.clone(), streams))),
                    Err(error) => return tracing::debug!(%error, "a connection ended"),
                },
                Some(greeted) = greetings.join_next(), if !greetings.is_empty() => {
                    if greeted.is_ok_and(|queued| queued) {
                        permits.young = None;
                    }
                }
                () = &mut late, if permits.young.is_some() => {
                    return connection.close(code::LATE, b"it opened no channel");
                }
            }
        }
    }

    /// Makes a stream a channel and queues it, or refuses it; says which.
    async fn greet(self: Arc<Self>, carrier: Arc<Carrier>, streams: (SendStream, RecvStream)) -> bool {
        let mut streams = Unclaimed::new(streams, code::GONE);
        let (send, recv) = streams.streams();
        let queued = timeout(self.limit, async {
            match greeting::hear(recv).await {
                Heard::ThisVersion => {}
                Heard::AnotherVersion => return Err(code::VERSION),
                Heard::Nothing => return Err(code::DONE),
            }
            let room = self.queue.try_reserve().map_err(|error| match error {
                TrySendError::Full(()) => code::FULL,
                TrySendError::Closed(()) => code::GONE,
            })?;
            greeting::answer(send).await.map_err(|_| code::DONE)?;
            Ok(room)
        });
        match queued.await.unwrap_or(Err(code::LATE)) {
            Ok(room) => room.send(Waiting { carrier: Hold::new(&carrier), streams }),
            Err(code) => {
                streams.refuse(code);
                return false;
            }
        }
        true
    }
}
