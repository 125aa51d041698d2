//! UDP sockets, of the system or injected, for transports that bring their own reliability.
//!
//! [`BindUdp`] makes the sockets and [`AsyncUdpSocket`] is one, so that a transport runs unchanged over the system's
//! ([`SystemUdp`]), over a simulated network, or through a relay of one's own. This module knows nothing of what the
//! datagrams say.

mod system;

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use listenrain::BoxFuture;

pub use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
pub use quinn::{AsyncUdpSocket, UdpPoller};

pub use self::system::SystemUdp;

/// Where UDP sockets come from.
///
/// # Contract
///
/// 1. The socket is bound to [`UdpBinding::local`], with a free port in place of port 0;
///    [`AsyncUdpSocket::local_addr`] tells which. An address that another socket holds is `AddrInUse`.
/// 2. Datagrams may be lost, doubled and reordered, never cut or changed. One [`Transmit`] may hold several of
///    `segment_size` bytes, if [`AsyncUdpSocket::max_transmit_segments`] says so; one [`RecvMeta`] may hold several of
///    `stride` bytes, if [`AsyncUdpSocket::max_receive_segments`] says so.
/// 3. With a [`UdpBinding::peer`] it talks to that peer alone, and where the system learns that there is no listener,
///    that there is no way to it, or that it may not be reached, `try_send` or `poll_recv` fails once with
///    `ConnectionRefused`, `HostUnreachable`, `NetworkUnreachable` or `PermissionDenied`. The socket is not over then.
///    Without a peer no such failure is reported, since it would be one peer's.
/// 4. Dropping the last handle of the socket frees its address.
pub trait BindUdp: Send + Sync + Debug + 'static {
    /// A socket as `ask` wants it.
    ///
    /// # Errors
    ///
    /// What the system says. Dropping the future leaves nothing bound.
    fn bind<'a>(&'a self, ask: &'a UdpBinding) -> BoxFuture<'a, io::Result<Arc<dyn AsyncUdpSocket>>>;
}

/// What kind of socket is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpBinding {
    /// The address to bind; port 0 asks for a free one.
    pub local: SocketAddr,
    /// The only peer, where there is only one.
    pub peer: Option<SocketAddr>,
    /// Size of the socket's send buffer. Unit: bytes. Default: `None`, the system's choice.
    pub send_buffer: Option<usize>,
    /// Size of the socket's receive buffer. Unit: bytes. Default: `None`, the system's choice.
    pub recv_buffer: Option<usize>,
}

impl UdpBinding {
    /// A socket at `local`, for any number of peers.
    #[must_use]
    pub fn at(local: SocketAddr) -> Self {
        Self { local, peer: None, send_buffer: None, recv_buffer: None }
    }

    /// A socket at any free address from which `peer` can be reached, for that peer alone.
    #[must_use]
    pub fn towards(peer: SocketAddr) -> Self {
        let any = if peer.is_ipv6() { SocketAddr::from(([0u16; 8], 0)) } else { ([0u8; 4], 0).into() };
        Self { peer: Some(peer), ..Self::at(any) }
    }

    /// The same with buffers of these sizes; the system rounds, and silently cuts at its own limit.
    #[must_use]
    pub fn buffers(mut self, send: Option<usize>, recv: Option<usize>) -> Self {
        (self.send_buffer, self.recv_buffer) = (send, recv);
        self
    }
}

/// The poller of a socket that always takes what is sent, for [`AsyncUdpSocket::create_io_poller`].
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Whether a socket tells such a failure once and outlives it, by the third point of [`BindUdp`]'s contract.
pub(crate) fn is_about_peer(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let told = [
        Kind::ConnectionRefused,
        Kind::HostUnreachable,
        Kind::NetworkUnreachable,
        Kind::NetworkDown,
        Kind::PermissionDenied,
    ];
    told.contains(&error.kind())
}
