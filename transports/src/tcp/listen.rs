//! The listener: bound to the first of a name's addresses that can be bound.
//!
//! A shortage of file descriptors or memory does not end a listener: it waits (5 ms, doubling up to 1 s) and tries
//! again; peers that give up while they are queued are skipped.

use std::io;
use std::net::SocketAddr;

use listenrain::{Channel, Endpoint, NextError};
use tokio::net::{TcpListener, TcpStream};

use super::address::Address;
use super::dial::{Target, addresses};
use super::{Resolve, TcpOptions, socket};
use crate::accept::{Pause, cannot_listen, skip};

/// Accepts connections at one address.
pub(crate) struct Listener {
    pub(crate) endpoint: Endpoint,
    options: TcpOptions,
    listener: TcpListener,
    pause: Pause,
}

impl Listener {
    pub(crate) async fn bind(target: Target) -> Result<Self, NextError> {
        let Target { endpoint: asked, address, options, resolver } = target;
        let bind = |address| std::future::ready(socket::listen(address, &options));
        let bound = bind_first(&address, &*resolver, bind).await;
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (real, listener) = bound.map_err(|error| cannot_listen(&asked, error))?;
        let endpoint = asked.with_address(real.to_string());
        Ok(Self { endpoint, options, listener, pause: Pause::default() })
    }

    /// The next connection, with its options set. Cancel safe: what is queued stays queued.
    pub(crate) async fn accept_stream(&mut self) -> Result<TcpStream, NextError> {
        loop {
            let (stream, _) = self.pause.accept(&self.endpoint, || self.listener.accept()).await?;
            match socket::prepare(&stream, &self.options) {
                Ok(()) => return Ok(stream),
                Err(error) => skip(&self.endpoint, &error),
            }
        }
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        loop {
            match socket::channel(self.accept_stream().await?) {
                Ok(channel) => return Ok(channel),
                Err(error) => skip(&self.endpoint, &error),
            }
        }
    }
}

/// What `bind` makes of the first address of `address` at which it succeeds.
pub(crate) async fn bind_first<T, F: Future<Output = io::Result<T>>>(
    address: &Address,
    resolver: &dyn Resolve,
    mut bind: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses(address, resolver).await? {
        match bind(address).await {
            Ok(bound) => return Ok(bound),
            Err(error) => failed = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(failed)
}
