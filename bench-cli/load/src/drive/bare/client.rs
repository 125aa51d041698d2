//! The client's side: one task a channel, which keeps its window outstanding or sends what is due.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::listenrain::Channel;
use ::listenrain::buffer::{ReadBuffer, WriteBuffer};
use tokio::time::Instant;

use super::WRITE_CAP;
use super::sink::Sink;
use super::source::Source;
use crate::drive::due::Due;
use crate::drive::first::First;
use crate::meter::{CHANNEL, Meter, Phase};

/// One channel's loop.
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
    /// Bytes that may be offered still. In a closed loop each byte that comes back allows one more, wherever in a
    /// request it stands; in an open one each request that is due allows its own.
    allowed: usize,
    /// Whether requests go when they are due.
    is_open: bool,
    sent: u64,
    received: u64,
    /// Whether the request that was begun last is the last of all.
    is_over: bool,
    /// The requests that are outstanding, the oldest first, those that began together in one.
    began: VecDeque<Began>,
    /// How many those are, in an open loop.
    in_flight: u64,
    /// Whether something was written that may not have been flushed.
    is_unflushed: bool,
}

/// Requests that began at the same moment.
#[derive(Debug, Clone, Copy)]
struct Began {
    /// When they were due, in an open loop.
    intended: Option<Instant>,
    sent: Instant,
    count: u64,
}

/// Bytes moved by one look at both halves.
#[derive(Debug, Clone, Copy)]
struct Moved {
    written: usize,
    read: usize,
}

impl Client {
    /// A loop with at most `outstanding` requests outstanding; a closed one always has that number.
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
            is_open: false,
            sent: 0,
            received: 0,
            is_over: false,
            began: VecDeque::new(),
            in_flight: 0,
            is_unflushed: false,
        }
    }

    /// Sends `first` alone, before the loop, and checks its reply as it comes.
    ///
    /// # Errors
    ///
    /// What went wrong, or what is wrong with the reply. A server that speaks before its turn may send more.
    pub(super) async fn greet(&mut self, first: First) -> Result<(), String> {
        let (mut sent, mut received) = (0, 0);
        while received < first.size {
            if self.outgoing.is_empty() && sent < first.size {
                let part = first.part(sent, WRITE_CAP);
                sent += part.len();
                self.outgoing.put(part);
            }
            let moved = poll_fn(|cx| self.poll_move(cx)).await.map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    format!("it hung up after {received} of {} bytes", first.size)
                }
                _ => error.to_string(),
            })?;
            let part = self.incoming.take(moved.read);
            first.check(&part, received)?;
            received += part.len();
        }
        Ok(())
    }

    /// Runs the closed loop, or the open one of what is `due`, until the meter's phase is over and every reply has come,
    /// the channel fails, or the load is `given_up`. In the last two cases each request without a reply is an error.
    pub(super) async fn run(mut self, due: Option<Due>, given_up: impl Future<Output = Duration>) {
        let ended = tokio::select! {
            biased;
            ended = self.run_loop(due) => ended,
            after = given_up => {
                self.meter.unfinished(self.unanswered(), after);
                return;
            }
        };
        if let Err(error) = ended {
            let count = self.unanswered().max(1);
            self.meter.failures(CHANNEL, count, || format!("the channel failed: {error}"));
        }
    }

    async fn run_loop(&mut self, due: Option<Due>) -> io::Result<()> {
        match due {
            None => {
                self.began.push_back(Began { intended: None, sent: Instant::now(), count: self.outstanding });
                self.drive().await
            }
            Some(due) => {
                self.become_open();
                self.drive_open(due).await
            }
        }
    }

    /// Requests that were begun and have no whole reply.
    fn unanswered(&self) -> u64 {
        let payload = self.payload as u64;
        match self.is_open {
            true => self.in_flight,
            false => self.sent.div_ceil(payload).saturating_sub(self.received / payload),
        }
    }

    fn become_open(&mut self) {
        (self.is_open, self.allowed) = (true, 0);
        // One request and no more: what is held up holds no larger buffers than it needs.
        self.source.limit_piece(self.payload);
    }

    async fn drive(&mut self) -> io::Result<()> {
        while !(self.is_over && self.allowed == 0 && self.received == self.sent) {
            let allowed = self.source.whole_part(self.allowed);
            if self.outgoing.is_empty() && allowed > 0 {
                self.offer(allowed);
            }
            let moved = poll_fn(|cx| self.poll_move(cx)).await?;
            self.note(moved).await;
        }
        poll_fn(|cx| self.channel.write.poll_shutdown(cx)).await
    }

    async fn drive_open(&mut self, mut due: Due) -> io::Result<()> {
        loop {
            if !self.is_over {
                self.let_go(&mut due);
            }
            // Only now: the end may find nothing outstanding, and nothing would come to wake it.
            if self.is_over && self.allowed == 0 && self.received == self.sent {
                break;
            }
            while self.allowed > 0 && self.outgoing.len() < WRITE_CAP {
                self.offer(self.allowed);
            }
            let moved = tokio::select! {
                biased;
                moved = poll_fn(|cx| self.poll_move(cx)) => moved?,
                () = due.wait(), if !self.is_over => continue,
            };
            self.note(moved).await;
        }
        poll_fn(|cx| self.channel.write.poll_shutdown(cx)).await
    }

    /// Begins every request that is due by now, or drops it.
    fn let_go(&mut self, due: &mut Due) {
        self.is_over = !due.look(&self.meter);
        let mut now = None;
        while let Some(intended) = due.take(&self.meter) {
            if self.in_flight < self.outstanding {
                let sent = *now.get_or_insert_with(Instant::now);
                self.began.push_back(Began { intended: Some(intended), sent, count: 1 });
                self.allowed += self.payload;
                self.in_flight += 1;
            } else {
                self.meter.dropped(1, intended);
            }
        }
    }

    fn offer(&mut self, allowed: usize) {
        let piece = self.source.next(allowed);
        self.allowed -= piece.len();
        self.sent += piece.len() as u64;
        self.outgoing.put(piece);
    }

    async fn note(&mut self, moved: Moved) {
        if moved.read > 0 {
            self.receive();
        }
        if moved.written > 0 && (self.source.whole_part(self.allowed) > 0 || !self.outgoing.is_empty()) {
            // The echo drains the socket while the bytes are still in cache.
            tokio::task::yield_now().await;
        }
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

    /// Checks what has come. In a closed loop a request begins, to its caller, when the one before it is done.
    fn receive(&mut self) {
        let bytes = self.incoming.take(self.incoming.len());
        self.received += bytes.len() as u64;
        let finished = self.sink.take(&bytes, &self.meter);
        let all = finished.well + finished.wrong;
        if self.is_open {
            if all > 0 {
                self.record(all, finished.well, Instant::now());
                self.in_flight = self.in_flight.saturating_sub(all);
            }
            return;
        }
        if !self.is_over {
            self.allowed += bytes.len();
        }
        if all > 0 {
            let now = Instant::now();
            self.record(all, finished.well, now);
            self.began.push_back(Began { intended: None, sent: now, count: all });
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
            let Some(began) = self.began.front_mut() else {
                return;
            };
            let here = all.min(began.count);
            match began.intended {
                None => self.meter.done(here.min(well), began.sent, now),
                Some(intended) => self.meter.done_open(here.min(well), intended, began.sent, now),
            }
            (all, well, began.count) = (all - here, well.saturating_sub(here), began.count - here);
            if began.count == 0 {
                self.began.pop_front();
            }
        }
    }
}
