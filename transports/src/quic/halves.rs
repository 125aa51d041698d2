//! The two halves of a channel on one stream.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use quinn::{ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError, Written};
use tokio::runtime::Handle;
use tokio::task::coop::poll_proceed;
use tokio::time::{sleep, timeout};

use super::carrier::{Hold, a_while};
use super::error::{code, of_read, of_write};
use super::room::Place;
use crate::halves::{Left, Shared};

/// Below this a copy costs less than a piece of its own does, which is kept until it is acknowledged.
const FLATTEN_BELOW: usize = 1024;
/// Pieces given to the connection at once.
const PIECES: usize = 16;
/// How long what was written may take to be acknowledged once its channel has no holder any more. Then the connection may be
/// closed, and the peer sees a reset.
const PARTING: Duration = Duration::from_secs(10);

/// `place` is free again when both are gone.
pub(super) fn split(
    carrier: Hold,
    (send, recv): (SendStream, RecvStream),
    place: Option<Place>,
) -> (ReadHalf, WriteHalf) {
    let link = Arc::new(Link { shared: Shared::default(), written: AtomicU64::new(0), _place: place });
    let stopped = Box::pin(send.stopped());
    let read =
        ReadHalf { recv, over: None, count: 0, stopped, link: link.clone(), _carrier: carrier.clone() };
    (read, WriteHalf { send: Some(send), link, carrier })
}

/// State shared by the two halves of a channel.
struct Link {
    shared: Shared,
    /// Bytes that the connection took.
    written: AtomicU64,
    /// What the channel takes up of its dialer's limit.
    _place: Option<Place>,
}

pub(super) struct ReadHalf {
    recv: RecvStream,
    /// How reading ended: a stream says so once.
    over: Option<Result<(), (io::ErrorKind, String)>>,
    /// Bytes delivered.
    count: u64,
    /// Whether and how the peer stopped what this side writes.
    stopped: Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>,
    link: Arc<Link>,
    _carrier: Hold,
}

