//! Incoming datagrams of a socket, several at a time.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::udp::{AsyncUdpSocket, RecvMeta};

/// Largest that the system hands over at once: one datagram, or several of the same size.
const SPACE: usize = 64 << 10;
/// So many are asked for in one call.
const BATCH: usize = 4;

/// One datagram.
#[derive(Debug)]
pub(in super::super) struct Datagram {
    pub(in super::super) from: SocketAddr,
    /// The address that it was sent to, where the system tells.
    pub(in super::super) to: Option<IpAddr>,
    /// In memory of its own, since what is not in turn stays for a while.
    pub(in super::super) bytes: Bytes,
}

pub(in super::super) struct Inbox {
    space: Vec<u8>,
    meta: [RecvMeta; BATCH],
}

impl Inbox {
    pub(in super::super) fn new() -> Self {
        Self { space: vec![0; BATCH * SPACE], meta: [RecvMeta::default(); BATCH] }
    }

    /// Appends what has come.
    pub(in super::super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        socket: &dyn AsyncUdpSocket,
        into: &mut Vec<Datagram>,
    ) -> Poll<io::Result<()>> {
        let mut spaces = self.space.chunks_mut(SPACE).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| spaces.next().expect("there is as much space as there are slices"));
        let count = ready!(socket.poll_recv(cx, &mut slices, &mut self.meta))?;
        for (meta, space) in self.meta.iter().zip(self.space.chunks(SPACE)).take(count) {
            let bytes = &space[..meta.len.min(SPACE)];
            into.extend(bytes.chunks(meta.stride.max(1)).map(|bytes| Datagram {
                from: meta.addr,
                to: meta.dst_ip,
                bytes: Bytes::copy_from_slice(bytes),
            }));
        }
        Poll::Ready(Ok(()))
    }
}
