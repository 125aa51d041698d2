//! The system's own UDP sockets, with segmentation offload and ECN where the system has them.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};

use listenrain::BoxFuture;
use quinn::udp::UdpSocketState;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{Interest, Ready};
use tokio::net::UdpSocket;

use super::{AsyncUdpSocket, BindUdp, RecvMeta, Transmit, UdpBinding, UdpPoller, is_about_peer};

use crate::locks::lock;

/// The sockets of the system that this program runs on.
///
/// A socket with a peer is connected to it on Linux, so that the system reports what it hears about that peer. Elsewhere
/// the system will not take the address that every datagram carries on a connected socket, so there such failures show
/// as silence.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemUdp;

impl BindUdp for SystemUdp {
    fn bind<'a>(&'a self, ask: &'a UdpBinding) -> BoxFuture<'a, io::Result<Arc<dyn AsyncUdpSocket>>> {
        Box::pin(async move { Ok(Arc::new(SystemSocket::bind(ask)?) as _) })
    }
}

#[derive(Debug)]
struct SystemSocket {
    io: Arc<UdpSocket>,
    state: UdpSocketState,
    /// What waits for the system to speak of the peer, where it does.
    of_peer: Option<Mutex<Failure>>,
}

/// Most bytes that the system takes at once, however many datagrams they are: what one datagram can hold over IPv4.
const AT_ONCE: usize = 65_507;

/// What of `transmit` the system takes at once. When there is no room for a later piece, all of it is sent again: datagrams may
/// be doubled.
fn pieces<'a>(transmit: &'a Transmit<'a>) -> impl Iterator<Item = Transmit<'a>> {
    let size = transmit.segment_size.unwrap_or(AT_ONCE).max(1);
    let most = if transmit.contents.len() > AT_ONCE { (AT_ONCE / size).max(1) * size } else { AT_ONCE };
    transmit.contents.chunks(most).map(move |contents| Transmit {
        contents,
        segment_size: transmit.segment_size.filter(|size| *size < contents.len()),
        ..transmit.clone()
    })
}

/// A failure is gone once it was told, so this many in a row are no longer about one datagram each.
const FAILURES_IN_A_ROW: usize = 64;

impl SystemSocket {
    fn bind(ask: &UdpBinding) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(ask.local), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if let Some(bytes) = ask.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = ask.recv_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(&ask.local.into())?;
        let peer = ask.peer.filter(|_| cfg!(any(target_os = "linux", target_os = "android")));
        if let Some(peer) = peer {
            socket.connect(&peer.into())?;
        }
        let io = Arc::new(UdpSocket::from_std(socket.into())?);
        let state = UdpSocketState::new((&*io).into())?;
        let of_peer = peer.map(|_| Mutex::new(Failure::of(&io)));
        Ok(Self { io, state, of_peer })
    }

    fn try_send_piece(&self, piece: &Transmit<'_>) -> io::Result<()> {
        match self.io.try_io(Interest::WRITABLE, || self.state.try_send((&*self.io).into(), piece)) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock && !self.is_told(&error) => {
                // As good as lost on its way; larger than the path's MTU is what probes for it are.
                tracing::trace!(%error, peer = %piece.destination, "a datagram was not sent");
                Ok(())
            }
            sent => sent,
        }
    }

    /// Ready when the system has spoken of the peer; an error if the owner is to hear of it.
    fn poll_failure(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(failure) = &self.of_peer else { return Poll::Pending };
        let mut failure = lock(failure);
        ready!(failure.0.as_mut().poll(cx))?;
        *failure = Failure::of(&self.io);
        // That readiness is put out here, before what it stands for is asked, so that nothing newer is put out with it.
        let mut told = Ok(None);
        let _ = self.io.try_io(Interest::ERROR, || {
            told = self.io.take_error();
            Err::<(), _>(io::ErrorKind::WouldBlock.into())
        });
        Poll::Ready(told?.filter(|error| self.is_told(error)).map_or(Ok(()), Err))
    }

    /// Whether the owner of the socket is to hear of `error`: what concerns the only peer there is.
    fn is_told(&self, error: &io::Error) -> bool {
        self.of_peer.is_some() && is_about_peer(error)
    }
}

