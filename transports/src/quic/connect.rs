//! Making a connection: the addresses of a name race, and the first handshake wins.

use std::io;
use std::net::SocketAddr;

use listenrain::{Endpoint, NextError};
use quinn::ConnectionId;
use tokio::time::timeout;

use super::carrier::Carrier;
use super::config::{self, Judge};
use super::error::of_handshake;
use super::socket::GuardedSocket;
use super::{QuicOptions, Reach};
use crate::accept_limiter::Closures;
use crate::certificates::{ClientSide, Credentials, server_name};
use crate::dialing::timed_out;
use crate::tcp::address::Address;
use crate::tcp::dial::addresses;
use crate::tcp::race::{interleave, race};
use crate::udp::{AsyncUdpSocket, UdpBinding};

/// What is dialled or listened at, and how.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) address: Address,
    pub(super) options: QuicOptions,
    pub(super) credentials: Credentials,
    pub(super) reach: Reach,
    pub(super) closures: Closures,
}

impl Target {
    /// A new connection, within `connect_timeout`.
    pub(super) async fn connect(&self) -> Result<Carrier, NextError> {
        let limit = self.options.connect_timeout;
        match timeout(limit, self.resolve_and_connect()).await {
            Ok(connected) => connected,
            Err(_) => Err(self.timed_out("connection")),
        }
    }

    async fn resolve_and_connect(&self) -> Result<Carrier, NextError> {
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
        let socket = GuardedSocket::of_dialer(reach.udp.bind(&ask).await?, config::largest_taken(options))?;
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
                socket.close();
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

    pub(super) fn alpn(&self) -> &str {
        self.options.certificates.protocol().unwrap_or_default()
    }

    pub(super) fn failed(&self, error: io::Error) -> NextError {
        NextError::passing("dial", &self.endpoint, error)
    }

    /// No `what` within `connect_timeout`.
    pub(super) fn timed_out(&self, what: &str) -> NextError {
        self.failed(timed_out(what, self.options.connect_timeout, "connect_timeout"))
    }
}

/// What RFC 9000 allows at most; it must not be guessed.
const FIRST_ID_LEN: usize = 20;

/// What both sides call the connection whose first packets went to `first_id`.
pub(super) fn group(first_id: &ConnectionId) -> u64 {
    first_id.iter().take(8).fold(0, |group, byte| group << 8 | u64::from(*byte))
}
