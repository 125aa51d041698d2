//! A channel over a pair of pipes.
//!
//! It knows nothing of where the pipes lead.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::channel::Plain;
use listenrain::{Channel, ChannelFacts, ChannelRead, ChannelWrite};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The channel, and what is cancelled when both of its halves are dropped and their pipes closed.
pub(crate) fn channel<R, W>(read: R, write: W, facts: ChannelFacts) -> (Channel, CancellationToken)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let over = CancellationToken::new();
    let open = Arc::new(over.clone().drop_guard());
    let read = ReadHalf { pipe: Plain(read), _open: open.clone() };
    let write = WriteHalf { pipe: Some(Plain(write)), _open: open };
    (Channel::from_halves(read, write, facts), over)
}

struct ReadHalf<R> {
    pipe: Plain<R>,
    /// After the pipe, so that it is closed before its end is reported.
    _open: Arc<DropGuard>,
}

impl<R: AsyncRead + Send + Unpin + 'static> ChannelRead for ReadHalf<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.pipe.poll_read(cx, into)
    }
}

struct WriteHalf<W> {
    /// Gone after a shutdown.
    pipe: Option<Plain<W>>,
    _open: Arc<DropGuard>,
}

impl<W: AsyncWrite + Send + Unpin + 'static> ChannelWrite for WriteHalf<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        match &mut self.pipe {
            Some(pipe) => pipe.poll_write(cx, from),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// A pipe keeps nothing back.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe = None;
        Poll::Ready(Ok(()))
    }
}
