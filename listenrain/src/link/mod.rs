//! One open channel at work: a single task reads, decodes, encodes and writes.
//!
//! Both halves are polled in turn by one future, so either half failing ends both at once, reading never waits for
//! writing, and dropping the future closes the channel. What the packets mean is the [`Role`]'s business.

mod health;
mod reading;
mod writing;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Sleep, sleep};

use crate::channel::Channel;
use crate::counters::Counters;
use crate::error::{LinkError, panic_text};
use crate::packet::{Packet, PacketCodec};
use crate::primitives::outbox::{Outbox, Ticket};
use crate::queued::Queued;

pub use health::Health;
use health::Watch;
use reading::Reading;
use writing::Writing;

/// What packets mean on one side.
pub(crate) trait Role: Send {
    /// Whether one more packet may be decoded.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// A packet came.
    fn packet(&mut self, packet: Packet);
    /// The packets of one read have all been given.
    fn batch_end(&mut self) {}
    /// These are about to be written; those that nobody wants any more are to be taken out.
    ///
    /// An error ends the channel; the batch has not left then.
    fn leaving(&mut self, batch: &mut Vec<(Ticket, Queued)>) -> Result<(), LinkError>;
    /// Whether nothing is left to be answered.
    fn idle(&self) -> bool;
    /// What it has to say goes to the outbox of `signal` from now on.
    fn follow(&mut self, _signal: &Arc<Signal>) {}
    /// The peer has ended its stream.
    fn peer_ended(&mut self) {}
    /// The peer ends its stream: whether this side has reason to go on writing.
    fn outlives_peers_end(&self) -> bool;
}

/// How others steer a link.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) outbox: Outbox<Queued>,
    wish: AtomicU8,
    ticks: AtomicU32,
}

const OPEN: u8 = 0;
const FINISH: u8 = 1;
const STOP: u8 = 2;

impl Signal {
    pub(crate) fn new(outbox: Outbox<Queued>) -> Self {
        Self { outbox, wish: AtomicU8::new(OPEN), ticks: AtomicU32::new(0) }
    }

    /// Answers what was asked, writes what is queued, then ends in an orderly way.
    pub(crate) fn finish(&self) {
        self.wish.fetch_max(FINISH, Ordering::AcqRel);
        self.outbox.nudge();
    }

    /// Ends now.
    pub(crate) fn stop(&self) {
        self.wish.fetch_max(STOP, Ordering::AcqRel);
        self.outbox.nudge();
    }

    pub(crate) fn is_finishing(&self) -> bool {
        self.wish.load(Ordering::Acquire) >= FINISH
    }

    /// One interval of the health check has passed.
    pub(crate) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.outbox.nudge();
    }
}

/// How a link ended, and what it had taken from its outbox and not wholly handed to the channel.
#[derive(Debug)]
pub(crate) struct LinkEnd {
    pub(crate) cause: LinkError,
    /// Whether the peer has sent anything.
    pub(crate) answered: bool,
    pub(crate) unwritten: Vec<(Ticket, Queued)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Everything is written; the write half is being shut down.
    ShuttingDown,
    /// The write half is shut; what still comes is thrown away until the peer ends too, so that it reads everything.
    Lingering,
}

/// A channel at work, as a future that is ready when the channel is over.
pub(crate) struct Link<R> {
    role: R,
    codec: Arc<dyn PacketCodec>,
    signal: Arc<Signal>,
    counters: Arc<Counters>,
    reading: Reading,
    writing: Writing,
    watch: Watch,
    phase: Phase,
    linger: Option<Pin<Box<Sleep>>>,
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
/// server, and gets no more from a client, whose reader waits for nobody.
pub(crate) const MAX_ANSWERS: usize = 128;

/// How long a shut channel waits for the peer's end, so that the peer reads everything: a channel that is closed with
/// bytes unread may be reset.
const LINGER: Duration = Duration::from_secs(1);

impl<R: Role> Link<R> {
    pub(crate) fn new(
        channel: Channel,
        role: R,
        codec: Arc<dyn PacketCodec>,
        signal: Arc<Signal>,
        counters: Arc<Counters>,
        health: &Health,
    ) -> Self {
        let Channel { read, write, .. } = channel;
        let seen = signal.ticks.load(Ordering::Relaxed);
        Self {
            role,
            reading: Reading::new(read, codec.buffers()),
            writing: Writing::new(write),
            watch: Watch::new(health, codec.abilities().ping, seen),
            codec,
            signal,
            counters,
            phase: Phase::Open,
            linger: None,
        }
    }