impl ReadHalf {
    fn poll_chunk(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<Option<Bytes>, ReadError>> {
        let chunk = ready!(pin!(self.recv.read_chunk(most, true)).poll(cx))?;
        Poll::Ready(Ok(chunk.map(|chunk| chunk.bytes)))
    }

    /// As many chunks as are there, within what one read may deliver. How it ended, if it did, is told by the next read.
    fn poll_chunks(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<usize> {
        let mut count = 0;
        while count < ReadBuffer::MAX_READ {
            match self.poll_chunk(cx, ReadBuffer::MAX_READ - count) {
                Poll::Ready(Ok(Some(bytes))) => {
                    count += bytes.len();
                    into.push(bytes);
                }
                Poll::Ready(Ok(None)) => self.over = Some(self.ended()),
                Poll::Ready(Err(error)) => {
                    let error = of_read(error);
                    self.over = Some(Err((error.kind(), error.to_string())));
                }
                Poll::Pending if count == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
            if self.over.is_some() {
                break;
            }
        }
        self.count += count as u64;
        Poll::Ready(count)
    }

    /// The peer's end is an orderly one unless it has left before it had read all that this side wrote: with a socket of the
    /// system that would be a reset, too.
    fn ended(&mut self) -> Result<(), (io::ErrorKind, String)> {
        let Some(Ok(Some(code))) = once(self.stopped.as_mut()) else { return Ok(()) };
        let written = self.link.written.load(Ordering::Relaxed);
        match code::count_read(code) {
            Some(read) if read < written => {
                let text = format!("the peer left after {read} of {written} bytes");
                Err((io::ErrorKind::ConnectionReset, text))
            }
            _ => Ok(()),
        }
    }

    fn end(&self) -> io::Result<usize> {
        match &self.over {
            Some(Err((kind, text))) => Err(io::Error::new(*kind, text.clone())),
            Some(Ok(())) | None => Ok(0),
        }
    }
}

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        if let Err(aborted) = self.link.shared.check_read(cx) {
            let _ = self.recv.stop(code::ABORTED);
            return Poll::Ready(Err(aborted));
        }
        if self.over.is_some() {
            return Poll::Ready(self.end());
        }
        // On several threads a peer that writes all the time would keep it ready all the time.
        let budget = ready!(poll_proceed(cx));
        let count = ready!(self.poll_chunks(cx, into));
        budget.made_progress();
        Poll::Ready(if count == 0 { self.end() } else { Ok(count) })
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let is_unread =
            self.over.is_none() && matches!(self.poll_chunk(&mut cx, usize::MAX), Poll::Ready(Ok(Some(_))));
        let code = match self.link.shared.leave_reading(is_unread) {
            Left::InOrder => code::read(self.count),
            Left::Unread => code::UNREAD,
            Left::Aborted => code::ABORTED,
        };
        // It fails where all has been read, and then there is nothing to stop.
        let _ = self.recv.stop(code);
    }
}

pub(super) struct WriteHalf {
    /// There until it is dropped.
    send: Option<SendStream>,
    link: Arc<Link>,
    carrier: Hold,
}

impl WriteHalf {
    fn send(&mut self) -> io::Result<&mut SendStream> {
        self.link.shared.check()?;
        self.send.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

fn poll_chunks(
    send: &mut SendStream,
    cx: &mut Context<'_>,
    pieces: &mut [Bytes],
) -> Poll<Result<Written, WriteError>> {
    pin!(send.write_chunks(pieces)).poll(cx)
}

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let send = self.send()?;
        if from.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let budget = ready!(poll_proceed(cx));
        let mut pieces = [const { Bytes::new() }; PIECES];
        let (mut used, mut room) = (0, WriteBuffer::MAX_WRITE);
        while used < PIECES && room > 0 {
            let Some(piece) = from.take_segment() else { break };
            room = room.saturating_sub(piece.len());
            pieces[used] = piece;
            used += 1;
        }
        let written = poll_chunks(send, cx, &mut pieces[..used]);
        // What was taken is empty now, or shorter by what was taken of it.
        pieces.into_iter().take(used).rev().for_each(|rest| from.untake(rest));
        let written = ready!(written).map_err(of_write)?;
        self.link.written.fetch_add(written.bytes as u64, Ordering::Relaxed);
        budget.made_progress();
        Poll::Ready(Ok(written.bytes))
    }

    /// Nothing is held back: the connection sends as soon as it may.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send()?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let send = self.send()?;
        // It fails where it was called before.
        let _ = send.finish();
        Poll::Ready(Ok(()))
    }

    fn abort(&mut self) {
        if let Some(send) = &mut self.send {
            // It fails where the peer has everything already; stopping what it writes is what it will see then.
            let _ = send.reset(code::ABORTED);
        }
        self.link.shared.abort();
    }

    fn flatten_below(&self) -> usize {
        FLATTEN_BELOW
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        let Some(mut send) = self.send.take() else { return };
        // Each fails only where the stream is over already.
        let left = self.link.shared.left();
        let _ = match left {
            Left::InOrder => send.finish(),
            Left::Unread => send.reset(code::UNREAD),
            Left::Aborted => Ok(()),
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(part(self.carrier.clone(), send, left));
        }
    }
}

/// Keeps the connection until the peer has acknowledged the end of what was written, or its reset: closing a connection
/// discards what has not arrived yet.
async fn part(carrier: Hold, send: SendStream, left: Left) {
    let acknowledged = async {
        if left == Left::InOrder {
            let _ = send.stopped().await;
            return;
        }
        // Nobody is woken for the acknowledgement of a reset, so it is asked for now and then.
        while once(send.stopped()).is_none() {
            sleep(a_while(&carrier.connection)).await;
        }
    };
    let _ = timeout(PARTING, acknowledged).await;
    drop((send, carrier));
}

fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
