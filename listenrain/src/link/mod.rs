//! The link: one open channel at work, a single future that reads, decodes, encodes and writes.
//!
//! Both halves are polled in turn, so either half failing ends both at once, reading never waits for writing, and dropping
//! the future closes the channel. Its task polls it; a caller may write in that task's place. What the packets mean is the
//! [`Role`]'s business.

mod end;
mod half;
mod health;
mod idle;
mod reading;
mod signal;
mod slot;
mod writing;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

use crate::channel::Channel;
use crate::counters::{Counters, count};
use crate::error::LinkError;
use crate::guard::guard;
use crate::packet::{Goodbye, Packet, Packets};
use crate::primitives::budget::{Account, Permit};
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

pub(crate) use end::{LinkEnd, LinkEvent};
pub use health::Health;
use health::{Seen, Watch};
pub(crate) use idle::Idle;
use reading::Reading;
pub(crate) use signal::Signal;
use signal::Wish;
pub(crate) use slot::LinkSlot;
pub(crate) use writing::Unwritten;
use writing::Writing;

/// Packets on their way from the queue to the channel.
pub(crate) type Batch = Vec<(Ticket, Queued)>;

/// What packets mean on one side.
pub(crate) trait Role: Send {
    /// What accounts for the memory of partly received packets, if anything does.
    fn memory(&self) -> Option<Arc<Account>>;
    /// What is written before all else.
    fn greeting(&mut self) -> Option<Packet>;
    /// Whether one more packet may be decoded.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// A packet came, with the memory that is accounted for it already, beside what the read buffer keeps.
    fn packet(&mut self, packet: Packet, charge: Option<Permit>, kept: u64);
    /// A packet came that is longer than the limit; its payload was thrown away.
    fn too_large(&mut self, packet: Packet, size: u64, limit: usize);
    /// No more packets are given for now: all of a read have been, or there is no room for the next one.
    fn batch_end(&mut self) {}
    /// Goes on with what waits for something else than packets.
    fn poll_work(&mut self, _cx: &mut Context<'_>) {}
    /// These are about to be written; those whose calls have ended are to be taken out.
    ///
    /// `now` is the time, once it has been looked at. An error ends the channel; the batch has not left then.
    fn leaving(&mut self, batch: &mut Batch, now: &mut Option<Instant>) -> Result<(), LinkError>;
    /// The channel is to end in an orderly way: takes nothing new.
    fn finish(&mut self);
    /// There was no memory for the rest of a packet for too long, and the channel is to end for it.
    fn held_up_too_long(&mut self) {}
    /// The channel ends now.
    fn cut_off(&mut self) {}
    /// Whether what is queued leaves before more is read, as long as the channel takes it: only what is read fills the queue.
    fn answers_first(&self) -> bool {
        false
    }
    /// Whether nothing is left to be answered.
    fn is_idle(&self) -> bool;
    /// Whether the peer may still send what it wants to be told of.
    fn awaits_goodbye(&self) -> bool {
        false
    }
    /// What the peer has said when it said goodbye; the link is to be given another queue then.
    fn goodbye(&mut self) -> Option<Goodbye> {
        None
    }
    /// What it has to say goes to the outbox of `signal` from now on.
    fn follow(&mut self, _signal: &Arc<Signal>) {}
    /// The peer has ended its stream.
    fn peer_ended(&mut self) {}
    /// The peer ends its stream: whether this side has reason to go on writing.
    fn outlives_peers_end(&self) -> bool;
    /// Gives back memory that it does not need while nothing happens.
    fn shrink(&mut self) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Everything is written; the write half is being shut down.
    ShuttingDown,
    /// The write half is shut; what still comes is thrown away until the peer ends too, so that it reads everything.
    Lingering,
}

/// A channel at work, as a future that is ready when there is something to tell.
pub(crate) struct Link<R> {
    pub(crate) role: R,
    packets: Packets,
    signal: Arc<Signal>,
    counters: Arc<Counters>,
    idle: Arc<Idle>,
    reading: Reading,
    writing: Writing,
    watch: Watch,
    phase: Phase,
    linger: Option<Pin<Box<Sleep>>>,
    /// What ended the channel while a caller wrote, until the link's task tells it.
    fault: Option<LinkError>,
}

/// Bytes moved in one turn before other tasks get theirs. The peer, if it lives here, then finds the bytes still in
/// cache: with 256 KiB, 16 x 256 KiB echoes run several times as fast as with 1 MiB.
pub(crate) const TURN: usize = 256 * 1024;

/// Asks for another turn, behind every other task and after the runtime has looked which sockets are ready. A task that just
/// wakes itself has some sixty turns before that look, and the peer, if it lives here, then finds its bytes out of cache.
pub(crate) fn end_turn(cx: &mut Context<'_>) {
    let _ = pin!(yield_now()).poll(cx);
}

/// Most pongs and refusals that wait to be written. A peer that asks for more without reading them is not read by a
/// server, and gets no more from a client, whose reader must not wait.
pub(crate) const MAX_ANSWERS: usize = 128;

/// How long an end waits for the peer, first for its answer to a goodbye, then for its own end, so that it reads everything: a
/// channel that is closed with bytes unread may be reset.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

impl<R: Role> Link<R> {
    pub(crate) fn new(
        channel: Channel,
        role: R,
        packets: Packets,
        signal: Arc<Signal>,
        counters: Arc<Counters>,
        idle: Arc<Idle>,
        health: &Health,
    ) -> Self {
        let Channel { read, write, .. } = channel;
        Self {
            reading: Reading::new(read, &packets, role.memory()),
            role,
            writing: Writing::new(write),
            watch: Watch::new(health, packets.capabilities.ping, signal.ticks()),
            packets,
            signal,
            counters,
            idle,
            phase: Phase::Open,
            linger: None,
            fault: None,
        }
    }

