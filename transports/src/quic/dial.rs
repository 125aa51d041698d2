//! Dialling: another channel on a connection that stands, or a connection first.
//!
//! A dialer keeps the connection that it made last and opens each channel on it, until it has no room for more, is lost, or
//! its listener is gone; then it dials anew. All addresses of a name race as they do for TCP. Options that do not go together
//! are a final error; everything else may be mended by somebody. Dropping a dial closes what it had begun.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use quinn::{Connection, ConnectionId, RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::carrier::{Carrier, Unclaimed};
use super::config::{self, Judge};
use super::error::{code, of_handshake, of_unanswered};
use super::greeting::{self, Unanswered};
use super::socket::Hearing;
use super::{QuicOptions, Reach};
use crate::certificates::{ClientSide, Credentials, server_name};
use crate::options::value::show_duration;
use crate::tcp::address::Address;
use crate::tcp::dial::addresses;
use crate::tcp::race::{interleave, race};
use crate::udp::{AsyncUdpSocket, UdpBinding};

/// Dials one endpoint, once for each channel.
pub(super) struct Dialer {
    endpoint: Endpoint,
    address: Address,
    options: QuicOptions,
    credentials: Credentials,
    reach: Reach,
    current: Option<Current>,
}

/// A connection, and how many more channels this side wants on it.
#[derive(Debug)]
struct Current {
    carrier: Arc<Carrier>,
    room: Arc<Semaphore>,
}

/// Why no channel was opened on a connection that stood.
struct Unopened {
    error: io::Error,
    /// Another connection may have what this one has not.
    may_dial_anew: bool,
}

impl Dialer {
    pub(super) fn new(
        endpoint: Endpoint,
        address: Address,
        options: QuicOptions,
        credentials: Credentials,
        reach: Reach,
    ) -> Self {
        Self { endpoint, address, options, credentials, reach, current: None }
    }

    async fn dial(&mut self) -> Result<Channel, NextError> {
        self.address.check_dialable(&self.endpoint)?;
        let limit = self.options.connect_timeout;
        let Ok(opened) = timeout(limit, self.open()).await else {
            let text = format!("no channel within {} (connect_timeout)", show_duration(limit));
            return Err(self.failed(io::Error::new(io::ErrorKind::TimedOut, text)));
        };
        opened
    }

    async fn open(&mut self) -> Result<Channel, NextError> {
        // It is taken away meanwhile: a connection that gives no answer before the dial is dropped is none to try again.
        if let Some(current) = self.current.take() {
            let opened = self.open_on(&current).await;
            if !opened.as_ref().is_err_and(|unopened| unopened.may_dial_anew) {
                self.current = Some(current);
                return opened.map_err(|unopened| self.failed(unopened.error));
            }
        }
        let carrier = Arc::new(self.connect().await?);
        let current = Current { carrier, room: Arc::new(Semaphore::new(self.options.streams)) };
        let opened = self.open_on(&current).await;
        let channel = opened.map_err(|unopened| self.failed(unopened.error))?;
        self.current = Some(current);
        Ok(channel)
    }

    async fn open_on(&self, Current { carrier, room }: &Current) -> Result<Channel, Unopened> {
        let full = || {
            let error = io::Error::other("the connection has no room for another channel (streams)");
            Unopened { error, may_dial_anew: true }
        };
        let place = room.clone().try_acquire_owned().map_err(|_| full())?;
        let streams = open_at_once(&carrier.connection).await.ok_or_else(full)?;
        let mut streams = Unclaimed::new(streams, code::DONE);
        match greeting::call(&mut streams).await {
            Ok(()) => Ok(carrier.channel(streams, Some(place))),
            Err(unanswered) => {
                let may_dial_anew =
                    matches!(unanswered, Unanswered::Refused(code::GONE) | Unanswered::Lost(_));
                Err(Unopened { error: of_unanswered(unanswered, self.alpn()), may_dial_anew })
            }
        }
    }

    async fn connect(&self) -> Result<Carrier, NextError> {
        let certificates = &self.options.certificates;
        let name = server_name(&self.endpoint, certificates, &self.address.host())?;
        let side = self.credentials.client(&self.endpoint, certificates).await?;
        let found = addresses(&self.address, &*self.reach.resolver).await;
        let found = interleave(found.map_err(|error| self.failed(error))?);
        let name = name.to_str();
        let connected = race(found, |peer| self.connect_to(peer, &name, &side)).await;
        connected.map_err(|error| self.failed(error))
    }

    async fn connect_to(&self, peer: SocketAddr, name: &str, side: &ClientSide) -> io::Result<Carrier> {
        let (options, reach) = (&self.options, &self.reach);
        let ask = UdpBinding::towards(peer).buffers(options.send_buffer, options.recv_buffer);
        let socket = Arc::new(Hearing::new(reach.udp.bind(&ask).await?, config::largest_taken(options)));
        let local = socket.local_addr()?;
        // A dial to a free port of this host may get that very port as its own.
        if local == peer {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (first_id, group) = self.draw_first_id();
        let judge = Judge::new(side.verifier.clone());
        let (tls, showing) = side.one();
        let config = config::client(options, tls, &judge, peer.ip(), first_id).map_err(io::Error::other)?;
        let endpoint = quinn::Endpoint::new_with_abstract_socket(
            config::endpoint(options, &reach.entropy),
            None,
            socket.clone(),
            reach.runtime.clone(),
        )?;
        let connecting = endpoint.connect_with(config, peer, name).map_err(io::Error::other)?;
        let connected = tokio::select! {
            biased;
            connected = connecting => connected,
            error = socket.failure() => {
                // There is nobody to say goodbye to, and whoever listens there next would keep a connection for the goodbye
                // alone until it is idle for too long.
                socket.silence();
                return Err(error);
            }
        };
        let connection =
            connected.map_err(|error| of_handshake(error, judge.refused().as_ref(), self.alpn()))?;
        Ok(Carrier::new(connection, Some(endpoint), local, showing.shown(), group))
    }

    /// The id to which the first packets go, which both sides know, and the group that both make of it.
    fn draw_first_id(&self) -> (ConnectionId, u64) {
        let id = ConnectionId::new(&self.reach.entropy.draw()[..FIRST_ID_LEN]);
        (id, group(&id))
    }

    fn alpn(&self) -> &str {
        self.options.certificates.protocol().unwrap_or_default()
    }

    fn failed(&self, error: io::Error) -> NextError {
        NextError::passing("dial", &self.endpoint, error)
    }
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(self.dial())
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// What RFC 9000 allows at most; it must not be guessed.
const FIRST_ID_LEN: usize = 20;

/// What both sides call the connection whose first packets went to `first_id`.
pub(super) fn group(first_id: &ConnectionId) -> u64 {
    first_id.iter().take(8).fold(0, |group, byte| group << 8 | u64::from(*byte))
}

/// A fresh stream, unless the connection is lost or the peer allows no more for now.
async fn open_at_once(connection: &Connection) -> Option<(SendStream, RecvStream)> {
    let mut opening = pin!(connection.open_bi());
    poll_fn(|cx| match opening.as_mut().poll(cx) {
        Poll::Ready(opened) => Poll::Ready(opened.ok()),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
