//! The read half of a channel under test, which checks the contract and every byte.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use listenrain::ChannelRead;
use listenrain::buffer::ReadBuffer;

use super::failure::{Check, Failure, ensure};
use super::ledger::{Busy, Doing, Entry};
use super::polls::{Wakes, once};
use crate::pattern::Pattern;

/// Reads its stream's pattern, and knows how much of it came.
pub(crate) struct CheckedReader {
    half: Box<dyn ChannelRead>,
    pattern: Pattern,
    got: u64,
    /// How much was waited for so far.
    due: u64,
    buffer: ReadBuffer,
    log: Arc<Entry>,
}

impl CheckedReader {
    pub(super) fn new(half: Box<dyn ChannelRead>, pattern: Pattern, log: Arc<Entry>) -> Self {
        Self { half, pattern, got: 0, due: 0, buffer: ReadBuffer::default(), log }
    }

    /// Bytes of the pattern that came.
    pub(crate) fn got(&self) -> u64 {
        self.got
    }

    /// The pattern of another stream from now on.
    pub(crate) fn follow(&mut self, pattern: Pattern) {
        (self.pattern, self.got, self.due) = (pattern, 0, 0);
    }

    /// Reads into a fresh buffer from now on; what the old one holds is lost.
    pub(crate) fn forget_buffer(&mut self) {
        self.read_into(ReadBuffer::default());
    }

    /// Reads into this buffer from now on; what the old one holds is lost.
    pub(crate) fn read_into(&mut self, buffer: ReadBuffer) {
        self.buffer = buffer;
    }

    /// What was read and belongs to no pattern.
    pub(crate) fn buffer(&mut self) -> &mut ReadBuffer {
        &mut self.buffer
    }

    /// One poll. The outer error is a broken contract or a wrong byte, the inner one is what the transport reports.
    pub(crate) fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<Check<io::Result<usize>>> {
        let polled = self.poll_unchecked(cx)?;
        if let Poll::Ready(Ok(_)) = &polled {
            self.verify()?;
        }
        polled.map(Ok)
    }

    /// Tells, until it is dropped, that a read is under way.
    pub(crate) fn waiting(&self) -> Busy {
        self.log.busy(Doing::Reading)
    }

    /// One read, as the transport reports it; 0 is the end.
    pub(crate) async fn try_some(&mut self) -> Check<io::Result<usize>> {
        let _busy = self.waiting();
        poll_fn(|cx| self.poll_some(cx)).await
    }

    /// One poll of a read, never refused by tokio's budget; `None` for pending.
    pub(crate) async fn some_now(&mut self) -> Check<Option<io::Result<usize>>> {
        once(|cx| self.poll_some(cx)).await.transpose()
    }

    /// A read that has to wait, since nothing was written yet: its waker.
    pub(crate) async fn waits(&mut self) -> Check<Arc<Wakes>> {
        let wakes = Wakes::new();
        let early = wakes.once(|cx| self.poll_some(cx)).await.transpose()?;
        ensure!(early.is_none(), "a read gave {early:?} before anything was written");
        Ok(wakes)
    }

    /// One read: how many bytes came; 0 is the end.
    pub(crate) async fn some(&mut self) -> Check<usize> {
        self.try_some().await?.map_err(|error| self.failed(&error))
    }

    /// Reads on until `count` more bytes have come.
    pub(crate) async fn through(&mut self, count: usize) -> Check {
        self.reach(self.due + count as u64).await
    }

    /// Reads on until `total` bytes have come in all.
    pub(crate) async fn reach(&mut self, total: u64) -> Check {
        self.due = total;
        while self.got < self.due {
            let (who, got, due) = (self.log.who().to_owned(), self.got, self.due);
            ensure!(self.some().await? > 0, "{who}: the end came after {got} of {due} bytes");
        }
        Ok(())
    }

    /// The end comes next.
    pub(crate) async fn end(&mut self) -> Check {
        let count = self.some().await?;
        ensure!(count == 0, "{}: {count} bytes came where the end was due", self.log.who());
        Ok(())
    }

    /// `count` more bytes, then the end.
    pub(crate) async fn through_end(&mut self, count: usize) -> Check {
        self.through(count).await?;
        self.end().await
    }

    /// Reads whatever comes until `event` has happened.
    pub(crate) async fn until<T>(&mut self, event: impl Future<Output = T>) -> Check<T> {
        let mut event = std::pin::pin!(event);
        loop {
            let count = tokio::select! {
                biased;
                happened = &mut event => return Ok(happened),
                count = self.some() => count?,
            };
            ensure!(count > 0, "{}: the end came after {} bytes", self.log.who(), self.got);
        }
    }

    /// Reads until that fails.
    ///
    /// # Errors
    ///
    /// When the end comes first: an error was due.
    pub(crate) async fn until_error(&mut self) -> Check<io::Error> {
        let over = self.until_over().await?;
        let (who, got) = (self.log.who(), self.got);
        over.ok_or_else(|| {
            Failure::new(format!("{who}: an orderly end came after {got} bytes where an error was due"))
        })
    }

    /// Reads until the end or an error, and says which: `None` is the end.
    pub(crate) async fn until_over(&mut self) -> Check<Option<io::Error>> {
        loop {
            match self.try_some().await? {
                Err(error) => return Ok(Some(error)),
                Ok(0) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    /// One read of bytes that belong to no pattern and stay in the buffer, as the transport reports it; 0 is the end.
    pub(crate) async fn more(&mut self) -> Check<io::Result<usize>> {
        let _busy = self.waiting();
        poll_fn(|cx| self.poll_unchecked(cx)?.map(Check::Ok)).await
    }

    /// The next `count` bytes, which belong to no pattern; `None` when the channel is over before they came.
    pub(crate) async fn hear(&mut self, count: usize) -> Check<Option<Bytes>> {
        while self.buffer.len() < count {
            match self.more().await? {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
        Ok(Some(self.buffer.take(count)))
    }

    /// What was read behind bytes that belong to no pattern is the pattern's.
    pub(crate) fn verify(&mut self) -> Check {
        let seen = self.buffer.take(self.buffer.len());
        let checked = self.pattern.check(self.got, &seen);
        checked.map_err(|mismatch| Failure::new(mismatch.to_string()).at(self.log.who()))?;
        self.got += seen.len() as u64;
        Ok(())
    }

    fn poll_unchecked(&mut self, cx: &mut Context<'_>) -> Check<Poll<io::Result<usize>>> {
        let before = self.buffer.len();
        let polled = self.half.poll_read(cx, &mut self.buffer);
        let came = self.buffer.len().checked_sub(before);
        let legal = match &polled {
            Poll::Pending => came == Some(0),
            Poll::Ready(Ok(count)) => came == Some(*count),
            Poll::Ready(Err(_)) => true,
        };
        let after = self.buffer.len();
        ensure!(
            legal,
            "{}: a read said {polled:?}, and the buffer went from {before} bytes to {after}",
            self.log.who()
        );
        if let Poll::Ready(Ok(count)) = &polled {
            self.log.moved(*count);
        }
        Ok(polled)
    }

    fn failed(&self, error: &io::Error) -> Failure {
        let (who, got) = (self.log.who(), self.got);
        Failure::new(format!("{who}: reading failed after {got} bytes: {:?}, {error}", error.kind()))
    }
}