    /// Obeys `signal` from now on, and writes what is queued there; what it has taken from the old queue stays its own.
    pub(crate) fn follow(&mut self, signal: Arc<Signal>) {
        self.watch.ticks = signal.ticks();
        self.role.follow(&signal);
        self.signal = signal;
    }

    /// Takes turns until there is nothing to do for now; gives a goodbye that has come.
    fn turns(&mut self, cx: &mut Context<'_>) -> Result<Option<Goodbye>, LinkError> {
        let mut moved = 0;
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.greet()?;
        loop {
            let wish = self.signal.wish();
            if wish == Wish::Stop {
                return Err(self.cut_off(cx));
            }
            if wish >= Wish::Finish {
                self.role.finish();
            }
            if self.is_tick_due() {
                // What has come by now counts, be it read late, and a channel that ends here is written nothing more.
                moved += self.read_some(cx)?;
            }
            self.check_health()?;
            let written = self.write_some(cx)?;
            let goes_first = written > 0 && self.role.answers_first() && self.has_more_to_write();
            let read = if goes_first { 0 } else { self.read_some(cx)? };
            moved += written + read;
            // Its half has taken all, or wakes this task: another turn would find nothing to write but what is queued by then.
            let (is_at_rest, phase) =
                (!goes_first && read == 0 && (written == 0 || self.writing.is_at_rest()), self.phase);
            if let Some(goodbye) = self.role.goodbye() {
                return Ok(Some(goodbye));
            }
            self.role.poll_work(cx);
            self.end_if_done(wish, cx)?;
            if moved >= TURN {
                end_turn(cx);
                return Ok(None);
            }
            if is_at_rest && self.phase == phase && self.rest(wish, cx) {
                return Ok(None);
            }
        }
    }

    fn greet(&mut self) -> Result<(), LinkError> {
        match self.role.greeting() {
            Some(packet) => self.writing.begin_with(&packet, &self.packets),
            None => Ok(()),
        }
    }

    /// Parks the writer, unless something has come meanwhile.
    fn rest(&mut self, wish: Wish, cx: &mut Context<'_>) -> bool {
        // A wish or tick that came before the writer parked found no waker to call.
        let rests = self.signal.outbox.park_writer(cx, self.takes_nothing())
            && self.signal.wish() == wish
            && !self.is_tick_due();
        if rests {
            self.idle.note(&self.signal, self.reading.bytes.wrapping_add(self.writing.written));
        }
        rests
    }

    fn write_some(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.phase != Phase::Open {
            return Ok(0);
        }
        if let Some(panic) = self.signal.queue_fault() {
            return Err(LinkError::Panic(panic));
        }
        self.writing.poll_some(&mut self.role, &self.packets, &self.signal.outbox, &self.counters, cx)
    }

    fn read_some(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.phase != Phase::Open {
            let read = self.reading.poll_discard(cx)?;
            let over = self.phase == Phase::Lingering && self.reading.ended;
            return if over { Err(LinkError::Closed) } else { Ok(read) };
        }
        let ended_before = self.reading.ended;
        let read = self.reading.poll_some(&mut self.role, &self.packets, &self.counters, cx)?;
        if self.reading.ended && !ended_before {
            self.role.peer_ended();
        }
        if self.reading.ended && !self.role.outlives_peers_end() {
            return Err(self.reading.end_cause());
        }
        Ok(read)
    }

