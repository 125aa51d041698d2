//! Whether the peer is still there.

use std::time::Duration;

use super::reading::Reading;
use crate::connection::OptionError;
use crate::error::LinkError;
use crate::packet::{Kind, Packet};

/// When a peer counts as gone.
///
/// Once every interval each link looks back: a peer that was silent is asked with a ping, where the protocol has one,
/// also while nothing is in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How often to look. From 1 ms to 1 day; default 15 s.
    pub interval: Duration,
    /// After how many silent intervals, with pings unanswered, the channel is given up. At least 1; default 3.
    pub missed: u32,
    /// How long one packet may take from its first byte to its last. At least 1 ms; default 60 s. Raise it for large
    /// packets on slow links.
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

    /// The same with another limit for one packet.
    #[must_use]
    pub fn packet_within(mut self, packet: Duration) -> Self {
        self.packet = packet;
        self
    }

    /// The same with another limit for silence without pings.
    #[must_use]
    pub fn idle_within(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
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

/// What the last looks saw.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) seen: u32,
    health: Health,
    can_ping: bool,
    bytes: u64,
    packets: u64,
    silent: u32,
    unfinished: u32,
}

impl Watch {
    pub(super) fn new(health: &Health, can_ping: bool, seen: u32) -> Self {
        Self { seen, health: health.clone(), can_ping, bytes: 0, packets: 0, silent: 0, unfinished: 0 }
    }

    /// One more interval has passed. Gives a ping to be sent.
    pub(super) fn tick(&mut self, ticks: u32, reading: &Reading) -> Result<Option<Packet>, LinkError> {
        let passed = ticks.wrapping_sub(self.seen);
        self.seen = ticks;
        let quiet = reading.bytes == self.bytes;
        self.silent = if quiet { self.silent.saturating_add(passed) } else { 0 };
        let stuck = reading.is_inside_packet() && reading.packets == self.packets;
        self.unfinished = if stuck { self.unfinished.saturating_add(passed) } else { 0 };
        (self.bytes, self.packets) = (reading.bytes, reading.packets);
        let unfinished = self.health.interval * self.unfinished;
        if self.unfinished > 0 && unfinished >= self.health.packet {
            return Err(LinkError::SlowPacket(unfinished));
        }
        let silent = self.health.interval * self.silent;
        let limit = if self.can_ping { self.health.interval * self.health.missed } else { self.health.idle };
        // A reader that is held up by its own side's limits, or has read the peer's last byte, has no right to call it
        // silent. The pings go on: to a peer that is gone they fail.
        let expects = !reading.held_up && !reading.ended;
        if silent >= limit && self.silent > 0 && expects {
            return Err(LinkError::Silent(silent));
        }
        Ok((quiet && self.can_ping).then(|| Packet::new(Kind::Ping, 0, bytes::Bytes::new())))
    }
}
