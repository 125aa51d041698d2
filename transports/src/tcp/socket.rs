//! Sockets with their options set, and channels over them.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};

use listenrain::{Channel, ChannelFacts};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::Interest;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};

use super::{SCHEME, TcpOptions, address};
use crate::halves::{StreamSocket, split};

/// A socket fit to reach or to bind `address`. Buffers are set before anything else, since the size of the window is
/// agreed on when a connection opens, and accepted sockets inherit a listener's.
pub(super) fn open(address: SocketAddr, options: &TcpOptions) -> io::Result<TcpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.recv_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    #[cfg(any(target_os = "freebsd", target_os = "linux"))]
    if let Some(name) = &options.congestion {
        set_congestion(&socket, name)?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

#[cfg(any(target_os = "freebsd", target_os = "linux"))]
fn set_congestion(socket: &Socket, name: &str) -> io::Result<()> {
    socket.set_tcp_congestion(name.as_bytes()).map_err(|error| {
        let why = format!("the system has no congestion control `{name}` for this user: {error}");
        io::Error::new(error.kind(), why)
    })
}

pub(super) fn listen(address: SocketAddr, options: &TcpOptions) -> io::Result<tokio::net::TcpListener> {
    let socket = open(address, options)?;
    socket.set_reuseaddr(options.reuse_address)?;
    #[cfg(unix)]
    socket.set_reuseport(options.reuse_port)?;
    socket.bind(address)?;
    // Within the bounds that `TcpOptions` checks.
    socket.listen(u32::try_from(options.backlog).unwrap_or(u32::MAX))
}

/// Sets what is set once a stream is connected.
pub(super) fn prepare(stream: &TcpStream, options: &TcpOptions) -> io::Result<()> {
    stream.set_nodelay(options.nodelay)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Some(bytes) = options.unsent {
        // Within the bounds that `TcpOptions` checks.
        SockRef::from(stream).set_tcp_notsent_lowat(u32::try_from(bytes).unwrap_or(u32::MAX))?;
    }
    if let Some(idle) = options.keepalive {
        SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    Ok(())
}

/// A connected stream as a channel.
pub(super) fn channel(stream: TcpStream) -> io::Result<Channel> {
    let local = address::endpoint(SCHEME, stream.local_addr()?);
    let peer = address::endpoint(SCHEME, stream.peer_addr()?);
    let facts = ChannelFacts::new(SCHEME).between(Some(local), Some(peer));
    let (read, write) = split(stream);
    Ok(Channel::from_halves(read, write, facts))
}

impl StreamSocket for TcpStream {
    type Read = OwnedReadHalf;
    type Write = OwnedWriteHalf;

    fn into_halves(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_read_ready(self, cx)
    }

    fn is_readable(&self) -> bool {
        self.try_io(Interest::READABLE, || Ok(())).is_ok()
    }

    fn peek(&self) -> io::Result<()> {
        self.try_io(Interest::READABLE, || SockRef::from(self).peek(&mut [MaybeUninit::uninit()]).map(drop))
    }

    fn forget(half: OwnedWriteHalf) {
        half.forget();
    }

    /// With no time to linger, closing sends a RST.
    fn reset_on_close(&self) {
        // Either fails only on a connection that is gone already.
        let _ = self.set_zero_linger();
        let _ = SockRef::from(self).shutdown(Shutdown::Read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn every_option_reaches_the_socket() {
        let options = TcpOptions::default()
            .nodelay(false)
            .send_buffer(Some(32 << 10))
            .recv_buffer(Some(48 << 10))
            .unsent(cfg!(target_os = "linux").then_some(24 << 10))
            .congestion(cfg!(target_os = "linux").then_some("reno"))
            .keepalive(Some(Duration::from_secs(77)));
        let listener = listen(([127, 0, 0, 1], 0).into(), &options).unwrap();
        let at = listener.local_addr().unwrap();
        for nodelay in [false, true] {
            let options = options.clone().nodelay(nodelay);
            let stream = open(at, &options).unwrap().connect(at).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            let socket = SockRef::from(&stream).try_clone().unwrap();
            prepare(&stream, &options).unwrap();
            let _channel = channel(stream).unwrap();
            assert_eq!(socket.tcp_nodelay().unwrap(), nodelay);
            assert!(socket.keepalive().unwrap());
            #[cfg(target_os = "linux")]
            {
                assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
                assert_eq!(socket.tcp_notsent_lowat().unwrap(), 24 << 10);
            }
            for socket in [SockRef::from(&socket), SockRef::from(&accepted)] {
                #[cfg(target_os = "linux")]
                assert_eq!(
                    socket.tcp_congestion().unwrap().split(|byte| *byte == 0).next(),
                    Some(&b"reno"[..])
                );
                // Linux reports twice what was asked for, since it counts its own bookkeeping in.
                assert!((32 << 10..=64 << 10).contains(&socket.send_buffer_size().unwrap()));
                assert!((48 << 10..=96 << 10).contains(&socket.recv_buffer_size().unwrap()));
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_congestion_control_that_the_system_has_not_is_named() {
        let options = TcpOptions::default().congestion(Some("no_such_control"));
        let error = listen(([127, 0, 0, 1], 0).into(), &options).unwrap_err();
        assert!(error.to_string().contains("`no_such_control`"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn several_listeners_share_a_port_only_when_told_to() {
        let options = TcpOptions::default().reuse_port(true);
        let first = listen(([127, 0, 0, 1], 0).into(), &options).unwrap();
        let at = first.local_addr().unwrap();
        assert!(SockRef::from(&first).reuse_address().unwrap());
        listen(at, &options).unwrap();
        let error = listen(at, &TcpOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