    /// Shuts down once everything asked is answered and written, when that is wanted or the peer has ended.
    fn end_if_done(&mut self, wish: Wish, cx: &mut Context<'_>) -> Result<(), LinkError> {
        let is_wanted = wish >= Wish::Finish || self.reading.ended;
        if self.phase == Phase::Open && is_wanted && self.is_done(wish) && self.has_heard_goodbye(cx) {
            if !self.has_written_out(wish) {
                return Ok(());
            }
            (self.phase, self.linger) = (Phase::ShuttingDown, None);
        }
        if self.phase == Phase::ShuttingDown && self.writing.poll_shutdown(cx)? {
            if self.reading.ended || !self.role.outlives_peers_end() {
                let cause = if self.reading.ended { self.reading.end_cause() } else { LinkError::Closed };
                return Err(cause);
            }
            self.phase = Phase::Lingering;
        }
        if self.phase == Phase::Lingering && self.poll_linger(cx).is_ready() {
            return Err(LinkError::Closed);
        }
        Ok(())
    }

    fn is_done(&self, wish: Wish) -> bool {
        let has_read = wish >= Wish::Finish || !self.reading.held_up;
        let is_answered = wish == Wish::WriteOut || self.role.is_idle();
        has_read && is_answered && self.writing.is_empty() && self.signal.outbox.len() == 0
    }

    /// Whether nothing can come any more that the peer wants to be told of, or it has taken too long.
    fn has_heard_goodbye(&mut self, cx: &mut Context<'_>) -> bool {
        !self.role.awaits_goodbye() || self.reading.ended || self.poll_linger(cx).is_ready()
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER))).as_mut().poll(cx)
    }

    /// Whether nothing is queued. The last channel of its queue then closes it: what came later would never be written.
    fn has_written_out(&self, wish: Wish) -> bool {
        if wish >= Wish::Finish { self.signal.outbox.close_if_empty() } else { self.signal.outbox.len() == 0 }
    }

    /// Tells the peer what never ran, as far as it takes that at once.
    fn cut_off(&mut self, cx: &mut Context<'_>) -> LinkError {
        self.role.cut_off();
        self.write_some(cx).err().unwrap_or(LinkError::Closed)
    }

    /// Whether what is queued has to wait for something else than this task.
    fn takes_nothing(&self) -> bool {
        self.phase != Phase::Open || self.writing.is_clogged()
    }

    fn has_more_to_write(&self) -> bool {
        self.phase == Phase::Open && !self.writing.clogged && self.signal.outbox.len() > 0
    }

    fn is_tick_due(&self) -> bool {
        self.signal.ticks() != self.watch.ticks
    }

    fn check_health(&mut self) -> Result<(), LinkError> {
        if self.signal.is_to_shrink() {
            self.shrink();
        }
        if !self.is_tick_due() {
            return Ok(());
        }
        if self.reading.is_awaited() {
            self.reading.shrink();
        }
        let reading = &self.reading;
        let seen = Seen {
            bytes: reading.bytes,
            packets: reading.packets,
            reads: self.phase == Phase::Open && !reading.held_up && !reading.ended,
            awaits_memory: self.phase == Phase::Open && reading.awaits_memory,
            is_inside_packet: reading.is_inside_packet(),
            written: self.writing.written,
            has_output: !self.writing.is_empty() || self.phase == Phase::ShuttingDown,
        };
        let judged = self.watch.look(self.signal.ticks(), seen);
        if let Some(ping) = judged.inspect_err(|_| count(&self.counters.given_up))?
            && self.phase == Phase::Open
        {
            let _ = self.signal.outbox.push(Ticket(0), Queued::new(ping));
        }
        if self.watch.is_held_up_too_long() {
            count(&self.counters.given_up);
            self.reading.give_up(&self.packets);
            self.role.held_up_too_long();
        }
        Ok(())
    }

    /// Nothing has come for a while: gives back what is not needed meanwhile.
    fn shrink(&mut self) {
        self.reading.shrink();
        self.writing.shrink();
        self.role.shrink();
        self.signal.outbox.shrink();
    }
}

impl<R: Role + Unpin> Future for Link<R> {
    type Output = LinkEvent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        let this = &mut *self;
        let cause = match guard(|| this.turns(cx)) {
            Ok(Ok(None)) => return Poll::Pending,
            Ok(Ok(Some(goodbye))) => return Poll::Ready(LinkEvent::Goodbye(goodbye)),
            Ok(Err(cause)) => cause,
            Err(panic) => LinkError::Panic(panic),
        };
        this.writing.abort_if(!matches!(cause, LinkError::PeerClosed | LinkError::Closed));
        let (asked, answered) = (this.writing.written > 0, this.reading.bytes > 0);
        let unwritten = this.writing.take_unwritten();
        Poll::Ready(LinkEvent::Ended(LinkEnd { cause, asked, answered, unwritten }))
    }
}
