//! The two halves of a TCP channel.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::io::{poll_read_buf, poll_write_buf};

pub(super) fn split(stream: TcpStream) -> (ReadHalf, WriteHalf) {
    let (read, write) = stream.into_split();
    let aborted = Arc::new(AtomicBool::new(false));
    let read = ReadHalf { half: read, aborted: aborted.clone() };
    let write = WriteHalf { half: Some(write), ended: false, aborted };
    (read, write)
}

pub(super) struct ReadHalf {
    half: OwnedReadHalf,
    /// Shared by the two halves. It is dropped after `half`: while this is the only one, the other half is gone.
    aborted: Arc<AtomicBool>,
}

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let count = ready!(poll_read_buf(Pin::new(&mut self.half), cx, &mut into.spare()))?;
        // An abort makes the socket report its end to this side too; it must not look like the peer's.
        if count == 0 && self.aborted.load(Ordering::Acquire) {
            return Poll::Ready(Err(aborted()));
        }
        Poll::Ready(Ok(count))
    }
}

pub(super) struct WriteHalf {
    /// Gone after an abort.
    half: Option<OwnedWriteHalf>,
    ended: bool,
    aborted: Arc<AtomicBool>,
}

impl WriteHalf {
    fn half(&mut self) -> io::Result<Pin<&mut OwnedWriteHalf>> {
        self.half.as_mut().map(Pin::new).ok_or_else(aborted)
    }
}

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        poll_write_buf(self.half()?, cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half()?.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Once both ends have shut down the system would call a second time an error.
        if !self.ended {
            ready!(self.half()?.poll_shutdown(cx))?;
            self.ended = true;
        }
        Poll::Ready(Ok(()))
    }

    /// With no time to linger, closing the socket resets it; what keeps it open is the read half, whose owner is woken
    /// by the end of reading. `forget` keeps the write half's drop from sending a FIN first.
    fn abort(&mut self) {
        let Some(half) = self.half.take() else { return };
        let stream: &TcpStream = half.as_ref();
        self.aborted.store(true, Ordering::Release);
        // Either fails only on a connection that is gone already.
        let _ = stream.set_zero_linger();
        let _ = SockRef::from(stream).shutdown(Shutdown::Read);
        half.forget();
    }
}

impl Drop for WriteHalf {
    /// When the read half is gone already, the socket is closed as a whole: a FIN of its own would come before the
    /// reset that bytes left unread call for, and the peer would take it for an orderly end.
    fn drop(&mut self) {
        if Arc::strong_count(&self.aborted) == 1
            && let Some(half) = self.half.take()
        {
            half.forget();
        }
    }
}

fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "this side aborted the channel")
}
