//! Dialing: the name is resolved anew each time, and all its addresses are tried.
//!
//! Addresses are interleaved by family and race with a stagger of 250 ms (as RFC 8305 has it); the first connection
//! wins. One dial, resolution included, takes at most
//! [`connect_timeout`](super::TcpOptions::connect_timeout). Every failure but one is a passing one: a name may get
//! an address, a port may get a listener; port 0 stays what only a listener can ask for. Dropping a dial closes its
//! sockets at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use listenrain::{Channel, Endpoint, EndpointError, NextError};
use tokio::net::TcpStream;

use super::address::Address;
use super::race::{interleave, race};
use super::{Resolve, TcpOptions, socket};
use crate::dialing::within;

/// What is dialled or listened at, and how.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: Address,
    pub(crate) options: TcpOptions,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl Target {
    pub(super) fn dialer(self) -> Result<Self, EndpointError> {
        Ok(self)
    }

    /// A connected stream with its options set, or why there is none, within `connect_timeout`.
    pub(crate) async fn connect(&self) -> Result<TcpStream, NextError> {
        self.address.check_dialable(&self.endpoint)?;
        let connected = within(self.options.connect_timeout, "connection", self.try_connect()).await;
        connected.map_err(|error| self.failed(error))
    }

    /// A channel of such a stream.
    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        socket::channel(self.connect().await?).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> NextError {
        NextError::passing("dial", &self.endpoint, error)
    }

    async fn try_connect(&self) -> io::Result<TcpStream> {
        let addresses = addresses(&self.address, &*self.resolver).await?;
        let stream = race(interleave(addresses), |address| connect(address, &self.options)).await?;
        socket::prepare(&stream, &self.options)?;
        Ok(stream)
    }
}

/// What `address` stands for now.
pub(crate) async fn addresses(address: &Address, resolver: &dyn Resolve) -> io::Result<Vec<SocketAddr>> {
    match address {
        Address::Known(known) => Ok(vec![*known]),
        Address::Named { host, port } => resolver.resolve(host, *port).await,
    }
}

async fn connect(address: SocketAddr, options: &TcpOptions) -> io::Result<TcpStream> {
    let stream = socket::open(address, options)?.connect(address).await?;
    // A dial to a free port of this host may get that very port as its own, and TCP lets a socket connect to itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}
