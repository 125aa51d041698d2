//! The write half with faults.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use listenrain::ChannelWrite;
use listenrain::buffer::WriteBuffer;

use super::alarm::Alarm;
use super::line::{CAPACITY, Line};
use super::polls::Polls;
use super::sent::{Bodies, Sent};
use super::wire::{Half, Wire, ended, reset};
use crate::context::{Cut, Sever};
use crate::faults::{FaultKind, WriteFilter};

/// Writes to the half below what the plan lets through.
pub(super) struct Writing {
    wire: Arc<Wire>,
    polls: Polls,
    line: Line,
    counted: Counted,
    alarm: Alarm,
    /// What is written vanishes, until the channel ends at this time.
    vanishes: Option<Duration>,
    sent: Sent,
    /// What the half below said of bytes that had been taken: told when more is written.
    failed: Option<io::Error>,
    /// It is reset as soon as what was taken is on its way.
    resets: bool,
}

impl Writing {
    pub(super) fn new(wire: Arc<Wire>, bodies: Arc<dyn Bodies>) -> Self {
        Self {
            polls: Polls::new(wire.random("polls of a writer")),
            line: Line::new(FaultKind::StallToServer, wire.random("delays of a writer")),
            counted: Counted::default(),
            alarm: Alarm::default(),
            vanishes: None,
            resets: false,
            sent: Sent::new(bodies),
            failed: None,
            wire,
        }
    }

    /// What every operation meets first.
    fn admit(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.wire.cut(Half::Writing, cx) {
            Some(Cut::Reset) => {
                below.abort();
                return Poll::Ready(Err(reset()));
            }
            Some(Cut::Ended) => return Poll::Ready(Err(ended())),
            None => {}
        }
        if self.vanishes.is_some_and(|end| self.wire.run.now() >= end) {
            self.wire.sever(Cut::Ended);
            return Poll::Ready(Err(ended()));
        }
        self.polls.poll(&self.wire, cx).map(Ok)
    }

    /// Takes bytes off the front of `from`, and lets a fault that counts them happen.
    fn take(&mut self, from: &mut WriteBuffer) -> usize {
        let room = CAPACITY - self.line.len().min(CAPACITY);
        let mut count = from.remaining().min(room);
        if let Some((fault, most)) = self.wire.amount(FaultKind::Slice)
            && count > most.max(1) as usize
        {
            self.wire.fired(fault, false);
            count = most.max(1) as usize;
        }
        if !self.wire.is_ours() {
            self.line.push(&self.wire, from.copy_to_bytes(count));
            return count;
        }
        if let Some((fault, at)) = self.counted.passes(&self.wire, FaultKind::Reset, count) {
            let bytes = from.copy_to_bytes(at);
            self.sent.pass(&self.wire, &bytes);
            self.line.push(&self.wire, bytes);
            self.wire.fired(fault, self.sent.is_in_packet());
            self.resets = true;
            return at;
        }
        let mut bytes = from.copy_to_bytes(count);
        if self.vanishes.is_some() {
            self.sent.pass(&self.wire, &bytes);
            return count;
        }
        if let Some((fault, at)) = self.counted.passes(&self.wire, FaultKind::Truncate, count) {
            let passes = bytes.split_to(at);
            self.sent.pass(&self.wire, &passes);
            self.wire.fired(fault, self.sent.is_in_packet());
            self.sent.pass(&self.wire, &bytes);
            self.line.push(&self.wire, passes);
            let end = Duration::from_millis(self.wire.run.plan().faults[fault].amount);
            self.vanishes = Some(self.wire.run.now() + end);
            return count;
        }
        self.sent.pass(&self.wire, &bytes);
        if let Some((fault, at)) = self.counted.passes(&self.wire, FaultKind::CorruptToServer, count) {
            self.wire.fired(fault, true);
            self.wire.spoilt();
            bytes = flip(&bytes, at, self.wire.run.plan().faults[fault].amount);
        }
        self.line.push(&self.wire, bytes);
        count
    }

    /// Hands over what may come out. Ready when nothing waits any more.
    fn pump(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.line.take(&self.wire) {
            // Never copied: a copy of a few bytes would keep a whole buffer alive.
            let mut out = WriteBuffer::new(0);
            out.put(bytes);
            let written = below.poll_write(cx, &mut out);
            self.line.untake(out.copy_to_bytes(out.remaining()));
            match written {
                Poll::Ready(Ok(_)) => self.wire.run.passes(self.wire.server, self.wire.way()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        match self.line.is_empty() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>) {
        let next = [self.wire.next_change(), self.line.next(&self.wire), self.vanishes];
        self.alarm.set(&self.wire.run, next.into_iter().flatten().min(), cx);
        self.polls.pends(&self.wire, cx);
    }

    fn reset(&mut self, below: &mut dyn ChannelWrite) -> io::Error {
        below.abort();
        self.wire.sever(Cut::Reset);
        reset()
    }
}

impl WriteFilter for Writing {
    fn poll_write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        ready!(self.admit(below, cx))?;
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        if !self.line.has_room()
            && let Poll::Ready(Err(error)) = self.pump(below, cx)
        {
            return Poll::Ready(Err(error));
        }
        if !self.line.has_room() {
            self.wait(cx);
            return Poll::Pending;
        }
        let taken = self.take(from);
        if let Poll::Ready(Err(error)) = self.pump(below, cx) {
            // The bytes were taken all the same, and their writer must not send them elsewhere.
            self.failed = Some(error);
        }
        if self.resets {
            let error = self.reset(below);
            if taken == 0 {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.admit(below, cx))?;
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let pumped = self.pump(below, cx)?;
        if pumped.is_pending() {
            self.wait(cx);
            return Poll::Pending;
        }
        // The end of what vanishes wakes the writer.
        self.wait(cx);
        below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.wire.cut(Half::Writing, cx) {
            Some(Cut::Reset) => return Poll::Ready(Err(reset())),
            Some(Cut::Ended) => return below.poll_shutdown(cx),
            None => {}
        }
        if self.pump(below, cx)?.is_pending() {
            self.wait(cx);
            return Poll::Pending;
        }
        below.poll_shutdown(cx)
    }

    fn dropped(&mut self, below: &mut dyn ChannelWrite) {
        // Dropped on the word of the half that reads, it was not reset.
        if self.wire.was_cut() == Some(Cut::Reset) {
            below.abort();
        }
    }
}

/// Bytes that have passed since each fault that counts them was on.
#[derive(Debug, Default)]
pub(super) struct Counted(BTreeMap<usize, u64>);

impl Counted {
    /// `count` more bytes pass: gives the fault of `kind` that happens among them, and after how many. Each happens once
    /// in a run.
    pub(super) fn passes(&mut self, wire: &Wire, kind: FaultKind, count: usize) -> Option<(usize, usize)> {
        for (fault, how) in wire.run.plan().active(kind, wire.server, wire.run.now()) {
            if wire.run.has_fired(fault) {
                continue;
            }
            let passed = self.0.entry(fault).or_default();
            let left = how.after_bytes.saturating_sub(*passed);
            // A bit needs a byte to be in; an end does not.
            let at_once = how.after_bytes == 0 && !kind.corrupts();
            if left < count as u64 || at_once {
                return Some((fault, left.min(count as u64) as usize));
            }
            *passed += count as u64;
        }
        None
    }
}

/// `bytes` with one bit of byte `at` turned.
pub(super) fn flip(bytes: &Bytes, at: usize, bit: u64) -> Bytes {
    let mut bytes = BytesMut::from(&bytes[..]);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
    bytes.freeze()
}