    /// Obeys `signal` from now on, and writes what is queued there; what it has taken from the old queue stays its own.
    pub(crate) fn follow(&mut self, signal: Arc<Signal>) {
        self.watch.seen = signal.ticks.load(Ordering::Relaxed);
        self.role.follow(&signal);
        self.signal = signal;
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        match self.turns(cx) {
            Ok(()) => Poll::Pending,
            Err(cause) => Poll::Ready(cause),
        }
    }

    fn turns(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        let mut moved = 0;
        loop {
            let wish = self.signal.wish.load(Ordering::Acquire);
            if wish == STOP {
                return Err(LinkError::Closed);
            }
            self.check_health()?;
            let before = moved;
            moved += self.write_some(cx)?;
            moved += self.read_some(cx)?;
            self.end_if_done(wish, cx)?;
            if moved >= TURN {
                end_turn(cx);
                return Ok(());
            }
            if moved == before && self.signal.outbox.park_writer(cx, self.takes_nothing()) {
                // A wish or tick that came before the writer parked has found nobody to wake.
                if self.signal.wish.load(Ordering::Acquire) == wish && !self.is_tick_due() {
                    return Ok(());
                }
            }
        }
    }

    fn write_some(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.phase != Phase::Open {
            return Ok(0);
        }
        self.writing.poll_some(&mut self.role, &*self.codec, &self.signal.outbox, &self.counters, cx)
    }

    fn read_some(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.phase != Phase::Open {
            let read = self.reading.poll_discard(cx)?;
            let over = self.phase == Phase::Lingering && self.reading.ended;
            return if over { Err(LinkError::Closed) } else { Ok(read) };
        }
        let ended_before = self.reading.ended;
        let read = self.reading.poll_some(&mut self.role, &*self.codec, &self.counters, cx)?;
        if self.reading.ended && !ended_before {
            self.role.peer_ended();
        }
        if self.reading.ended && !self.role.outlives_peers_end() {
            return Err(self.reading.end_cause());
        }
        Ok(read)
    }

    /// Shuts down once everything asked is answered and written, when that is wanted or the peer has ended.
    fn end_if_done(&mut self, wish: u8, cx: &mut Context<'_>) -> Result<(), LinkError> {
        let wanted = wish == FINISH || self.reading.ended;
        let done = || {
            (wish == FINISH || !self.reading.held_up)
                && self.role.idle()
                && self.writing.is_empty()
                && self.has_written_out(wish)
        };
        if self.phase == Phase::Open && wanted && done() {
            self.phase = Phase::ShuttingDown;
        }
        if self.phase == Phase::ShuttingDown && self.writing.poll_shutdown(cx)? {
            if self.reading.ended || !self.role.outlives_peers_end() {
                let cause = if self.reading.ended { self.reading.end_cause() } else { LinkError::Closed };
                return Err(cause);
            }
            self.phase = Phase::Lingering;
        }
        if self.phase == Phase::Lingering {
            let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
            if linger.as_mut().poll(cx).is_ready() {
                return Err(LinkError::Closed);
            }
        }
        Ok(())
    }

    /// Whether nothing is queued. The last channel of its queue then closes it, lest something come that nobody writes.
    fn has_written_out(&self, wish: u8) -> bool {
        if wish == FINISH { self.signal.outbox.close_if_empty() } else { self.signal.outbox.len() == 0 }
    }

    /// Whether what is queued has to wait for something else than this task.
    fn takes_nothing(&self) -> bool {
        self.phase != Phase::Open || self.writing.is_clogged()
    }

    fn is_tick_due(&self) -> bool {
        self.phase == Phase::Open && self.signal.ticks.load(Ordering::Relaxed) != self.watch.seen
    }

    fn check_health(&mut self) -> Result<(), LinkError> {
        if !self.is_tick_due() {
            return Ok(());
        }
        let ticks = self.signal.ticks.load(Ordering::Relaxed);
        if let Some(ping) = self.watch.tick(ticks, &self.reading)? {
            let _ = self.signal.outbox.push(Ticket(0), Queued::new(ping));
        }
        Ok(())
    }
}

impl<R: Role + Unpin> Future for Link<R> {
    type Output = LinkEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LinkEnd> {
        let this = &mut *self;
        // What a transport of the user's panics in is this channel's end only.
        let polled = catch_unwind(AssertUnwindSafe(|| this.poll_link(cx)));
        let polled = polled.unwrap_or_else(|panic| Poll::Ready(LinkError::Panic(panic_text(&*panic))));
        polled.map(|cause| {
            this.writing.abort_if(!matches!(cause, LinkError::PeerClosed | LinkError::Closed));
            LinkEnd { cause, answered: this.reading.bytes > 0, unwritten: this.writing.take_unwritten() }
        })
    }
}
