//! One association: lanes over one data transfer, and its life cycle.
//!
//! A state machine without sockets and tasks: packets and moments come in, packets and deadlines go out. It answers for
//! everything but the transfer of data, which is the engine's; what it hears is in [`packets`].

mod ending;
mod lanes;
mod liveness;
mod packets;

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use self::ending::{Ending, LINGER};
use self::lanes::Lanes;
use self::liveness::{Due, Liveness};
use super::SctpOptions;
use super::engine::{Engine, LONGEST_MESSAGE, payload_of};
use super::fault::Loss;
use super::lane::{Lane, Limits, Scope};
use super::message::Control;
use super::wire::{self, Header, Init, kind};

/// Error causes of an ABORT, by the numbers of RFC 9260.
const USER_INITIATED: u16 = 12;
const PROTOCOL_VIOLATION: u16 = 13;
const OUT_OF_RESOURCE: u16 = 4;

/// How long a dialer's association without a lane waits for the next dial, so that dials that follow one another need
/// no new one. Nobody minds a socket that stays for a second.
const GRACE: Duration = Duration::from_secs(1);

/// Messages of all lanes together that may be on their way. The crate goes through all of them for each: beyond a few
/// thousand it slows down.
const MESSAGES: usize = 2048;
/// Fewest and most messages of one lane.
const MESSAGES_OF_ONE: (usize, usize) = (4, 64);

/// Packets beside the transfer that may wait to be sent. A peer can ask for an answer by each of its own, also while the
/// socket has no room.
const SAID_AT_ONCE: usize = 64;

/// How long what dropped channels had written may take at most.
const LONGEST_LINGER: Duration = Duration::from_secs(120);

/// Which side began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Dialer,
    Listener,
}

/// Why an association has no lane to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unopened {
    /// Every stream has one.
    Full,
    /// It is lost, or ends.
    Over,
}

/// How both sides came to an association.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreement {
    pub(super) role: Role,
    pub(super) ours: Init,
    pub(super) theirs: Init,
    /// Of packets to the peer.
    pub(super) header: Header,
    pub(super) peer: SocketAddr,
    /// How long a question and its answer took.
    pub(super) round_trip: Duration,
}

#[derive(Debug)]
pub(super) struct Association {
    pub(super) role: Role,
    header: Header,
    own_tag: u32,
    mtu: usize,
    streams: u16,
    /// How long there may be no lane.
    idle_limit: Duration,
    limits: Limits,
    engine: Engine,
    lanes: Lanes,
    ending: Ending,
    liveness: Liveness,
    /// Packets that are not the engine's.
    outgoing: Vec<Bytes>,
    /// Lanes that the peer has opened and that are not accepted yet.
    arrived: Vec<usize>,
    /// Whether it ever had a lane.
    had_lane: bool,
    /// It ends for having had no lane for too long, which is to be counted.
    has_timed_out: bool,
    /// Since when there is no lane, and nothing on its way.
    idle_since: Option<Instant>,
    /// Since when no lane is held though there is something left to send.
    unattended_since: Option<Instant>,
    lost: Option<Loss>,
    woken: Vec<Waker>,
    /// Dials that wait for a stream.
    openers: Vec<Waker>,
    is_touched: bool,
}

impl Association {
    pub(super) fn new(agreed: &Agreement, options: &SctpOptions, now: Instant) -> Option<Self> {
        let Agreement { role, ours, theirs, header, peer, .. } = *agreed;
        let mtu = options.mtu_towards(peer.ip());
        let idle_limit = if role == Role::Dialer { GRACE } else { options.connect_timeout };
        let limits = Limits {
            send_buffer: options.send_buffer,
            recv_buffer: u32::try_from(options.recv_buffer).unwrap_or(u32::MAX),
            message: message_of(mtu),
            messages: MESSAGES_OF_ONE.1,
        };
        Some(Self {
            role,
            header,
            own_tag: ours.tag,
            mtu,
            streams: streams_of(&ours, &theirs),
            idle_limit,
            limits,
            engine: Engine::new(agreed, mtu)?,
            lanes: Lanes::default(),
            ending: Ending::new(),
            liveness: Liveness::new(options, ours.tsn, now),
            outgoing: Vec::new(),
            arrived: Vec::new(),
            had_lane: role == Role::Dialer,
            has_timed_out: false,
            idle_since: Some(now),
            unattended_since: None,
            lost: None,
            woken: Vec::new(),
            openers: Vec::new(),
            is_touched: false,
        })
    }

