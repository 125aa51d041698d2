//! Clock offset between two workers: Cristian's method, by the fastest of several pings.

use std::time::{Duration, Instant};

/// Pings of one measurement. The fastest counts.
pub(super) const PINGS: u64 = 20;

/// A monotonic clock that counts nanoseconds from a moment of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    /// That begins now.
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn ns(self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.0).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn instant(self, ns: u64) -> Instant {
        // A clock does not run for 584 years, but a peer may say that it does.
        self.0.checked_add(Duration::from_nanos(ns)).unwrap_or(self.0)
    }
}

/// What the fastest ping says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Probe(Option<Fastest>);

#[derive(Debug, Clone, Copy)]
struct Fastest {
    rtt: u64,
    offset: i128,
}

impl Probe {
    /// A ping that left at `sent` and whose answer, given at the other's `at`, came at `back`; all ns.
    pub(super) fn add(&mut self, sent: u64, at: u64, back: u64) {
        let rtt = back.saturating_sub(sent);
        if self.0.is_none_or(|fastest| rtt < fastest.rtt) {
            let midpoint = i128::from(sent) + i128::from(rtt / 2);
            self.0 = Some(Fastest { rtt, offset: i128::from(at) - midpoint });
        }
    }

    /// There and back, ns.
    pub(super) fn rtt_ns(&self) -> u64 {
        self.0.map_or(0, |fastest| fastest.rtt)
    }

    /// What the other's clock says when ours says `ns`; half of [`rtt_ns`](Self::rtt_ns) wrong at most.
    pub(super) fn theirs(&self, ns: u64) -> u64 {
        let offset = self.0.map_or(0, |fastest| fastest.offset);
        u64::try_from((i128::from(ns) + offset).max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fastest_ping_counts_wherever_it_is_in_the_row() {
        let pings = [(0u64, 1_000u64, 900u64), (1_000, 2_010, 1_020), (2_000, 2_990, 2_700)];
        for turn in 0..3 {
            let mut probe = Probe::default();
            pings.iter().cycle().skip(turn).take(3).for_each(|(sent, at, back)| probe.add(*sent, *at, *back));
            // It left at 1,000 and came at 1,020: at 1,010 by our clock theirs said 2,010.
            assert_eq!((probe.rtt_ns(), probe.theirs(5_000)), (20, 6_000));
        }
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_of_the_round_trip(
            offset in -1_000_000_000i64..1_000_000_000,
            trips in prop::collection::vec((0u64..10_000_000, 0u64..10_000_000), 1..20),
        ) {
            // Their clock is ours and the offset; the way there and the way back take what they take.
            let mut probe = Probe::default();
            let theirs = |ours: u64| ours.checked_add_signed(offset).unwrap();
            let mut now = 10_000_000_000;
            for (there, back) in trips {
                probe.add(now, theirs(now + there), now + there + back);
                now += there + back + 1;
            }
            let error = probe.theirs(now).abs_diff(theirs(now));
            prop_assert!(error <= probe.rtt_ns() / 2 + 1, "{} of {}", error, probe.rtt_ns());
        }
    }
}
