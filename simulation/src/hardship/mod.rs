//! Hardships: what a transport may legally do to its user, made to happen all the time.
//!
//! A [`Hardship`] is a [`Layer`] that keeps every promise of [`ChannelRead`](listenrain::ChannelRead) and
//! [`ChannelWrite`](listenrain::ChannelWrite), and keeps none that they do not make: bytes come one by one, or late and
//! all at once, or only after many polls. Whatever works over a transport must work over it under each of them.

mod coalesced_writes;
mod one_byte_reads;
mod pending_storms;
mod short_writes;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use listenrain::{BoxFuture, Channel, ChannelGenerator, NextError, Transport};

use crate::layer::{Layer, Layered, Side, map_halves};
use crate::random::Random;

use self::pending_storms::Storm;

/// One named hardship, for both halves at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hardship {
    /// A read delivers one byte, however many have arrived.
    OneByteReads,
    /// A write takes 1 to 64 bytes, however many are offered.
    ShortWrites,
    /// Writes are held back until a flush or a shutdown, or until 64 KiB wait, then go as one.
    CoalescedWrites,
    /// Any poll may say `Pending` although it need not, once or for a while, and wake its task again.
    PendingStorms,
}

impl Hardship {
    /// Every hardship.
    pub const ALL: [Self; 4] =
        [Self::OneByteReads, Self::ShortWrites, Self::CoalescedWrites, Self::PendingStorms];

    /// Its name in flags, reports and tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneByteReads => "one-byte-reads",
            Self::ShortWrites => "short-writes",
            Self::CoalescedWrites => "coalesced-writes",
            Self::PendingStorms => "pending-storms",
        }
    }

    /// What it does, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OneByteReads => "a read delivers one byte, however many have arrived",
            Self::ShortWrites => "a write takes 1 to 64 bytes, however many are offered",
            Self::CoalescedWrites => "writes are held back until a flush, a shutdown or 64 KiB",
            Self::PendingStorms => "any poll may say pending although it need not, and wakes its task again",
        }
    }

    /// The hardship of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hardship| hardship.name() == name)
    }

    /// How much smaller bulk transfers should be under it, to take about as long as without.
    #[must_use]
    pub(crate) const fn divisor(self) -> usize {
        match self {
            Self::OneByteReads => 16,
            Self::ShortWrites => 32,
            Self::CoalescedWrites => 4,
            Self::PendingStorms => 8,
        }
    }

    /// `transport` under this hardship; `seed` decides all of its choices.
    #[must_use]
    pub fn upon(self, transport: Arc<dyn Transport>, seed: u64) -> Layered {
        Layered::new(transport, Arc::new(Hard { hardship: self, seed, channels: AtomicU64::new(0) }))
    }
}

impl fmt::Display for Hardship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A hardship at work; channels are numbered, so that each has random choices of its own.
#[derive(Debug)]
struct Hard {
    hardship: Hardship,
    seed: u64,
    channels: AtomicU64,
}

impl Hard {
    fn random(&self) -> Random {
        let number = self.channels.fetch_add(1, Ordering::Relaxed);
        Random::of(self.seed.wrapping_add(number), self.hardship.name())
    }
}

impl Layer for Hard {
    fn channel(&self, _side: Side, channel: Channel) -> Channel {
        let mut random = self.random();
        match self.hardship {
            Hardship::OneByteReads => one_byte_reads::on(channel),
            Hardship::ShortWrites => {
                map_halves(channel, |read| read, |write| Box::new(short_writes::Short::new(write, random)))
            }
            Hardship::CoalescedWrites => {
                map_halves(channel, |read| read, |write| Box::new(coalesced_writes::Coalesced::new(write)))
            }
            Hardship::PendingStorms => {
                let (reading, writing) = (Random::new(random.draw()), Random::new(random.draw()));
                map_halves(
                    channel,
                    |read| Box::new(pending_storms::Stormy::new(read, reading)),
                    |write| Box::new(pending_storms::Stormy::new(write, writing)),
                )
            }
        }
    }

    fn next<'a>(
        &'a self,
        _side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        match self.hardship {
            Hardship::PendingStorms => {
                let mut storm = Storm::new(self.random());
                let mut next = below.next();
                Box::pin(std::future::poll_fn(move |cx| {
                    std::task::ready!(storm.poll(cx));
                    next.as_mut().poll(cx)
                }))
            }
            _ => below.next(),
        }
    }
}

#[cfg(test)]
mod tests;