    /// Asks for a lane; pending while all streams are taken and one of them is about to be free.
    pub(super) fn poll_open(&mut self, cx: &Context<'_>) -> Poll<Result<usize, Unopened>> {
        if self.lost.is_some() || !self.ending.is_open() {
            return Poll::Ready(Err(Unopened::Over));
        }
        let Some(stream) = self.lanes.free_stream(self.streams) else {
            if !self.lanes.is_any_left() {
                return Poll::Ready(Err(Unopened::Full));
            }
            if !self.openers.iter().any(|waker| waker.will_wake(cx.waker())) {
                self.openers.push(cx.waker().clone());
            }
            return Poll::Pending;
        };
        let lane = Lane::ask(stream, &mut self.scope());
        Poll::Ready(Ok(self.lanes.insert(lane)))
    }

    /// The lane at `key` has no stream any more.
    fn release(&mut self, key: usize) {
        self.lanes.release(key);
        self.woken.append(&mut self.openers);
    }

    /// Acts on the lane at `key`, of which the caller holds a half.
    pub(super) fn on_lane<T>(&mut self, key: usize, act: impl FnOnce(&mut Lane, &mut Scope<'_>) -> T) -> T {
        let Self { engine, limits, woken, lanes, .. } = self;
        let lane = lanes.get_mut(key);
        let done = act(lane, &mut Scope { engine, limits, woken });
        let (stream, is_over) = (lane.stream, lane.is_over());
        if is_over && self.role == Role::Listener && self.lanes.has_stream(key) {
            self.engine.say(stream, Control::Closed);
            self.release(key);
        } else {
            self.lanes.forget_if_done(key);
        }
        done
    }

    /// No dialer wants a lane of it any more.
    pub(super) fn unwanted(&mut self) {
        self.idle_limit = Duration::ZERO;
        self.touch();
    }

    /// Every channel is lost, and the peer is told unless it knows.
    pub(super) fn lose(&mut self, loss: Loss) {
        if self.lost.is_some() {
            return;
        }
        let text = loss.to_string();
        match &loss {
            Loss::Violation(_) => self.outgoing.push(wire::abort(self.header, 0, PROTOCOL_VIOLATION, &text)),
            Loss::Silent(_) | Loss::Stuck(_) => {
                self.outgoing.push(wire::abort(self.header, 0, USER_INITIATED, &text));
            }
            Loss::Evicted => self.outgoing.push(wire::abort(self.header, 0, OUT_OF_RESOURCE, &text)),
            _ => {}
        }
        self.lose_lanes(&loss);
        self.lost = Some(loss);
    }

    fn lose_lanes(&mut self, loss: &Loss) {
        for key in self.lanes.keys() {
            let Self { engine, limits, woken, lanes, .. } = self;
            lanes.get_mut(key).lose(loss, &mut Scope { engine, limits, woken });
            self.release(key);
        }
    }

    /// Does what is due, appends the packets that have to be sent, and says when to ask again; `None` when all is over.
    pub(super) fn poll(&mut self, now: Instant, into: &mut Vec<Bytes>) -> Option<Instant> {
        self.is_touched = false;
        let mut is_pressed = false;
        if self.lost.is_none() {
            self.engine.expire(now);
            is_pressed = self.wake_writers();
            self.watch(now);
            self.end_if_idle(now);
        }
        into.append(&mut self.outgoing);
        if self.lost.is_some() || self.ending.is_over() {
            return None;
        }
        let from = into.len();
        self.engine.poll_packets(now, is_pressed, into);
        if into.len() > from {
            self.liveness.sent(self.engine.sent, now);
        }
        self.deadline()
    }

    /// Says whether a lane may send no more messages before some are acknowledged.
    fn wake_writers(&mut self) -> bool {
        let (least, most) = MESSAGES_OF_ONE;
        self.limits.messages = (MESSAGES / self.lanes.len().max(1)).clamp(least, most);
        let Self { engine, limits, woken, lanes, .. } = self;
        let mut is_pressed = false;
        lanes.for_each(|lane| {
            let mut scope = Scope { engine, limits, woken };
            lane.wake_writer(&mut scope);
            is_pressed |= lane.is_pressed(&mut scope);
        });
        is_pressed
    }

    /// Asks the peer whether it is there, or gives it up.
    fn watch(&mut self, now: Instant) {
        match self.liveness.poll(now) {
            Due::Nothing => {}
            Due::Lost(loss) => self.lose(loss),
            // One parameter of eight bytes, which nobody reads: any word of the peer's will do.
            Due::Question => self.say(kind::HEARTBEAT, &[0, 1, 0, 8, 0, 0, 0, 0]),
        }
    }

    fn end_if_idle(&mut self, now: Instant) {
        let is_done = self.lanes.len() == 0 && self.engine.is_idle();
        since(&mut self.idle_since, is_done, now);
        since(&mut self.unattended_since, !is_done && !self.lanes.are_held(), now);
        if self.idle_since.is_some_and(|since| now >= since + self.idle_limit) {
            self.has_timed_out |= self.role == Role::Listener && self.ending.is_open();
            self.ending.begin(now);
        }
        if let Some(kind) = self.ending.poll(now, is_done) {
            self.say_ending(kind);
        }
        if self.give_up_at().is_some_and(|limit| now >= limit) || self.ending.is_late(now) {
            self.lose(Loss::Silent(LINGER));
        }
    }

    /// Whether it ends for having had no lane for too long; says so once.
    pub(super) fn take_timed_out(&mut self) -> bool {
        std::mem::take(&mut self.has_timed_out)
    }

    /// Until when it tries to send what no caller waits for any more: as long as the peer goes on to acknowledge, with an end
    /// to it.
    fn give_up_at(&self) -> Option<Instant> {
        let since = self.unattended_since?;
        Some((self.liveness.progress.max(since) + LINGER).min(since + LONGEST_LINGER))
    }

    fn say_ending(&mut self, kind: u8) {
        let received = self.engine.received.to_be_bytes();
        self.say(kind, if kind == kind::SHUTDOWN { &received } else { &[] });
    }

    /// What is more than can be sent is left out: it is asked for, or said, again.
    fn say(&mut self, kind: u8, value: &[u8]) {
        if self.outgoing.len() >= SAID_AT_ONCE {
            return;
        }
        self.outgoing.push(wire::packet(self.header, kind, 0, value));
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = self.idle_since.filter(|_| self.ending.is_open()).map(|since| since + self.idle_limit);
        [
            Some(self.liveness.deadline()),
            self.engine.timeout(),
            self.ending.deadline(),
            self.give_up_at(),
            idle,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn scope(&mut self) -> Scope<'_> {
        Scope { engine: &mut self.engine, limits: &self.limits, woken: &mut self.woken }
    }

    /// Lanes that the peer has opened since the last time.
    pub(super) fn take_arrived(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.arrived)
    }

    /// What has to be woken, now that the association has no holder.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    /// Asks for the next poll, for a change that sends nothing.
    pub(super) fn touch(&mut self) {
        self.is_touched = true;
    }

    /// Whether a poll would find something to do.
    pub(super) fn is_touched(&self) -> bool {
        self.is_touched || self.engine.has_news
    }
}

/// How many streams both sides can write and read.
pub(super) fn streams_of(ours: &Init, theirs: &Init) -> u16 {
    ours.outbound.min(ours.inbound).min(theirs.outbound).min(theirs.inbound)
}

/// Notes since when something is so.
fn since(slot: &mut Option<Instant>, is_so: bool, now: Instant) {
    *slot = is_so.then(|| slot.unwrap_or(now));
}

/// Whole packets full, so that many of them can be sent at once, and several of them, since each message has its cost.
fn message_of(mtu: usize) -> usize {
    const ABOUT: usize = LONGEST_MESSAGE as usize;
    let payload = payload_of(mtu);
    (payload * (ABOUT / payload).max(1)).min(LONGEST_MESSAGE as usize)
}
