//! The read half with faults.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use listenrain::buffer::ReadBuffer;
use listenrain::{ChannelRead, PacketCodec};

use super::alarm::Alarm;
use super::line::Line;
use super::polls::Polls;
use super::replies::Replies;
use super::sent::Edges;
use super::wire::{Half, Wire, reset};
use super::writing::{Counted, flip};
use crate::context::{Cut, Sever};
use crate::faults::{FaultKind, ReadFilter};

/// Reads what the half below reads, as the plan lets it through.
pub(super) struct Reading {
    buffer: ReadBuffer,
    wire: Arc<Wire>,
    polls: Polls,
    line: Line,
    replies: Replies,
    counted: Counted,
    delivered: Edges,
    alarm: Alarm,
    /// How the half below has ended.
    over: Option<Result<(), io::ErrorKind>>,
}

impl Reading {
    pub(super) fn new(wire: Arc<Wire>, packets: Arc<dyn PacketCodec>) -> Self {
        Self {
            buffer: ReadBuffer::default(),
            polls: Polls::new(wire.random("polls of a reader")),
            line: Line::new(FaultKind::StallToClient, wire.random("delays of a reader")),
            delivered: Edges::new(packets.clone()),
            replies: Replies::new(packets, wire.random("replies")),
            counted: Counted::default(),
            alarm: Alarm::default(),
            over: None,
            wire,
        }
    }

    /// Takes from below what there is room for.
    fn fill(&mut self, below: &mut dyn ChannelRead, cx: &mut Context<'_>) {
        while self.over.is_none() && self.line.has_room() {
            match below.poll_read(cx, &mut self.buffer) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => self.over = Some(Ok(())),
                Poll::Ready(Ok(count)) => {
                    let bytes = self.buffer.take(count);
                    let bytes = self.replies.pass(&self.wire, bytes);
                    self.line.push(&self.wire, bytes);
                }
                Poll::Ready(Err(error)) => self.over = Some(Err(error.kind())),
            }
        }
        let late = self.replies.due(&self.wire, self.over.is_some());
        self.line.push(&self.wire, late);
    }

    /// What is delivered now: short where reads are to be, and without what a fault takes away.
    fn deliver(&mut self, mut bytes: Bytes) -> Bytes {
        if let Some((fault, most)) = self.wire.amount(FaultKind::Slice) {
            let most = most.max(1) as usize;
            if bytes.len() > most {
                self.wire.fired(fault, false);
                self.line.untake(bytes.split_off(most));
            }
        }
        if self.wire.is_ours() {
            if let Some((fault, at)) = self.counted.passes(&self.wire, FaultKind::Eof, bytes.len()) {
                bytes.truncate(at);
                self.delivered.pass(&bytes);
                self.wire.fired(fault, self.delivered.is_in_packet());
                self.wire.sever(Cut::Ended);
            } else if let Some((fault, at)) =
                self.counted.passes(&self.wire, FaultKind::CorruptToClient, bytes.len())
            {
                self.wire.fired(fault, true);
                self.wire.spoilt();
                let bit = self.wire.run.plan().faults[fault].amount;
                bytes = flip(&bytes, at, bit);
            }
        }
        bytes
    }

    fn next(&self) -> Option<Duration> {
        let next = [self.wire.next_change(), self.line.next(&self.wire), self.replies.next()];
        next.into_iter().flatten().min()
    }
}

impl ReadFilter for Reading {
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        match self.wire.cut(Half::Reading, cx) {
            Some(Cut::Reset) => return Poll::Ready(Err(reset())),
            Some(Cut::Ended) => return Poll::Ready(Ok(0)),
            None => {}
        }
        ready!(self.polls.poll(&self.wire, cx));
        self.fill(below, cx);
        // What has no bytes to count happens on an idle channel too.
        if self.wire.is_ours()
            && let Some((fault, 0)) = self.counted.passes(&self.wire, FaultKind::Reset, 0)
        {
            self.wire.fired(fault, false);
            self.wire.sever(Cut::Reset);
            return Poll::Ready(Err(reset()));
        }
        let bytes = self.line.take(&self.wire).unwrap_or_default();
        let bytes = self.deliver(bytes);
        if !bytes.is_empty() {
            let count = bytes.len();
            self.delivered.pass(&bytes);
            self.wire.run.note(self.wire.who, "reads", self.wire.number(), count as u64);
            into.push(bytes);
            return Poll::Ready(Ok(count));
        }
        if let Some(Cut::Ended) = self.wire.cut(Half::Reading, cx) {
            return Poll::Ready(Ok(0));
        }
        if let Some(over) = self.over
            && self.line.is_empty()
            && self.replies.is_empty()
        {
            self.wire.lost();
            return Poll::Ready(over.map(|()| 0).map_err(io::Error::from));
        }
        let next = self.next();
        self.alarm.set(&self.wire.run, next, cx);
        self.polls.pends(&self.wire, cx);
        Poll::Pending
    }
}
