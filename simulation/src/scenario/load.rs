//! The load of a client.

use std::time::Duration;

use crate::history::Manner;
use crate::random::Random;
use crate::stack::bodies::{Asked, SHORTEST, SHORTEST_REPLY, SPOILS_REPLY, Task};

/// How many calls, of which kinds, over which time. Shares are in 1000.
#[derive(Debug, Clone)]
pub struct Load {
    /// Fewest and most calls.
    pub calls: (usize, usize),
    /// Over which time they are spread.
    pub over: Duration,
    /// Most bytes of a request, and of a reply. Sizes at which something rounds are preferred.
    pub largest: (usize, usize),
    /// How many of them are of the largest size.
    pub large: u32,
    /// How long callers wait, at least and at most.
    pub timeout: (Duration, Duration),
    /// How many are made in bursts, many at the same time.
    pub bursts: u32,
    /// How many are taken back by their callers.
    pub cancelled: u32,
    /// How many want no reply.
    pub one_way: u32,
    /// How many go through a state machine.
    pub machines: u32,
    /// How many are answered late.
    pub slow: u32,
    /// How late at most.
    pub slowest: Duration,
    /// How many make their handler panic.
    pub panics: u32,
    /// How many are answered with an error.
    pub failures: u32,
    /// How many make a codec panic: half of them their server's, the others their client's.
    pub spoiling: u32,
    /// How many are never answered.
    pub endless: u32,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            calls: (40, 140),
            over: Duration::from_millis(2500),
            largest: (8 << 10, 8 << 10),
            large: 20,
            timeout: (Duration::from_millis(400), Duration::from_secs(2)),
            bursts: 300,
            cancelled: 60,
            one_way: 60,
            machines: 150,
            slow: 200,
            slowest: Duration::from_millis(120),
            panics: 15,
            failures: 30,
            spoiling: 0,
            endless: 0,
        }
    }
}

impl Load {
    /// One whose calls are in flight nearly all the time.
    #[must_use]
    pub fn busy() -> Self {
        Self { calls: (80, 200), slow: 600, slowest: Duration::from_millis(300), ..Self::default() }
    }
}

/// One call of a load.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub(super) at: Duration,
    pub(super) manner: Manner,
    pub(super) asked: Asked,
    pub(super) size: usize,
    pub(super) timeout: Duration,
    pub(super) cancel_after: Option<Duration>,
    pub(super) to: usize,
}

impl Op {
    /// The same in a protocol that has no one-way messages, and no errors: without an answer a call would take its
    /// channel with it.
    pub(super) fn plainly(mut self) -> Self {
        if self.manner == Manner::OneWay {
            self.manner = Manner::Call;
        }
        if matches!(self.asked.task, Task::Panic | Task::Fail | Task::Forever) {
            self.asked.task = Task::Answer;
        }
        self
    }
}

impl Load {
    /// How many calls the load of `seed` makes.
    #[must_use]
    pub fn count(&self, seed: u64) -> usize {
        let (least, most) = self.calls;
        least + Random::of(seed, "calls").below(most.saturating_sub(least) + 1)
    }

    /// The first `count` calls of the load of `seed`, over `ways` ways; fewer calls are a part of more.
    pub(super) fn ops(&self, seed: u64, count: usize, ways: usize) -> Vec<Op> {
        let mut random = Random::of(seed, "load");
        let mut at = Duration::ZERO;
        // Of all calls of the seed, so that those which are left when some are dropped stay where they were.
        let gap = self.over / u32::try_from(self.count(seed).max(1)).unwrap_or(u32::MAX);
        let op = |number: usize| {
            let burst = share(&mut random, self.bursts);
            if !burst {
                at += gap * u32::try_from(random.below(200)).unwrap_or(0) / 65;
            }
            self.op(number as u64 + 1, at, ways, &mut random)
        };
        (0..count).map(op).collect()
    }

    fn op(&self, number: u64, at: Duration, ways: usize, random: &mut Random) -> Op {
        let manner = match random.below(1000) as u32 {
            drawn if drawn < self.one_way => Manner::OneWay,
            drawn if drawn < self.one_way + self.machines => Manner::Send,
            _ => Manner::Call,
        };
        let answered_so = self.panics + self.failures + self.slow;
        let task = match random.below(1000) as u32 {
            drawn if drawn < self.panics => Task::Panic,
            drawn if drawn < self.panics + self.failures => Task::Fail,
            drawn if drawn < answered_so => {
                Task::Wait(Duration::from_millis(1 + random.below(self.slowest.as_millis() as usize) as u64))
            }
            drawn if drawn < answered_so + self.spoiling / 2 => Task::SpoilRequest,
            drawn if drawn < answered_so + self.spoiling => Task::SpoilReply,
            // What wants no reply has no deadline to end it.
            drawn if drawn < answered_so + self.spoiling + self.endless && manner != Manner::OneWay => {
                Task::Forever
            }
            _ => Task::Answer,
        };
        let number = number | if task == Task::SpoilReply { SPOILS_REPLY } else { 0 };
        let large = share(random, self.large);
        let mut size = |most: usize, least: usize| {
            let size = if large { most } else { random.size(most.max(1)) };
            size.max(least)
        };
        let (size, reply) = (size(self.largest.0, SHORTEST), size(self.largest.1, SHORTEST_REPLY));
        let (least, most) = self.timeout;
        let spread = (most.saturating_sub(least)).as_millis() as usize + 1;
        let timeout = least + Duration::from_millis(random.below(spread) as u64);
        let cancelled = share(random, self.cancelled) && manner == Manner::Call;
        let cancel_after = Duration::from_micros(random.below(30_000) as u64);
        Op {
            at,
            manner,
            asked: Asked { number, reply, task },
            size,
            timeout,
            cancel_after: cancelled.then_some(cancel_after),
            to: random.below(ways),
        }
    }
}

fn share(random: &mut Random, in_thousand: u32) -> bool {
    (random.below(1000) as u32) < in_thousand
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_calls_of_a_seed_are_a_part_of_more() {
        let load = Load::busy();
        let shown = |count| -> Vec<_> { load.ops(5, count, 3).iter().map(|op| format!("{op:?}")).collect() };
        assert_eq!(shown(9), shown(60)[..9]);
    }
}
