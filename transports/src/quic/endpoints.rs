//! Bound addresses of one transport, which outlive their listener while channels need them.
//!
//! All connections of a listener share one socket, so the socket cannot go with the listener while its channels live on. A
//! [`Bound`] address therefore outlives its listener: without one it refuses every new connection, and the next listener of
//! the same transport at that address takes its place there. Once neither is left, the socket is closed at once, and the
//! address is free.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use quinn::{Endpoint, ServerConfig};
use tokio::sync::Notify;

use super::acceptor::Acceptor;
use super::socket::GuardedSocket;
use super::{QuicOptions, Reach, config};
use crate::locks::lock;
use crate::udp::UdpBinding;

/// The addresses of one transport; cloning it shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Endpoints(Arc<Mutex<BTreeMap<SocketAddr, Arc<Bound>>>>);

/// One address with its socket.
#[derive(Debug)]
struct Bound {
    endpoint: Endpoint,
    socket: Arc<GuardedSocket>,
    /// The listener's, while there is one.
    acceptor: Mutex<Option<Arc<Acceptor>>>,
    vacated: Notify,
}

/// A listener's hold on its address. Dropping it frees the address for the next one.
#[derive(Debug)]
pub(super) struct Place {
    endpoints: Endpoints,
    /// The address that was really bound.
    pub(super) address: SocketAddr,
    bound: Arc<Bound>,
}

impl Endpoints {
    /// Puts a listener's acceptor at `address`, bound anew or taken over from a listener that is gone. Where one stands
    /// already it is `AddrInUse`.
    pub(super) async fn occupy(
        &self,
        address: SocketAddr,
        options: &QuicOptions,
        server: ServerConfig,
        reach: &Reach,
        acceptor: impl FnOnce(SocketAddr) -> Arc<Acceptor>,
    ) -> io::Result<Place> {
        if let Some(bound) = lock(&self.0).get(&address) {
            bound.take_over(acceptor(address), server)?;
            return Ok(Place { endpoints: self.clone(), address, bound: bound.clone() });
        }
        let ask = UdpBinding::at(address).buffers(options.send_buffer, options.recv_buffer);
        let socket = GuardedSocket::of_listener(reach.udp.bind(&ask).await?, config::largest_taken(options))?;
        let endpoint = Endpoint::new_with_abstract_socket(
            config::endpoint(options, &reach.entropy),
            Some(server),
            socket.clone(),
            reach.runtime.clone(),
        )?;
        let address = endpoint.local_addr()?;
        let acceptor = Mutex::new(Some(acceptor(address)));
        let bound = Arc::new(Bound { endpoint, socket, acceptor, vacated: Notify::new() });
        lock(&self.0).insert(address, bound.clone());
        tokio::spawn(Keeper { endpoints: self.clone(), address, bound: bound.clone() }.keep());
        Ok(Place { endpoints: self.clone(), address, bound })
    }

    /// Closes an address without a listener and without connections.
    fn close_if_dead(&self, address: SocketAddr, bound: &Arc<Bound>) -> bool {
        let mut endpoints = lock(&self.0);
        if bound.acceptor().is_some() || bound.endpoint.open_connections() > 0 {
            return false;
        }
        bound.socket.close();
        forget(&mut endpoints, address, bound);
        true
    }
}

/// Another socket may have bound the address since.
fn forget(endpoints: &mut BTreeMap<SocketAddr, Arc<Bound>>, address: SocketAddr, bound: &Arc<Bound>) {
    if endpoints.get(&address).is_some_and(|known| Arc::ptr_eq(known, bound)) {
        endpoints.remove(&address);
    }
}

/// What handles connections to an address, for as long as it is bound.
struct Keeper {
    endpoints: Endpoints,
    address: SocketAddr,
    bound: Arc<Bound>,
}

impl Keeper {
    async fn keep(self) {
        let bound = &self.bound;
        loop {
            let incoming = tokio::select! {
                biased;
                incoming = bound.endpoint.accept() => incoming,
                () = bound.dead() => {
                    if self.endpoints.close_if_dead(self.address, bound) {
                        return;
                    }
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            match (incoming, bound.acceptor()) {
                (Some(incoming), Some(acceptor)) => acceptor.admit(incoming),
                (Some(incoming), None) => incoming.refuse(),
                // The socket failed.
                (None, _) => return,
            }
        }
    }
}

impl Drop for Keeper {
    /// However it ends, be it with its runtime, no connection is accepted any more. Dropping the acceptor tells the listener.
    fn drop(&mut self) {
        forget(&mut lock(&self.endpoints.0), self.address, &self.bound);
        self.bound.vacate();
        self.bound.socket.close();
    }
}

impl Bound {
    fn take_over(&self, acceptor: Arc<Acceptor>, server: ServerConfig) -> io::Result<()> {
        let mut place = lock(&self.acceptor);
        if place.is_some() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.endpoint.set_server_config(Some(server));
        *place = Some(acceptor);
        Ok(())
    }

    fn vacate(&self) {
        let acceptor = lock(&self.acceptor).take();
        drop(acceptor);
        self.vacated.notify_waiters();
    }

    fn acceptor(&self) -> Option<Arc<Acceptor>> {
        lock(&self.acceptor).clone()
    }

    /// Ready when there is no listener here and no connection is left.
    async fn dead(&self) {
        loop {
            let vacated = self.vacated.notified();
            if self.acceptor().is_none() {
                break;
            }
            vacated.await;
        }
        self.endpoint.wait_idle().await;
    }

    /// Dialers that have come already are told that there is no listener; the socket alone would close silently.
    fn refuse_who_waits(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(incoming)) = pin!(self.endpoint.accept()).poll(&mut cx) {
            incoming.refuse();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.bound.vacate();
        self.bound.refuse_who_waits();
        self.endpoints.close_if_dead(self.address, &self.bound);
    }
}
