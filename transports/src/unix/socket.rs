//! Sockets with their options set, and channels over them.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::task::{Context, Poll};

use listenrain::channel::PeerCredentials;
use listenrain::{Channel, ChannelFacts, Endpoint};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{SCHEME, UnixOptions};
use crate::halves::{StreamSocket, split};

/// A socket that can dial or listen.
pub(super) fn open(options: &UnixOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    size_buffers(&socket, options)?;
    Ok(socket)
}

/// An accepted socket inherits nothing from its listener.
pub(super) fn size_buffers(socket: &Socket, options: &UnixOptions) -> io::Result<()> {
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.recv_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(())
}

/// Who the peer is, as the system knows it.
pub(super) fn credentials(stream: &UnixStream) -> io::Result<PeerCredentials> {
    let peer = stream.peer_cred()?;
    Ok(PeerCredentials::new(peer.pid(), peer.uid(), peer.gid()))
}

/// A connected stream as a channel.
pub(super) fn channel(
    stream: UnixStream,
    local: Option<Endpoint>,
    peer: Option<Endpoint>,
    credentials: PeerCredentials,
) -> Channel {
    let mut facts = ChannelFacts::new(SCHEME).between(local, peer);
    facts.credentials = Some(credentials);
    let (read, write) = split(stream);
    Channel::from_halves(read, write, facts)
}

impl StreamSocket for UnixStream {
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

    /// The peer's writing fails from now on. Its reading fails only if something is left unread here when it closes: the
    /// system knows no other reset of such a socket (tried: no time to linger, out-of-band data).
    fn reset_on_close(&self) {
        // Fails only on a connection that is gone already.
        let _ = SockRef::from(self).shutdown(Shutdown::Read);
    }
}
