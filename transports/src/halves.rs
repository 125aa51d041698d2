//! The two halves of a channel over a stream socket of the operating system.
//!
//! What must be said in the same words on every kind of socket: how its end is told, what an abort leaves behind, in
//! which order things are closed. What differs stands in [`StreamSocket`].

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::unconstrained;
use tokio_util::io::{poll_read_buf, poll_write_buf};

/// A connected socket of tokio's that splits into two halves.
pub(crate) trait StreamSocket: Sized + 'static {
    type Read: AsyncRead + AsRef<Self> + Send + Unpin + 'static;
    type Write: AsyncWrite + AsRef<Self> + Send + Unpin + 'static;

    fn into_halves(self) -> (Self::Read, Self::Write);

    /// Whether there may be something to read, as far as the runtime knows.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether there may be something to read, as far as the runtime knows, without a waker.
    fn is_readable(&self) -> bool;

    /// Asks the system whether there is something to read, and lets the runtime know: `WouldBlock` when there is not.
    fn peek(&self) -> io::Result<()>;

    /// Drops a write half without ending the stream by it; the socket closes with the read half.
    fn forget(half: Self::Write);

    /// Makes the close to come a reset, as far as the system can, and wakes the local reader by the end of reading.
    fn reset_on_close(&self);
}

pub(crate) fn split<S: StreamSocket>(socket: S) -> (ReadHalf<S>, WriteHalf<S>) {
    let (read, write) = socket.into_halves();
    let aborted = Arc::new(AtomicBool::new(false));
    let read = ReadHalf { half: read, has_heard: false, aborted: aborted.clone() };
    let write = WriteHalf { half: Some(write), ended: false, aborted };
    (read, write)
}

/// What `ready` says, at no cost to the task's budget: the read behind it is what pays.
pub(crate) fn poll_unpaid<T>(
    cx: &mut Context<'_>,
    ready: impl FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
) -> Poll<T> {
    pin!(unconstrained(poll_fn(ready))).poll(cx)
}

pub(crate) struct ReadHalf<S: StreamSocket> {
    half: S::Read,
    /// Whether there was ever anything to read.
    has_heard: bool,
    /// Shared by the two halves. It is dropped after `half`: while this is the only one, the other half is gone.
    aborted: Arc<AtomicBool>,
}

impl<S: StreamSocket> ReadHalf<S> {
    fn check(&self) -> io::Result<()> {
        if self.aborted.load(Ordering::Acquire) { Err(aborted()) } else { Ok(()) }
    }

    /// Ready when there is something to read. Room is made only then, so that a connection that never sends costs none.
    fn poll_something(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.half.as_ref();
        if self.has_heard {
            // The second one takes from the task's budget only where something has come since the first.
            return if socket.is_readable() { Poll::Ready(Ok(())) } else { socket.poll_read_ready(cx) };
        }
        loop {
            // A read that does not fill its room tells the runtime that there is no more, so this asks the system nothing.
            ready!(poll_unpaid(cx, |cx| socket.poll_read_ready(cx)))?;
            // The runtime takes every socket that it accepts for readable.
            match socket.peek() {
                Ok(()) => {
                    self.has_heard = true;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The system says it once.
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: StreamSocket> ChannelRead for ReadHalf<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        // What came before an abort stays unread: where nothing else can, closing the socket on it is the reset.
        self.check()?;
        ready!(self.poll_something(cx))?;
        let count = ready!(poll_read_buf(Pin::new(&mut self.half), cx, &mut into.spare()))?;
        if count == 0 {
            // An abort makes the socket report its end to this side too; it must not look like the peer's.
            self.check()?;
        }
        Poll::Ready(Ok(count))
    }
}

pub(crate) struct WriteHalf<S: StreamSocket> {
    /// Gone after an abort.
    half: Option<S::Write>,
    ended: bool,
    aborted: Arc<AtomicBool>,
}

impl<S: StreamSocket> WriteHalf<S> {
    fn half(&mut self) -> io::Result<Pin<&mut S::Write>> {
        self.half.as_mut().map(Pin::new).ok_or_else(aborted)
    }
}

impl<S: StreamSocket> ChannelWrite for WriteHalf<S> {
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

    /// Closing the socket resets it; what keeps it open is the read half, whose owner is woken by the end of reading.
    /// `forget` keeps the write half's drop from sending an orderly end first.
    fn abort(&mut self) {
        let Some(half) = self.half.take() else { return };
        self.aborted.store(true, Ordering::Release);
        half.as_ref().reset_on_close();
        S::forget(half);
    }
}

impl<S: StreamSocket> Drop for WriteHalf<S> {
    /// When the read half is gone already, the socket is closed as a whole: an end of its own would come before the
    /// reset that bytes left unread call for, and the peer would take it for an orderly one.
    fn drop(&mut self) {
        if Arc::strong_count(&self.aborted) == 1
            && let Some(half) = self.half.take()
        {
            S::forget(half);
        }
    }
}

/// Why nothing goes on after a local abort.
pub(crate) fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "this side aborted the channel")
}

/// What the two halves of one side of a channel know of each other.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    aborted: AtomicBool,
    left_unread: AtomicBool,
    reader: AtomicWaker,
}

/// How a half leaves its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    InOrder,
    /// Bytes were left unread, so the peer must not believe that they arrived.
    Unread,
    Aborted,
}

impl Shared {
    /// Why nothing goes on, once this side has aborted the channel.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.aborted.load(Ordering::Acquire) { Err(aborted()) } else { Ok(()) }
    }

    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// As [`check`](Self::check) for the reader, whose task an abort wakes.
    pub(crate) fn check_read(&self, cx: &Context<'_>) -> io::Result<()> {
        self.reader.register(cx.waker());
        self.check()
    }

    /// The reader is gone; says how.
    pub(crate) fn leave_reading(&self, is_unread: bool) -> Left {
        self.left_unread.store(is_unread, Ordering::Release);
        drop(self.reader.take());
        self.left()
    }

    /// How a half that goes now leaves the channel.
    pub(crate) fn left(&self) -> Left {
        match (self.check().is_err(), self.left_unread.load(Ordering::Acquire)) {
            (true, _) => Left::Aborted,
            (false, true) => Left::Unread,
            (false, false) => Left::InOrder,
        }
    }
}
