//! Trace of a run: its events in order, and their hash.
//!
//! Only what a seed decides belongs into it: times, sizes, numbers, never ciphertext or addresses of memory.

use std::fmt;
use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event {
    /// When. Unit: microseconds of the run.
    pub at_us: u64,
    /// To which party, as its place in the roles; [`Event::RUN`] is the network itself.
    pub who: u16,
    /// What.
    pub what: &'static str,
    /// Which call, channel or fault.
    pub number: u64,
    /// How much.
    pub amount: u64,
}

impl Event {
    /// What is no party but the network.
    pub const RUN: u16 = u16::MAX;
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.at_us / 1_000_000, self.at_us % 1_000_000);
        let Self { what, number, amount, .. } = self;
        match self.who {
            Self::RUN => write!(f, "{seconds}.{micros:06} run      {what} {number} {amount}"),
            who => write!(f, "{seconds}.{micros:06} party {who:<2} {what} {number} {amount}"),
        }
    }
}

/// Every event of a run, up to a limit, and the hash of all of them.
#[derive(Debug, Clone)]
pub struct Trace {
    events: Vec<Event>,
    hash: u64,
    count: u64,
}

impl Trace {
    /// Most events that are kept. Those beyond count for the hash alone.
    pub const KEPT: usize = 1 << 20;

    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        // The offset of FNV-1a.
        Self { events: Vec::new(), hash: 0xcbf2_9ce4_8422_2325, count: 0 }
    }

    /// One more.
    pub fn add(&mut self, at: Duration, who: u16, what: &'static str, number: u64, amount: u64) {
        let at_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let event = Event { at_us, who, what, number, amount };
        self.absorb(&at_us.to_le_bytes());
        self.absorb(&who.to_le_bytes());
        self.absorb(what.as_bytes());
        self.absorb(&number.to_le_bytes());
        self.absorb(&amount.to_le_bytes());
        self.count += 1;
        if self.events.len() < Self::KEPT {
            self.events.push(event);
        }
    }

    /// The hash of all events so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The events that were kept, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The first event that is not the same in both, with its place, as text; `None` when the two are the same.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        if self.hash == other.hash && self.count == other.count {
            return None;
        }
        let (mine, theirs) = (&self.events, &other.events);
        if mine == theirs {
            return Some(format!("beyond the {} events that are kept", Self::KEPT));
        }
        let pairs = mine.iter().zip(theirs);
        let at = pairs.take_while(|(mine, theirs)| mine == theirs).count();
        let show =
            |events: &[Event]| events.get(at).map_or_else(|| "nothing more".to_owned(), Event::to_string);
        Some(format!("event {at}: first `{}`, then `{}`", show(mine), show(theirs)))
    }

    fn absorb(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(amounts: &[u64]) -> Trace {
        let mut trace = Trace::new();
        for (number, amount) in amounts.iter().enumerate() {
            trace.add(Duration::from_millis(number as u64), 1, "read", 7, *amount);
        }
        trace
    }

    #[test]
    fn equal_events_give_equal_hashes_and_the_first_other_one_is_named() {
        assert_eq!(trace(&[1, 2, 3]).hash(), trace(&[1, 2, 3]).hash());
        assert_eq!(trace(&[1, 2, 3]).first_difference(&trace(&[1, 2, 3])), None);
        let difference = trace(&[1, 2, 3]).first_difference(&trace(&[1, 9, 3])).unwrap();
        assert!(difference.starts_with("event 1:") && difference.contains("read 7 9"), "{difference}");
        let shorter = trace(&[1]).first_difference(&trace(&[1, 2])).unwrap();
        assert!(shorter.contains("nothing more"), "{shorter}");
    }
}
