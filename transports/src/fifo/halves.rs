//! The two halves of a FIFO channel.
//!
//! An orderly end is told by a mark in the mode of the pipe's file, which lives as long as one of the two sides has it
//! open, whether or not it has a name; the module's documentation says why. What ends without the mark was reset.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, ChannelFacts, ChannelRead, ChannelWrite};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd;
use tokio::io::AsyncWrite;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio_util::io::poll_read_buf;

use super::pair::Ends;
use crate::halves::{Left, Shared, poll_unpaid};

/// The mode of a pipe whose writer has ended in an orderly way.
const ENDED: Mode = Mode::S_IRUSR;

pub(super) fn channel(ends: Ends, facts: ChannelFacts) -> Channel {
    let shared = Arc::new(Shared::default());
    let read = ReadHalf { pipe: ends.read, at_end: false, shared: shared.clone() };
    let write = WriteHalf { pipe: Some(ends.write), shared };
    Channel::from_halves(read, write, facts)
}

struct ReadHalf {
    pipe: Receiver,
    at_end: bool,
    shared: Arc<Shared>,
}

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.shared.check()?;
        // Room is made only for what there is.
        let readable = poll_unpaid(cx, |cx| self.pipe.poll_read_ready(cx));
        let read = match readable {
            Poll::Ready(Ok(())) => poll_read_buf(Pin::new(&mut self.pipe), cx, &mut into.spare()),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        match read {
            Poll::Ready(Ok(0)) => {
                self.at_end = true;
                Poll::Ready(self.end())
            }
            Poll::Pending => match self.shared.check_read(cx) {
                Ok(()) => Poll::Pending,
                Err(aborted) => Poll::Ready(Err(aborted)),
            },
            ready => ready,
        }
    }
}

impl ReadHalf {
    fn end(&self) -> io::Result<usize> {
        let mode = Mode::from_bits_truncate(fstat(&self.pipe)?.st_mode);
        if mode == ENDED {
            return Ok(0);
        }
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "the peer closed its pipe without an orderly end"))
    }
}

impl Drop for ReadHalf {
    /// Asks the system rather than the runtime, which may not have heard yet of what has just arrived.
    fn drop(&mut self) {
        let is_unread = !self.at_end && unistd::read(&self.pipe, &mut [0]).is_ok_and(|count| count > 0);
        self.shared.leave_reading(is_unread);
    }
}

struct WriteHalf {
    /// Gone after a shutdown or an abort.
    pipe: Option<Sender>,
    shared: Arc<Shared>,
}

impl WriteHalf {
    fn pipe(&mut self) -> io::Result<Pin<&mut Sender>> {
        self.shared.check()?;
        self.pipe.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let pipe = self.pipe()?;
        if from.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut slices = [IoSlice::new(&[]); MOST_SLICES];
        let count = from.chunks_vectored(&mut slices);
        let taken = ready!(pipe.poll_write_vectored(cx, together(&slices[..count])))?;
        from.advance(taken);
        Poll::Ready(Ok(taken))
    }

    /// What was taken is in the pipe already.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shared.check())
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.check()?;
        if let Some(pipe) = self.pipe.take() {
            fchmod(&pipe, ENDED)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Closes the pipe without a mark. The other pipe is closed by the owner of the read half, who is woken for it.
    fn abort(&mut self) {
        drop(self.pipe.take());
        self.shared.abort();
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        if self.shared.left() == Left::Unread {
            return;
        }
        if let Err(error) = fchmod(pipe, ENDED) {
            tracing::debug!(%error, "the peer will take this end for a reset");
        }
    }
}

/// A piece at least this long begins a write of its own.
///
/// A pipe is a list of pages, and each write begins a new one. Behind a packet's short header in the same write, the
/// pages are filled from where the piece was read a few bytes before, modulo the size of a page, which makes the
/// processor take each store for one of the next loads (4 KiB aliasing). Found by measuring calls of 4 KiB to 1 MiB: one
/// caller makes 1.6 times as many of 128 KiB and more as with one write for all, sixteen callers about as many; from
/// 64 KiB downwards the write more costs what it saves.
const ALONE_FROM: usize = 128 * 1024;

/// As many as tokio's own sockets write at once.
const MOST_SLICES: usize = 64;

/// Those at the front that one write takes.
fn together<'a, 'b>(slices: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    match slices.iter().position(|slice| slice.len() >= ALONE_FROM) {
        Some(0) => &slices[..1],
        Some(long) => &slices[..long],
        None => slices,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_piece_is_written_alone_and_short_ones_together() {
        let (short, long) = (vec![1; ALONE_FROM - 1], vec![2; ALONE_FROM]);
        let lengths = |pieces: &[&[u8]]| {
            let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            together(&slices).iter().map(|slice| slice.len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&[&short, &short]), [short.len(); 2]);
        assert_eq!(lengths(&[&short, &short, &long, &short]), [short.len(); 2]);
        assert_eq!(lengths(&[&long, &short]), [long.len()]);
    }
}
