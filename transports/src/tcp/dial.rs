//! Dialling: the name is resolved anew each time, and all its addresses are tried.
//!
//! Addresses are interleaved by family and race with a stagger of 250 ms (as RFC 8305 has it); the first connection
//! wins. One dial, resolution included, takes at most
//! [`connect_timeout`](super::TcpOptions::connect_timeout). Every failure but one is a passing one: a name may get
//! an address, a port may get a listener; port 0 stays what only a listener can ask for. Dropping a dial closes its
//! sockets at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::Address;
use super::race::{interleave, race};
use super::{Resolve, TcpOptions, socket};
use crate::options::value::show_duration;

/// Dials one endpoint, once for each channel.
#[derive(Clone)]
pub(crate) struct Dialer {
    endpoint: Endpoint,
    address: Address,
    options: TcpOptions,
    resolver: Arc<dyn Resolve>,
}

impl Dialer {
    pub(crate) fn new(
        endpoint: Endpoint,
        address: Address,
        options: TcpOptions,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        Self { endpoint, address, options, resolver }
    }

    /// A connected stream with its options set, or why there is none, within `connect_timeout`.
    pub(crate) async fn dial(&self) -> Result<TcpStream, NextError> {
        self.address.check_dialable(&self.endpoint)?;
        let limit = self.options.connect_timeout;
        let dialled = timeout(limit, self.connect()).await.unwrap_or_else(|_| {
            let text = format!("no connection within {} (connect_timeout)", show_duration(limit));
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        });
        dialled.map_err(|error| NextError::passing("dial", &self.endpoint, error))
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let addresses = addresses(&self.address, &*self.resolver).await?;
        let stream = race(interleave(addresses), |address| connect(address, &self.options)).await?;
        socket::prepare(&stream, &self.options)?;
        Ok(stream)
    }
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            let stream = self.dial().await?;
            socket::channel(stream).map_err(|error| NextError::passing("dial", &self.endpoint, error))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        Some(Box::new(self.clone()))
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
