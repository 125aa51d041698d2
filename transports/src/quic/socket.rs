//! A wrapper of an endpoint's UDP socket: it notices errors that the system reports about a dialer's peer, and can be closed
//! before its endpoint is.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, ready};

use tokio::sync::Notify;

use crate::locks::lock;
use crate::udp::{AlwaysWritable, AsyncUdpSocket, RecvMeta, Transmit, UdpPoller, is_about_peer};

/// A socket that can be closed, and whose failures are told where there is a single peer; its endpoint then takes what was not
/// sent for lost. Without a single peer the endpoint hears them itself.
#[derive(Debug)]
pub(super) struct GuardedSocket {
    open: RwLock<Option<Arc<dyn AsyncUdpSocket>>>,
    local: SocketAddr,
    joined: usize,
    may_fragment: bool,
    has_one_peer: bool,
    first_failure: Mutex<Option<io::Error>>,
    heard: Notify,
}

impl GuardedSocket {
    /// Guards a dialer's `socket`, which takes datagrams of up to `largest` bytes.
    pub(super) fn of_dialer(socket: Arc<dyn AsyncUdpSocket>, largest: u16) -> io::Result<Arc<Self>> {
        Self::new(socket, largest, true)
    }

    /// Guards a listener's.
    pub(super) fn of_listener(socket: Arc<dyn AsyncUdpSocket>, largest: u16) -> io::Result<Arc<Self>> {
        Self::new(socket, largest, false)
    }

    fn new(socket: Arc<dyn AsyncUdpSocket>, largest: u16, has_one_peer: bool) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            local: socket.local_addr()?,
            // The system never joins more than 64 KiB.
            joined: socket.max_receive_segments().min((64 << 10) / usize::from(largest) + 1),
            may_fragment: socket.may_fragment(),
            open: RwLock::new(Some(socket)),
            has_one_peer,
            first_failure: Mutex::default(),
            heard: Notify::new(),
        }))
    }

    /// Frees its address at once. From now on nothing is sent and nothing received.
    pub(super) fn close(&self) {
        let socket = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(socket);
    }

    /// The first failure that the system told of.
    pub(super) async fn failure(&self) -> io::Error {
        loop {
            let heard = self.heard.notified();
            if let Some(error) = lock(&self.first_failure).take() {
                return error;
            }
            heard.await;
        }
    }

    fn hear(&self, error: io::Error) {
        tracing::debug!(%error, "the system says of a peer");
        lock(&self.first_failure).get_or_insert(error);
        self.heard.notify_waiters();
    }

    fn open(&self) -> RwLockReadGuard<'_, Option<Arc<dyn AsyncUdpSocket>>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncUdpSocket for GuardedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        match &*self.open() {
            Some(socket) => socket.clone().create_io_poller(),
            None => Box::pin(AlwaysWritable),
        }
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.open().as_ref().map_or(Ok(()), |socket| socket.try_send(transmit)) {
            Err(error) if self.has_one_peer && error.kind() != io::ErrorKind::WouldBlock => {
                self.hear(error);
                Ok(())
            }
            sent => sent,
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let open = self.open();
        let Some(socket) = open.as_ref() else { return Poll::Pending };
        loop {
            match ready!(socket.poll_recv(cx, bufs, meta)) {
                Err(error) if self.has_one_peer && is_about_peer(&error) => self.hear(error),
                received => return Poll::Ready(received),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn max_transmit_segments(&self) -> usize {
        self.open().as_ref().map_or(1, |socket| socket.max_transmit_segments())
    }

    fn max_receive_segments(&self) -> usize {
        self.joined
    }

    fn may_fragment(&self) -> bool {
        self.may_fragment
    }
}
