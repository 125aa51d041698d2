//! The writing side of a link: from packets to bytes.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{Role, TURN};
use crate::buffer::WriteBuffer;
use crate::channel::ChannelWrite;
use crate::counters::{Counters, count, count_by};
use crate::error::{LinkError, panic_text};
use crate::packet::PacketCodec;
use crate::primitives::outbox::{Outbox, Ticket};
use crate::queued::Queued;

pub(super) struct Writing {
    half: Box<dyn ChannelWrite>,
    output: WriteBuffer,
    batch: Vec<(Ticket, Queued)>,
    /// Encoded packets of which not every byte has been taken by the channel, with where in the stream they end.
    leaving: VecDeque<(u64, Ticket, Queued)>,
    encoded: u64,
    written: u64,
    unflushed: bool,
    clogged: bool,
}

impl Writing {
    pub(super) fn new(half: Box<dyn ChannelWrite>) -> Self {
        let output = WriteBuffer::new(half.flatten_below());
        Self {
            half,
            output,
            batch: Vec::new(),
            leaving: VecDeque::new(),
            encoded: 0,
            written: 0,
            unflushed: false,
            clogged: false,
        }
    }

    /// Encodes what is queued and writes it, a batch at a time. Says how many bytes the channel took.
    pub(super) fn poll_some<R: Role>(
        &mut self,
        role: &mut R,
        codec: &dyn PacketCodec,
        outbox: &Outbox<Queued>,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<usize, LinkError> {
        let mut total = 0;
        self.clogged = false;
        while total < TURN {
            if self.output.len() < TURN {
                outbox.pop_batch(&mut self.batch, TURN - self.output.len(), |queued| queued.len() + 64);
                if !self.batch.is_empty() {
                    role.leaving(&mut self.batch)?;
                    self.encode(codec, counters)?;
                }
            }
            if self.output.is_empty() {
                break;
            }
            match self.half.poll_write(cx, &mut self.output) {
                Poll::Ready(Ok(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Poll::Ready(Ok(taken)) => {
                    total += taken;
                    self.took(taken, counters);
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => {
                    self.clogged = true;
                    break;
                }
            }
        }
        self.flush(cx)?;
        Ok(total)
    }

    fn encode(&mut self, codec: &dyn PacketCodec, counters: &Counters) -> Result<(), LinkError> {
        let mut batch = std::mem::take(&mut self.batch);
        let (mut packets, mut now) = (batch.drain(..), None);
        let encoded = packets.try_for_each(|(ticket, queued)| {
            count(&counters.sent);
            self.encode_one(ticket, queued, codec, &mut now)
        });
        // Half a packet cannot be taken back: the channel is over. Those behind it have not left.
        let rest: Vec<_> = packets.collect();
        self.batch = if rest.is_empty() { batch } else { rest };
        encoded
    }

    fn encode_one(
        &mut self,
        ticket: Ticket,
        mut queued: Queued,
        codec: &dyn PacketCodec,
        now: &mut Option<Instant>,
    ) -> Result<(), LinkError> {
        if let Some(deadline) = queued.0.deadline {
            let now = *now.get_or_insert_with(Instant::now);
            queued.0.packet.deadline = Some(deadline.saturating_duration_since(now));
        }
        let (before, output) = (self.output.len(), &mut self.output);
        let encoded = catch_unwind(AssertUnwindSafe(|| codec.encode(&queued.0.packet, output)));
        self.encoded += (self.output.len() - before) as u64;
        encoded.map_err(|panic| LinkError::Panic(panic_text(&*panic)))??;
        self.leaving.push_back((self.encoded, ticket, queued));
        Ok(())
    }

    fn took(&mut self, taken: usize, counters: &Counters) {
        self.written += taken as u64;
        self.unflushed = true;
        count(&counters.writes);
        count_by(&counters.sent_bytes, taken);
        while self.leaving.front().is_some_and(|(end, ..)| *end <= self.written) {
            self.leaving.pop_front();
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        if self.unflushed
            && self.output.is_empty()
            && let Poll::Ready(flushed) = self.half.poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Whether the channel takes nothing more for now; it wakes the task when it does again.
    pub(super) fn is_clogged(&self) -> bool {
        self.clogged && self.output.len() >= TURN
    }

    pub(super) fn is_empty(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Whether the orderly end of writing is done.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkError> {
        match self.half.poll_shutdown(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(())) => Ok(true),
            // The peer was faster.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(true),
            Poll::Ready(Err(error)) => Err(error.into()),
        }
    }

    /// Resets the channel when it ended badly, or inside a packet: the peer must not take a part for the whole.
    pub(super) fn abort_if(&mut self, badly: bool) {
        if badly || !self.output.is_empty() {
            self.half.abort();
        }
    }

    /// Packets that did not wholly leave, in their order.
    pub(super) fn take_unwritten(&mut self) -> Vec<(Ticket, Queued)> {
        let encoded = self.leaving.drain(..).map(|(_, ticket, queued)| (ticket, queued));
        encoded.chain(self.batch.drain(..)).collect()
    }
}
