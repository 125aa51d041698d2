//! The client's side: one task that keeps its window outstanding.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::listenrain::Channel;
use ::listenrain::buffer::{ReadBuffer, WriteBuffer};
use tokio::time::Instant;

use super::sink::Sink;
use super::source::Source;
use crate::meter::{Meter, Phase};

/// One channel's closed loop.
#[derive(Debug)]
pub(super) struct Client {
    channel: Channel,
    source: Source,
    sink: Sink,
    meter: Arc<Meter>,
    incoming: ReadBuffer,
    outgoing: WriteBuffer,
    payload: usize,
    outstanding: u64,
    /// Bytes that may be offered still: each byte that comes back allows one more, wherever in a request it stands.
    allowed: usize,
    sent: u64,
    received: u64,
    /// Whether the request that was begun last is the last of all.
    is_over: bool,
    /// When the requests that are outstanding began, the oldest first, those of the same moment together.
    began: VecDeque<(Instant, u64)>,
    /// Whether something was written that may not have been flushed.
    is_unflushed: bool,
}

/// Bytes moved by one look at both halves.
#[derive(Debug, Clone, Copy)]
struct Moved {
    written: usize,
    read: usize,
}

impl Client {
    pub(super) fn new(
        channel: Channel,
        payload: usize,
        outstanding: u64,
        first: u64,
        meter: Arc<Meter>,
    ) -> Self {
        let window = payload * outstanding as usize;
        Self {
            channel,
            source: Source::new(payload, first, window),
            sink: Sink::new(payload, first),
            meter,
            incoming: super::roomy(),
            // Pieces are batches already: none is worth copying.
            outgoing: WriteBuffer::new(0),
            payload,
            outstanding,
            allowed: window,
            sent: 0,
            received: 0,
            is_over: false,
            began: VecDeque::new(),
            is_unflushed: false,
        }
    }

    /// Runs until the meter's phase is over and every reply has come, or the channel fails.
    pub(super) async fn run(mut self) {
        self.began.push_back((Instant::now(), self.outstanding));
        if let Err(error) = self.drive().await {
            self.meter.failed("channel", || format!("the channel failed: {error}"));
        }
    }

    async fn drive(&mut self) -> io::Result<()> {
        while !(self.is_over && self.allowed == 0 && self.received == self.sent) {
            let allowed = self.source.whole_part(self.allowed);
            if self.outgoing.is_empty() && allowed > 0 {
                let piece = self.source.next(allowed);
                self.allowed -= piece.len();
                self.sent += piece.len() as u64;
                self.outgoing.put(piece);
            }
            let moved = poll_fn(|cx| self.poll_move(cx)).await?;
            if moved.read > 0 {
                self.receive();
            }
            if moved.written > 0 && (self.source.whole_part(self.allowed) > 0 || !self.outgoing.is_empty()) {
                // The echo drains the socket while the bytes are still in cache.
                tokio::task::yield_now().await;
            }
        }
        poll_fn(|cx| self.channel.write.poll_shutdown(cx)).await
    }

    /// Writes and reads once each; pending only when neither moved a byte.
    fn poll_move(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let mut moved = Moved { written: 0, read: 0 };
        if !self.outgoing.is_empty() {
            match self.channel.write.poll_write(cx, &mut self.outgoing)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => (moved.written, self.is_unflushed) = (written, true),
                Poll::Pending => {}
            }
        }
        if self.outgoing.is_empty() && self.is_unflushed {
            self.is_unflushed = self.channel.write.poll_flush(cx)?.is_pending();
        }
        match self.channel.read.poll_read(cx, &mut self.incoming)? {
            Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(read) => moved.read = read,
            Poll::Pending if moved.written == 0 => return Poll::Pending,
            Poll::Pending => {}
        }
        Poll::Ready(Ok(moved))
    }

    /// Checks what has come. A request begins, to its caller, when the one before it is done.
    fn receive(&mut self) {
        let bytes = self.incoming.take(self.incoming.len());
        self.received += bytes.len() as u64;
        let finished = self.sink.take(&bytes, &self.meter);
        if !self.is_over {
            self.allowed += bytes.len();
        }
        let all = finished.well + finished.wrong;
        if all > 0 {
            let now = Instant::now();
            self.record(all, finished.well, now);
            self.began.push_back((now, all));
            self.finish_when_over();
        }
    }

    /// Once the phase is over, only what is missing of a request that was begun is sent still.
    fn finish_when_over(&mut self) {
        if !self.is_over && self.meter.phase() == Phase::Over {
            self.is_over = true;
            let begun = (self.sent % self.payload as u64) as usize;
            self.allowed = (self.payload - begun) % self.payload;
        }
    }

    /// The oldest `all` requests are done at `now`; `well` of them count.
    fn record(&mut self, mut all: u64, mut well: u64, now: Instant) {
        while all > 0 {
            let Some((began, together)) = self.began.front_mut() else {
                return;
            };
            let here = all.min(*together);
            self.meter.done(here.min(well), *began, now);
            (all, well, *together) = (all - here, well.saturating_sub(here), *together - here);
            if *together == 0 {
                self.began.pop_front();
            }
        }
    }
}
