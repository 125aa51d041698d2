//! The write half of a channel under test, which checks the contract at every poll.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use listenrain::ChannelWrite;
use listenrain::buffer::WriteBuffer;
use tokio::time::timeout;

use super::failure::{Check, Failure, ensure};
use super::ledger::{Doing, Entry};
use super::polls::{Wakes, once};
use crate::pattern::Pattern;

/// How long a write that waits must not be woken for the transport to count as full.
const FULL: Duration = Duration::from_millis(5);
/// How often it may be woken before that; only a transport that is broken wakes as often for nothing.
const MOST_ROUNDS: usize = 10_000;

/// Writes its stream's pattern, and knows how much of it was taken.
pub(crate) struct CheckedWriter {
    half: Box<dyn ChannelWrite>,
    pattern: Pattern,
    sent: u64,
    log: Arc<Entry>,
}

impl CheckedWriter {
    pub(super) fn new(half: Box<dyn ChannelWrite>, pattern: Pattern, log: Arc<Entry>) -> Self {
        Self { half, pattern, sent: 0, log }
    }

    /// Bytes of the pattern that the transport took.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// The pattern of another stream from now on.
    pub(crate) fn follow(&mut self, pattern: Pattern) {
        (self.pattern, self.sent) = (pattern, 0);
    }

    /// The next `count` bytes of the pattern, as one piece.
    pub(crate) fn piece(&self, count: usize) -> WriteBuffer {
        let mut buffer = WriteBuffer::new(0);
        buffer.put(self.pattern.bytes(self.sent, count));
        buffer
    }

    /// The next bytes of the pattern, cut into pieces of these sizes.
    pub(crate) fn pieces(&self, sizes: &[usize]) -> WriteBuffer {
        let mut buffer = WriteBuffer::new(0);
        let mut at = self.sent;
        for size in sizes {
            buffer.put(self.pattern.bytes(at, *size));
            at += *size as u64;
        }
        buffer
    }

    /// One poll. The outer error is a broken contract, the inner one is what the transport reports.
    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<Check<io::Result<usize>>> {
        let before = from.len();
        let polled = self.half.poll_write(cx, from);
        let gone = before.checked_sub(from.len());
        let legal = match &polled {
            Poll::Pending => gone == Some(0),
            Poll::Ready(Ok(count)) => gone == Some(*count) && (*count > 0 || before == 0),
            Poll::Ready(Err(_)) => true,
        };
        if !legal {
            let (who, after) = (self.log.who(), from.len());
            return Poll::Ready(Err(Failure::new(format!(
                "{who}: a write said {polled:?}, and the buffer went from {before} bytes to {after}"
            ))));
        }
        if let Poll::Ready(Ok(count)) = &polled {
            self.sent += *count as u64;
            self.log.moved(*count);
        }
        polled.map(Ok)
    }

    /// One write, as the transport reports it.
    pub(crate) async fn take(&mut self, from: &mut WriteBuffer) -> Check<io::Result<usize>> {
        let _busy = self.log.busy(Doing::Writing);
        poll_fn(|cx| self.poll_take(cx, from)).await
    }

    /// One poll of a write, never refused by tokio's budget; `None` for pending.
    pub(crate) async fn take_now(&mut self, from: &mut WriteBuffer) -> Check<Option<io::Result<usize>>> {
        once(|cx| self.poll_take(cx, from)).await.transpose()
    }

    /// Writes all of `from`.
    pub(crate) async fn take_all(&mut self, from: &mut WriteBuffer) -> Check {
        while !from.is_empty() {
            let taken = self.take(from).await?;
            taken.map_err(|error| self.failed("writing", &error))?;
        }
        Ok(())
    }

    /// Writes `count` bytes in pieces of at most `piece`, without a flush.
    pub(crate) async fn write_in(&mut self, count: usize, piece: usize) -> Check {
        let mut left = count;
        while left > 0 {
            let mut from = self.piece(left.min(piece));
            left -= from.len();
            self.take_all(&mut from).await?;
        }
        Ok(())
    }

    /// Writes and flushes `count` bytes.
    pub(crate) async fn send(&mut self, count: usize) -> Check {
        self.send_in(count, 64 << 10).await
    }

    /// Writes and flushes `count` bytes in pieces of at most `piece`.
    pub(crate) async fn send_in(&mut self, count: usize, piece: usize) -> Check {
        self.write_in(count, piece).await?;
        self.flush().await
    }

