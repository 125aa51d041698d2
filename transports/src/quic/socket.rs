//! What stands between an endpoint and its UDP socket: a dialer's hears what the system says about the peer, a listener's
//! can be closed before its endpoint is.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, ready};

use tokio::sync::Notify;

use crate::udp::{AsyncUdpSocket, RecvMeta, Transmit, UdpPoller};

type Socket = Arc<dyn AsyncUdpSocket>;

/// How many datagrams of `largest` bytes the system hands over in one piece at most: it never joins more than 64 KiB.
fn joined(socket: &dyn AsyncUdpSocket, largest: u16) -> usize {
    socket.max_receive_segments().min((64 << 10) / usize::from(largest) + 1)
}

/// A socket whose failures are told to whoever waits for them; the endpoint takes what was not sent for lost on its way.
#[derive(Debug)]
pub(super) struct Hearing {
    socket: Socket,
    largest: u16,
    first: Mutex<Option<io::Error>>,
    heard: Notify,
    is_silent: AtomicBool,
}

impl Hearing {
    pub(super) fn new(socket: Socket, largest: u16) -> Self {
        Self {
            socket,
            largest,
            first: Mutex::default(),
            heard: Notify::new(),
            is_silent: AtomicBool::new(false),
        }
    }

    /// The first failure that the system told of.
    pub(super) async fn failure(&self) -> io::Error {
        loop {
            let heard = self.heard.notified();
            if let Some(error) = self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return error;
            }
            heard.await;
        }
    }

    /// Sends nothing any more.
    pub(super) fn silence(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    fn hear(&self, error: io::Error) {
        tracing::debug!(%error, "the system says of a peer");
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.heard.notify_waiters();
    }
}

impl AsyncUdpSocket for Hearing {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.is_silent.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.socket.try_send(transmit) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
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
        loop {
            match ready!(self.socket.poll_recv(cx, bufs, meta)) {
                Err(error) if is_about_peer(&error) => self.hear(error),
                received => return Poll::Ready(received),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        joined(&*self.socket, self.largest)
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

/// The failures that [`BindUdp`](crate::udp::BindUdp) lets a socket tell once and outlive.
fn is_about_peer(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::PermissionDenied
    )
}

/// A socket that can be closed while its endpoint still has to come to its end.
#[derive(Debug)]
pub(super) struct Closable {
    open: RwLock<Option<Socket>>,
    local: SocketAddr,
    joined: usize,
    may_fragment: bool,
}

impl Closable {
    pub(super) fn new(socket: Socket, largest: u16) -> io::Result<Self> {
        let (local, may_fragment) = (socket.local_addr()?, socket.may_fragment());
        let joined = joined(&*socket, largest);
        Ok(Self { open: RwLock::new(Some(socket)), local, joined, may_fragment })
    }

    /// Frees its address at once. From now on nothing is sent and nothing received.
    pub(super) fn close(&self) {
        let socket = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(socket);
    }

    fn open(&self) -> RwLockReadGuard<'_, Option<Socket>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncUdpSocket for Closable {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        match &*self.open() {
            Some(socket) => socket.clone().create_io_poller(),
            None => Box::pin(AlwaysWritable),
        }
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.open().as_ref().map_or(Ok(()), |socket| socket.try_send(transmit))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.open().as_ref().map_or(Poll::Pending, |socket| socket.poll_recv(cx, bufs, meta))
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

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