impl AsyncUdpSocket for SystemSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable { socket: Arc::downgrade(&self), waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        pieces(transmit).try_for_each(|piece| self.try_send_piece(&piece))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut failures = 0;
        loop {
            if self.io.poll_recv_ready(cx)?.is_pending() {
                ready!(self.poll_failure(cx))?;
                continue;
            }
            let received =
                self.io.try_io(Interest::READABLE, || self.state.recv((&*self.io).into(), bufs, meta));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if !self.is_told(&error) && failures < FAILURES_IN_A_ROW => {
                    tracing::trace!(%error, "no datagram was received");
                    failures += 1;
                }
                received => return Poll::Ready(received),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// A wait for the system's word about a peer. An error alone makes a socket neither readable nor a reader wake up.
struct Failure(Wait<Ready>);

type Wait<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + Sync>>;

impl Failure {
    fn of(io: &Arc<UdpSocket>) -> Self {
        let io = io.clone();
        Self(Box::pin(async move { io.ready(Interest::ERROR).await }))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failure")
    }
}

/// One task's wait for room. The box is made only when there is something to wait for.
struct Writable {
    /// Who does not wait keeps no socket open.
    socket: Weak<SystemSocket>,
    waiting: Option<Wait<()>>,
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(socket) = self.socket.upgrade() else { return Poll::Ready(Ok(())) };
        if self.waiting.is_none() && socket.io.try_io(Interest::WRITABLE, || Ok(())).is_ok() {
            return Poll::Ready(Ok(()));
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(async move { socket.io.writable().await }));
        let result = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(result)
    }
}

impl fmt::Debug for Writable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writable").field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    async fn bind(ask: &UdpBinding) -> Arc<dyn AsyncUdpSocket> {
        SystemUdp.bind(ask).await.unwrap()
    }

    fn loopback() -> SocketAddr {
        ([127, 0, 0, 1], 0).into()
    }

    async fn send(from: &Arc<dyn AsyncUdpSocket>, to: SocketAddr, contents: &[u8]) -> io::Result<()> {
        transmit(from, to, contents, None).await
    }

    async fn transmit(
        from: &Arc<dyn AsyncUdpSocket>,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        let mut poller = from.clone().create_io_poller();
        loop {
            poll_fn(|cx| poller.as_mut().poll_writable(cx)).await?;
            match from.try_send(&transmit) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }

    /// One datagram, under a watchdog.
    async fn receive(at: &Arc<dyn AsyncUdpSocket>) -> io::Result<(SocketAddr, Vec<u8>)> {
        let mut space = vec![0; 64 * 1024 * at.max_receive_segments()];
        let mut meta = [RecvMeta::default()];
        let received = poll_fn(|cx| at.poll_recv(cx, &mut [IoSliceMut::new(&mut space)], &mut meta));
        tokio::time::timeout(Duration::from_secs(30), received).await.expect("stuck")?;
        space.truncate(meta[0].len);
        Ok((meta[0].addr, space))
    }

    #[tokio::test]
    async fn more_than_the_system_takes_at_once_arrives_as_the_datagrams_that_it_is() {
        let listener = bind(&UdpBinding::at(loopback()).buffers(None, Some(1 << 20))).await;
        let at = listener.local_addr().unwrap();
        let dialer = bind(&UdpBinding::towards(at).buffers(Some(1 << 20), None)).await;
        let contents: Vec<u8> = (0..10).flat_map(|number| vec![number; 9000]).collect();
        // Where the system sends one datagram at a time, they are handed over so.
        for part in contents.chunks(9000 * dialer.max_transmit_segments().min(10)) {
            transmit(&dialer, at, part, Some(9000)).await.unwrap();
        }
        let mut all = Vec::new();
        while all.len() < contents.len() {
            all.extend(receive(&listener).await.unwrap().1);
        }
        assert_eq!(all, contents);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_peer_that_is_not_there_is_told_once_and_the_socket_goes_on() {
        let gone = bind(&UdpBinding::at(loopback())).await;
        let at = gone.local_addr().unwrap();
        let dialer = bind(&UdpBinding::towards(at)).await;
        drop(gone);
        send(&dialer, at, b"anybody?").await.unwrap();
        let error = receive(&dialer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let back = bind(&UdpBinding::at(at)).await;
        send(&dialer, at, b"again").await.unwrap();
        assert_eq!(receive(&back).await.unwrap().1, b"again");
    }

    #[tokio::test]
    async fn without_a_peer_nobodys_absence_is_reported() {
        let gone = bind(&UdpBinding::at(loopback())).await;
        let nobody = gone.local_addr().unwrap();
        drop(gone);
        let (listener, other) =
            (bind(&UdpBinding::at(loopback())).await, bind(&UdpBinding::at(loopback())).await);
        send(&listener, nobody, b"anybody?").await.unwrap();
        send(&other, listener.local_addr().unwrap(), b"me").await.unwrap();
        assert_eq!(receive(&listener).await.unwrap().1, b"me");
    }
}
