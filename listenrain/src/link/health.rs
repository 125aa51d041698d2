//! Health checks: pings, and when a silent or stuck peer counts as gone.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{LinkError, OptionError};
use crate::packet::{Kind, Packet};
use crate::setters::setters;

/// When a peer counts as gone.
///
/// Once every interval each link looks back: a peer that was silent is asked with a ping, where the protocol has one,
/// also while nothing is in flight. Silence counts only while this side reads. A peer that takes nothing of what is to be
/// written is given up after as many intervals, whatever it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How often to look. From 1 ms to 1 day; default 15 s.
    pub interval: Duration,
    /// After how many silent intervals, with pings unanswered, or after how many in which the peer took nothing of what
    /// waits to be written, the channel is given up. At least 1; default 3.
    pub missed: u32,
    /// How long one packet may take from its first byte to its last, also while a server has no memory for the rest of it. At
    /// least 1 ms; default 60 s. Raise it for large packets on slow links.
    pub packet: Duration,
    /// After how long a silent channel is given up where the protocol has no ping. At least 1 ms; default 10 min.
    pub idle: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15),
            missed: 3,
            packet: Duration::from_secs(60),
            idle: Duration::from_secs(600),
        }
    }
}

impl Health {
    /// Looks every `interval` and gives up after `missed` silent ones.
    #[must_use]
    pub fn every(interval: Duration, missed: u32) -> Self {
        Self { interval: interval.max(Duration::from_millis(1)), missed: missed.max(1), ..Self::default() }
    }

    setters! {
        /// The same with another limit for one packet.
        packet_within(packet: Duration) => packet;

        /// The same with another limit for silence without pings.
        idle_within(idle: Duration) => idle;
    }

    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let (short, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        let interval = self.interval;
        let legal = (short..=day).contains(&interval);
        OptionError::check(legal, "health.interval", interval, "1ms to 1 day")?;
        OptionError::check(self.missed > 0, "health.missed", self.missed, "1 or more")?;
        OptionError::check(self.packet >= short, "health.packet", self.packet, "1ms or more")?;
        OptionError::check(self.idle >= short, "health.idle", self.idle, "1ms or more")
    }
}

/// What a look sees of a link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Bytes and packets that have come.
    pub(super) bytes: u64,
    pub(super) packets: u64,
    /// Whether this side reads: a peer that it does not read cannot be called silent.
    pub(super) reads: bool,
    /// Whether it would, had it memory for the rest of a packet.
    pub(super) awaits_memory: bool,
    /// Whether part of a packet has come.
    pub(super) is_inside_packet: bool,
    /// Bytes that the channel has taken.
    pub(super) written: u64,
    /// Whether there are more for it to take.
    pub(super) has_output: bool,
}

/// What the looks have seen so far.
#[derive(Debug)]
pub(super) struct Watch {
    /// Ticks that had passed at the last look.
    pub(super) ticks: u32,
    health: Health,
    can_ping: bool,
    looked_at: Instant,
    last: Seen,
    /// For how long nothing has come, no packet has become whole, and nothing was taken of what waits.
    silent: Duration,
    unfinished: Duration,
    stalled: Duration,
    /// The last look gave a ping.
    has_asked: bool,
    /// The packet that has partly come was held up for want of memory.
    was_held_up: bool,
}

impl Watch {
    /// Of a channel that has just opened.
    pub(super) fn new(health: &Health, can_ping: bool, ticks: u32) -> Self {
        let last = Seen { reads: true, ..Seen::default() };
        let none = Duration::ZERO;
        let (health, looked_at) = (health.clone(), Instant::now());
        Self {
            ticks,
            health,
            can_ping,
            looked_at,
            last,
            silent: none,
            unfinished: none,
            stalled: none,
            has_asked: false,
            was_held_up: false,
        }
    }

    /// Looks again. Gives a ping to be sent.
    pub(super) fn look(&mut self, ticks: u32, seen: Seen) -> Result<Option<Packet>, LinkError> {
        self.ticks = ticks;
        let now = Instant::now();
        let passed = now - std::mem::replace(&mut self.looked_at, now);
        // Where it was this process that stood still, the peer has had no chance meanwhile.
        let passed = passed.min(self.health.interval * 2);
        let last = std::mem::replace(&mut self.last, seen);
        // What is so at both looks was so all the time between them; what has only begun has not lasted yet.
        let count = |so_far: Duration, goes_on: bool| if goes_on { so_far + passed } else { Duration::ZERO };
        let (read, is_quiet) = (last.reads && seen.reads, last.bytes == seen.bytes);
        let is_same_packet = last.is_inside_packet && seen.is_inside_packet && last.packets == seen.packets;
        let is_same_output = last.has_output && seen.has_output && last.written == seen.written;
        self.silent = count(self.silent, read && is_quiet);
        self.stalled = count(self.stalled, is_same_output);
        // What is held up for want of memory keeps memory; while anything else holds it up the time stands still.
        let goes_on = (last.reads || last.awaits_memory) && (seen.reads || seen.awaits_memory);
        if goes_on || !is_same_packet {
            self.unfinished = count(self.unfinished, is_same_packet);
        }
        self.was_held_up = seen.awaits_memory || (self.was_held_up && is_same_packet);
        let has_asked = std::mem::replace(&mut self.has_asked, is_quiet && self.can_ping);
        self.judge(has_asked)?;
        Ok((is_quiet && self.can_ping).then(|| Packet::new(Kind::Ping, 0, bytes::Bytes::new())))
    }

    /// Whether a packet has taken too long, and this side has its part in that.
    pub(super) fn is_held_up_too_long(&self) -> bool {
        self.was_held_up && self.unfinished >= self.health.packet
    }

    fn judge(&self, has_asked: bool) -> Result<(), LinkError> {
        let patience = self.health.interval * self.health.missed;
        let silence = if self.can_ping { patience } else { self.health.idle };
        if self.unfinished >= self.health.packet && !self.was_held_up {
            Err(LinkError::SlowPacket(self.unfinished))
        } else if self.silent >= silence && (has_asked || !self.can_ping) {
            Err(LinkError::Silent(self.silent))
        } else if self.stalled >= patience {
            Err(LinkError::Stalled(self.stalled))
        } else {
            Ok(())
        }
    }
}
