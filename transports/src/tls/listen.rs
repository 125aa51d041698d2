//! The listener: handshakes run side by side, so that a peer that stalls delays no other.
//!
//! A task takes connections from TCP, whether or not the next channel is asked for. A connection first waits, as one
//! of [`silent`](super::TlsOptions::silent), for the first byte of its peer, then for one of the places of
//! [`handshakes`](super::TlsOptions::handshakes), which it keeps until its channel is accepted. In both sets the oldest
//! unfinished connection makes way when there is no room for another. When every place of a handshake is taken by a channel
//! that waits to be accepted, no more connections are taken from TCP.
//!
//! A peer that fails its handshake gets the reason as an alert; it is traced, and never ends the listener. Dropping the
//! listener resets all that was not accepted.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use listenrain::{Channel, Endpoint, NextError};
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use super::channel;
use super::dial::Target;
use super::handshake::{Agreed, Terms};
use crate::accept_limiter::{AcceptLimiter, Closures, Limits, Place};
use crate::certificates::{Fingerprint, told};
use crate::locks::lock;
use crate::owned_task::OwnedTask;
use crate::tcp;

/// Gives the channels of one address.
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    /// Bounded by the places of handshakes.
    agreed: UnboundedReceiver<Result<Waiting, NextError>>,
    over: Option<NextError>,
    _accept_loop: OwnedTask,
    _renewal: Option<OwnedTask>,
}

/// A session that is not accepted yet: its socket is reset when it is dropped.
struct Waiting {
    agreed: Agreed,
    _place: Place,
}

impl Listener {
    pub(super) async fn bind(target: Target) -> Result<Self, NextError> {
        let terms = target.terms();
        let Target { tcp, options, credentials, closures } = target;
        let side = credentials.server(&tcp.endpoint, &options.certificates).await?;
        let limiter = |all| {
            let per_source = options.per_address.unwrap_or(all);
            AcceptLimiter::new(Limits { unproved: all, all, per_source }, closures.clone())
        };
        let (silent, handshakes) = (limiter(options.silent), limiter(options.handshakes));
        let tcp = tcp::listen::Listener::bind(tcp).await?;
        let endpoint = told(&tcp.endpoint, &options.certificates, side.shown);
        let (sender, agreed) = unbounded_channel();
        let offer = Arc::new(Mutex::new((Arc::new(side.config.clone()), side.shown)));
        let renewed = offer.clone();
        let renewal = side.renewed(move |config, shown| *lock(&renewed) = (Arc::new(config), shown));
        let handshaking = Arc::new(Handshaking { offer, terms, silent, handshakes, closures, sender });
        let accept_loop = OwnedTask::spawn(AcceptLoop { tcp, handshaking }.run());
        Ok(Self { endpoint, agreed, over: None, _accept_loop: accept_loop, _renewal: renewal })
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
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

impl Waiting {
    fn accept(self) -> Channel {
        // Fails only on a connection that is gone already, which its reader will see.
        let _ = socket2::SockRef::from(&self.agreed.socket).set_linger(None);
        channel(self.agreed)
    }
}

/// Takes connections from TCP.
struct AcceptLoop {
    tcp: tcp::listen::Listener,
    handshaking: Arc<Handshaking>,
}

/// What all handshakes of a listener share.
struct Handshaking {
    /// What a handshake begins with, and the certificate that it shows.
    offer: Arc<Mutex<(Arc<ServerConfig>, Fingerprint)>>,
    terms: Terms,
    silent: AcceptLimiter,
    handshakes: AcceptLimiter,
    closures: Closures,
    sender: UnboundedSender<Result<Waiting, NextError>>,
}

impl AcceptLoop {
    async fn run(mut self) {
        let mut connections = JoinSet::new();
        loop {
            self.handshaking.handshakes.room().await;
            let socket = match self.tcp.accept_stream().await {
                Ok(socket) => socket,
                Err(error) => {
                    let _ = self.handshaking.sender.send(Err(error));
                    return;
                }
            };
            while connections.try_join_next().is_some() {}
            // Fails only for a peer that is gone already.
            let Ok(peer) = socket.peer_addr() else { continue };
            let silent = self.handshaking.silent.enter(peer).await;
            let has_evicted = silent.has_evicted;
            connections.spawn(self.handshaking.clone().handshake(socket, peer, silent));
            if has_evicted {
                // The evicted one shall be gone before another comes.
                yield_now().await;
            }
        }
    }
}

impl Handshaking {
    async fn handshake(self: Arc<Self>, socket: TcpStream, peer: SocketAddr, silent: Place) {
        let deadline = Instant::now() + self.terms.limit;
        let agreed = async {
            // What is not accepted yet is reset when it has to go.
            socket.set_zero_linger()?;
            let place = self.wait(&socket, peer, silent, deadline).await?;
            let (config, shown) = lock(&self.offer).clone();
            let accepting = Box::pin(self.terms.accept(config, shown, socket, deadline));
            unless_evicted(place, accepting).await
        };
        match agreed.await {
            Ok((agreed, place)) if place.release() => {
                drop(self.sender.send(Ok(Waiting { agreed, _place: place })));
            }
            Ok(_) => tracing::debug!(%peer, error = %evicted(), "a handshake failed"),
            Err(error) => {
                if Instant::now() >= deadline {
                    self.closures.note_timed_out();
                }
                tracing::debug!(%peer, %error, "a handshake failed");
            }
        }
    }

    /// Waits for the peer's first byte, then for a place for its handshake.
    async fn wait(
        &self,
        socket: &TcpStream,
        peer: SocketAddr,
        silent: Place,
        deadline: Instant,
    ) -> io::Result<Place> {
        let waiting = async {
            first_byte(socket).await?;
            Ok(self.handshakes.enter(peer).await)
        };
        let (place, _silent) = unless_evicted(silent, self.terms.by(deadline, waiting)).await?;
        Ok(place)
    }
}

/// What `work` gives, and the place that it has kept; an error when it is evicted meanwhile.
async fn unless_evicted<T>(
    mut place: Place,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<(T, Place)> {
    tokio::select! {
        biased;
        () = place.revoked() => Err(evicted()),
        done = work => Ok((done?, place)),
    }
}

fn evicted() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "evicted for a newer connection, as the oldest unfinished (silent, handshakes, per_address)",
    )
}

/// Ready when the peer has sent something.
async fn first_byte(socket: &TcpStream) -> io::Result<()> {
    loop {
        socket.readable().await?;
        // The runtime takes every socket that it accepts for readable.
        let peek = || SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]);
        match socket.try_io(Interest::READABLE, peek) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return peeked.map(drop),
        }
    }
}
