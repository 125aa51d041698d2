//! `Channel`: one open, reliable, ordered, full-duplex byte stream.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use crate::buffer::{ReadBuffer, WriteBuffer};
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::setters::setters;

/// A boxed, sendable future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The half of a channel that delivers bytes.
///
/// Anything with [`AsyncRead`] is one already, by way of [`Channel::new`]; implement it only for a stream that can
/// hand over whole [`Bytes`](bytes::Bytes) without copying, or to wrap another half.
///
/// # Contract
///
/// 1. Bytes arrive in the order in which the peer wrote them, each exactly once.
/// 2. `Ready(Ok(0))` is the end of the stream, and stays so when polled again.
/// 3. After `Pending`, the waker of the last poll is woken when there is something to deliver.
/// 4. `Pending` has delivered nothing: a caller that stops polling loses no byte.
pub trait ChannelRead: Send + 'static {
    /// Appends what has arrived to `into`, by [`ReadBuffer::spare`] or [`ReadBuffer::push`], and says how many bytes.
    ///
    /// # Errors
    ///
    /// What the stream reports; the channel is over then.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>>;
}

/// The half of a channel that takes bytes.
///
/// Anything with [`AsyncWrite`] is one already, by way of [`Channel::new`].
///
/// # Contract
///
/// 1. `Ready(Ok(n))` has taken exactly the first `n` bytes of `from`, in order, and `n` is above 0 unless `from` was
///    empty.
/// 2. After `Pending`, nothing was taken, and the waker of the last poll is woken when there is room.
/// 3. A peer that does not read makes it `Pending` after a bounded number of bytes.
/// 4. It is polled by one task at a time, inside one runtime, but not always by the same task: a caller whose call is the only
///    one in flight polls it from its own task, with the waker of the link's task. It wakes the waker of the last poll, not the
///    task that polled.
/// 5. A poll never blocks its thread: the task that polls may be a caller's, with deadlines to keep.
pub trait ChannelWrite: Send + 'static {
    /// Takes bytes off the front of `from`, by its [`Buf`](bytes::Buf) or by [`WriteBuffer::take_segment`].
    ///
    /// # Errors
    ///
    /// What the stream reports; the channel is over then.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>>;

    /// Makes what was taken visible to the peer.
    ///
    /// # Errors
    ///
    /// What the stream reports; the channel is over then.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends writing in an orderly way: the peer reads what was written, then the end of the stream. Idempotent.
    ///
    /// # Errors
    ///
    /// What the stream reports; the channel is over then.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Resets the channel: what the peer has not read yet may be lost, and where the transport can say so the peer
    /// learns that this was no orderly end. The channel is to be dropped afterwards. By default it does nothing, and
    /// dropping is all there is.
    fn abort(&mut self) {}

    /// Pieces shorter than this are worth copying behind one another before they are written.
    ///
    /// Unit: bytes. Default: [`WriteBuffer::DEFAULT_FLATTEN_BELOW`].
    fn flatten_below(&self) -> usize {
        WriteBuffer::DEFAULT_FLATTEN_BELOW
    }
}

/// What is known about an open channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChannelFacts {
    /// The scheme of the transport that made it.
    pub scheme: String,
    /// This side's endpoint, where it has one.
    pub local: Option<Endpoint>,
    /// The other side's endpoint, where it has one.
    pub peer: Option<Endpoint>,
    /// The peer's process and user, where the transport vouches for them.
    pub credentials: Option<PeerCredentials>,
    /// The peer's certificate chain in DER, leaf first; empty where there is none.
    pub certificates: Vec<Vec<u8>>,
    /// What the channel is a part of, such as one QUIC connection: channels with the same group share its fate.
    pub group: Option<u64>,
    /// Whatever else the transport wants to tell, by name.
    pub more: BTreeMap<String, String>,
}

impl ChannelFacts {
    /// Facts of a channel of `scheme`, the rest unknown.
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        Self { scheme: scheme.to_owned(), ..Self::default() }
    }

    /// The same facts with both ends.
    #[must_use]
    pub fn between(mut self, local: Option<Endpoint>, peer: Option<Endpoint>) -> Self {
        (self.local, self.peer) = (local, peer);
        self
    }
}

/// The peer's process and user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// Process id, where it is known.
    pub pid: Option<i32>,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl PeerCredentials {
    /// Credentials of user `uid` in group `gid`.
    #[must_use]
    pub fn new(pid: Option<i32>, uid: u32, gid: u32) -> Self {
        Self { pid, uid, gid }
    }
}

/// One open, reliable, ordered, full-duplex byte stream: a read half, a write half, and facts about it.
///
/// Dropping it closes it.
#[non_exhaustive]
pub struct Channel {
    /// The half that delivers bytes.
    pub read: Box<dyn ChannelRead>,
    /// The half that takes bytes.
    pub write: Box<dyn ChannelWrite>,
    /// What is known about it.
    pub facts: ChannelFacts,
    /// Ready when its generator would rather give another one, such as a channel to the active endpoint while this one
    /// leads to a standby. A connection then asks for that one, and lets this one finish its calls. `None`: never.
    pub superseded: Option<BoxFuture<'static, ()>>,
    /// Called with how it ended, once, by the connection or server that used it. `None`: not reported.
    pub ended: Option<OnEnd>,
}

/// A callback for the end of a channel.
pub type OnEnd = Box<dyn FnOnce(&ChannelEnd) + Send>;

/// How a channel ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChannelEnd {
    /// Why.
    pub cause: LinkError,
    /// Whether the peer was sent anything on it. One that was asked nothing may be silent, where its protocol lets it.
    pub asked: bool,
    /// Whether the peer has sent anything on it. An open channel whose peer never did proves nothing.
    pub answered: bool,
    /// How long the peer asked not to be dialled for, where it did.
    pub stay_away: Option<Duration>,
}

impl Channel {
    /// A channel of two halves that already exist as plain tokio streams.
    pub fn new<R, W>(read: R, write: W, facts: ChannelFacts) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Self::from_halves(Plain(read), Plain(write), facts)
    }

    /// A channel of anything that is both [`AsyncRead`] and [`AsyncWrite`].
    pub fn from_io<T>(io: T, facts: ChannelFacts) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, write) = tokio::io::split(io);
        Self::new(read, write, facts)
    }

    /// A channel of two halves that speak for themselves.
    pub fn from_halves(read: impl ChannelRead, write: impl ChannelWrite, facts: ChannelFacts) -> Self {
        Self { read: Box::new(read), write: Box::new(write), facts, superseded: None, ended: None }
    }

    setters! {
        /// The same channel, to be given up for a fresh one when `better` is ready. Dropping the channel drops it.
        superseded_by(better: impl Future<Output = ()> + Send + 'static) => superseded = Some(Box::pin(better));

        /// The same channel, whose end is told to `ended`. A generator that chooses between peers learns by it how they do, and
        /// then heeds [`stay_away`](ChannelEnd::stay_away) itself: the connection asks it for another channel at once.
        on_end(ended: impl FnOnce(&ChannelEnd) + Send + 'static) => ended = Some(Box::new(ended));
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// A tokio stream as a half of a channel.
#[derive(Debug)]
pub struct Plain<T>(pub T);

impl<R: AsyncRead + Send + Unpin + 'static> ChannelRead for Plain<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        poll_read_buf(Pin::new(&mut self.0), cx, &mut into.spare())
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> ChannelWrite for Plain<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        poll_write_buf(Pin::new(&mut self.0), cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