    /// Writes and flushes all of `from`.
    pub(crate) async fn send_all(&mut self, from: &mut WriteBuffer) -> Check {
        self.take_all(from).await?;
        self.flush().await
    }

    /// Writes and flushes bytes that belong to no pattern.
    pub(crate) async fn say(&mut self, bytes: impl Into<Bytes>) -> Check {
        let (mut from, sent) = (WriteBuffer::new(0), self.sent);
        from.put(bytes.into());
        self.take_all(&mut from).await?;
        self.sent = sent;
        self.flush().await
    }

    pub(crate) async fn flush(&mut self) -> Check {
        let _busy = self.log.busy(Doing::Flushing);
        let flushed = poll_fn(|cx| self.half.poll_flush(cx)).await;
        flushed.map_err(|error| self.failed("flushing", &error))
    }

    /// The end of writing, as the transport reports it.
    pub(crate) async fn try_shutdown(&mut self) -> io::Result<()> {
        let _busy = self.log.busy(Doing::ShuttingDown);
        poll_fn(|cx| self.half.poll_shutdown(cx)).await
    }

    pub(crate) async fn shutdown(&mut self) -> Check {
        self.try_shutdown().await.map_err(|error| self.failed("shutting down", &error))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.poll_flush(cx)
    }

    pub(crate) fn abort(&mut self) {
        self.half.abort();
    }

    /// Writes `most` bytes, or as many as can be had without waiting.
    pub(crate) async fn offer(&mut self, most: usize) -> Check {
        let mut from = self.piece(most);
        while !from.is_empty()
            && let Some(taken) = self.take_now(&mut from).await?
        {
            taken.map_err(|error| self.failed("writing", &error))?;
        }
        Ok(())
    }

    /// Writes pieces of `piece` bytes until one has to wait for good; says how many bytes were taken.
    ///
    /// # Errors
    ///
    /// When more than `most` bytes are taken.
    pub(crate) async fn fill(&mut self, piece: usize, most: u64) -> Check<u64> {
        let start = self.sent;
        let mut from = self.piece(piece);
        for _ in 0..MOST_ROUNDS {
            while let Some(taken) = self.take_now(&mut from).await? {
                taken.map_err(|error| self.failed("writing", &error))?;
                self.within(start, most)?;
                if from.is_empty() {
                    from = self.piece(piece);
                }
            }
            // What is on its way to the other end may make room here yet, or a buffer grow.
            let wakes = Wakes::new();
            let polled = wakes.once(|cx| self.poll_take(cx, &mut from)).await.transpose()?;
            if polled.is_none() && timeout(FULL, wakes.woken()).await.is_err() {
                break;
            }
        }
        Ok(self.sent - start)
    }

    /// Writes until a poll has to wait; that poll's waker, and what it was offered.
    ///
    /// A transport that was full a moment ago may have room again: bytes were on their way, a buffer has grown.
    ///
    /// # Errors
    ///
    /// When more than `most` bytes are taken.
    pub(crate) async fn until_waits(&mut self, most: u64) -> Check<(Arc<Wakes>, WriteBuffer)> {
        let start = self.sent;
        loop {
            let mut from = self.piece(64 << 10);
            while !from.is_empty() {
                let wakes = Wakes::new();
                match wakes.once(|cx| self.poll_take(cx, &mut from)).await.transpose()? {
                    None => return Ok((wakes, from)),
                    Some(taken) => drop(taken.map_err(|error| self.failed("writing", &error))?),
                }
            }
            self.within(start, most)?;
        }
    }

    /// Writes until that fails.
    ///
    /// # Errors
    ///
    /// When `most` bytes are taken without an error.
    pub(crate) async fn until_error(&mut self, most: u64) -> Check<io::Error> {
        let start = self.sent;
        loop {
            let mut from = self.piece(16 << 10);
            if let Err(error) = self.take(&mut from).await? {
                return Ok(error);
            }
            let bytes = self.sent - start;
            ensure!(bytes < most, "{}: {bytes} bytes were taken where an error was due", self.log.who());
        }
    }

    /// No more than `most` bytes were taken since `start`.
    fn within(&self, start: u64, most: u64) -> Check {
        let (who, bytes) = (self.log.who(), self.sent - start);
        ensure!(
            bytes <= most,
            "{who}: {bytes} bytes were taken although the peer does not read, allowed are {most}"
        );
        Ok(())
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Failure {
        let (who, bytes) = (self.log.who(), self.log.bytes());
        Failure::new(format!(
            "{who}: {doing} failed after {bytes} bytes were taken: {:?}, {error}",
            error.kind()
        ))
    }
}
