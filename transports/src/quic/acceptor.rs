//! The acceptor: admits connections up to the listener's limits, and queues their channels.
//!
//! A connection is unproved until it has a channel. Unproved connections are bounded in count and in time; where there is no
//! room the oldest is evicted for a new connection, if that one's address is validated. A connection that has carried a
//! channel and has none any more is closed after `idle_timeout`.
//!
//! Every connection has a task, and so has every channel until its greeting has come, so that a peer that stalls holds up no
//! other. All of them end with the listener, except for what its channels still need.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use listenrain::Channel;
use quinn::{Connecting, Connection, ConnectionError, Incoming, RecvStream, SendStream, ServerConfig};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::carrier::{Carrier, Hold, Unclaimed};
use super::connect::group;
use super::error::code;
use super::greeting::{self, Heard};
use super::{QuicOptions, config};
use crate::accept_limiter::{AcceptLimiter, Closures, Limits, Outlook, Place, Source};
use crate::certificates::Fingerprint;
use crate::locks::lock;

/// Lets connections in, and puts their channels into its listener's queue.
#[derive(Debug)]
pub(super) struct Acceptor {
    offer: Arc<Mutex<Offer>>,
    local: SocketAddr,
    /// How long a handshake may take, then the first channel, and each channel's first byte.
    limit: Duration,
    /// How long a connection may be without a channel once it has had one.
    idle: Duration,
    /// Bytes of all channels of a connection that may wait to be read.
    window: u64,
    queue: Sender<Waiting>,
    limiter: AcceptLimiter,
    closures: Closures,
}

/// A channel that is not accepted yet: it is reset when it is dropped.
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

/// What connections begin with, by where their peers are, and the certificate that they show.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) near: Arc<ServerConfig>,
    pub(super) far: Arc<ServerConfig>,
    pub(super) shown: Fingerprint,
}

impl Acceptor {
    pub(super) fn new(
        offer: Arc<Mutex<Offer>>,
        local: SocketAddr,
        options: &QuicOptions,
        queue: Sender<Waiting>,
        closures: Closures,
    ) -> Arc<Self> {
        let all = options.connections;
        let limits =
            Limits { unproved: options.handshakes, all, per_source: options.per_address.unwrap_or(all) };
        Arc::new(Self {
            offer,
            local,
            limit: options.handshake_timeout,
            idle: options.idle_timeout,
            window: config::connection_window(options),
            queue,
            limiter: AcceptLimiter::new(limits, closures.clone()),
            closures,
        })
    }

    /// Decides about a connection that comes.
    pub(super) fn admit(self: &Arc<Self>, incoming: Incoming) {
        let peer = incoming.remote_address();
        let outlook = self.limiter.outlook(Source::of(peer.ip()));
        let is_wary = matches!(outlook, Outlook::Crowded | Outlook::Evicts);
        if is_wary && !incoming.remote_address_validated() {
            // A source address can be forged, and none is evicted for a forged one. It fails only for a validated address.
            return drop(incoming.retry());
        }
        let Some(place) = self.limiter.try_enter(peer) else {
            tracing::debug!(%peer, "a connection was refused: there are as many as may be (connections, per_address)");
            return incoming.refuse();
        };
        let group = group(&incoming.orig_dst_cid());
        let is_near = peer.ip().to_canonical().is_loopback();
        let Offer { near, far, shown } = lock(&self.offer).clone();
        match incoming.accept_with(if is_near { near } else { far }) {
            Ok(connecting) => drop(tokio::spawn(self.clone().serve(connecting, shown, group, place))),
            Err(error) => tracing::debug!(%peer, %error, "a handshake failed"),
        }
    }

    async fn serve(
        self: Arc<Self>,
        connecting: Connecting,
        shown: Fingerprint,
        group: u64,
        mut place: Place,
    ) {
        let peer = connecting.remote_address();
        let shaken = tokio::select! {
            biased;
            () = place.revoked() => return,
            shaken = timeout(self.limit, connecting) => shaken,
        };
        let connection = match shaken {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "a handshake failed"),
            Err(_) => {
                self.closures.note_timed_out();
                return tracing::debug!(%peer, "a handshake took too long");
            }
        };
        let carrier = Carrier::new(connection.clone(), None, self.local, Some(shown), group);
        self.clone().accept_channels(&connection, Arc::new(carrier), &mut place).await;
        drop(self);
        // Nobody accepts any more. The channels that there are live on; when the last one is gone, so is the connection.
        while let Ok(streams) = connection.accept_bi().await {
            drop(Unclaimed::new(streams, code::GONE));
        }
    }

    /// Until the listener or the connection is gone.
    async fn accept_channels(
        self: Arc<Self>,
        connection: &Connection,
        carrier: Arc<Carrier>,
        place: &mut Place,
    ) {
        let mut usage = carrier.usage();
        let (mut late, mut unused) = (pin!(sleep(self.limit)), pin!(usage.none_for(self.idle)));
        let mut greetings = JoinSet::new();
        let mut is_proved = false;
        loop {
            tokio::select! {
                biased;
                () = self.queue.closed() => return,
                Some(greeted) = greetings.join_next(), if !greetings.is_empty() => {
                    if !is_proved && greeted.is_ok_and(|queued| queued) {
                        is_proved = place.prove();
                        connection.set_receive_window(config::var_int(self.window));
                    }
                }
                () = place.revoked(), if !is_proved => {
                    return connection.close(code::EVICTED, b"evicted for a newer connection, as the oldest without a channel");
                }
                () = &mut late, if !is_proved => {
                    self.closures.note_timed_out();
                    return connection.close(code::LATE, b"it opened no channel");
                }
                _ = &mut unused, if is_proved => {
                    self.closures.note_timed_out();
                    return connection.close(code::UNUSED, b"it has had no channel for idle_timeout");
                }
                streams = connection.accept_bi() => match streams {
                    Ok(streams) => drop(greetings.spawn(self.clone().greet(carrier.clone(), streams))),
                    Err(error) => {
                        if error == ConnectionError::TimedOut {
                            self.closures.note_timed_out();
                        }
                        return tracing::debug!(%error, "a connection ended");
                    }
                },
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
