//! The schedule of an open loop: when each request is due, computed from the seed, never read off a clock.

use std::time::Duration;

use fastrand::Rng;

use crate::load::{Arrivals, OpenConfig};
use crate::random::{exponential, seeded};

/// The times at which requests are due, counted from the load's start, without end and never going back.
///
/// One configuration gives one schedule, on every run. A schedule may be one of several parts that make the whole rate
/// together.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    gaps: Gaps,
    next: Duration,
}

#[derive(Debug, Clone)]
enum Gaps {
    /// The request of number `index` of all parts is due `index` / `rate` seconds after the start. Each is computed by
    /// itself: a sum of rounded gaps would drift.
    Fixed { index: u64, step: u64, rate: f64 },
    /// The sum of what was drawn, in nanoseconds.
    Exp { at: f64, rate: f64, random: Rng },
}

const NANOS: f64 = 1e9;

impl Schedule {
    /// Part `index` of `parts` of what `open` says.
    ///
    /// Equally spaced requests go to the parts in turn. Exponential ones are drawn for each part by itself, at its share
    /// of the rate: together they are exponential again.
    pub(super) fn part(open: &OpenConfig, index: u64, parts: u64) -> Self {
        let gaps = match open.arrivals {
            Arrivals::Fixed => Gaps::Fixed { index, step: parts, rate: open.rate },
            Arrivals::Exp => Gaps::Exp {
                at: 0.0,
                rate: open.rate / parts as f64,
                random: seeded(open.seed, &format!("arrivals {index} of {parts}")),
            },
        };
        let mut schedule = Self { gaps, next: Duration::ZERO };
        schedule.advance();
        schedule
    }

    /// When the next request is due.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// The next request, if it is due by `now`.
    pub(super) fn take(&mut self, now: Duration) -> Option<Duration> {
        let due = self.next;
        (due <= now).then(|| {
            self.advance();
            due
        })
    }

    fn advance(&mut self) {
        let nanos = match &mut self.gaps {
            Gaps::Fixed { index, step, rate } => {
                let nanos = *index as f64 * NANOS / *rate;
                *index += *step;
                nanos
            }
            Gaps::Exp { at, rate, random } => {
                *at += exponential(random) * NANOS / *rate;
                *at
            }
        };
        // Beyond what a duration holds it saturates: never due.
        self.next = Duration::from_nanos(nanos.round() as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::PacerChoice;

    fn open(rate: f64, arrivals: Arrivals, seed: u64) -> OpenConfig {
        OpenConfig { rate, arrivals, max_in_flight: 1, pacer: PacerChoice::Tick, seed }
    }

    fn first(schedule: &mut Schedule, count: usize) -> Vec<Duration> {
        (0..count).map(|_| schedule.take(Duration::MAX).unwrap()).collect()
    }

    fn arrivals() -> impl Strategy<Value = Arrivals> {
        prop_oneof![Just(Arrivals::Fixed), Just(Arrivals::Exp)]
    }

    proptest! {
        #[test]
        fn a_schedule_never_goes_back_and_its_seed_decides_it(
            rate in 0.1f64..1e6, arrivals in arrivals(), seed: u64, parts in 1u64..9,
        ) {
            let open = open(rate, arrivals, seed);
            for index in 0..parts {
                let times = first(&mut Schedule::part(&open, index, parts), 300);
                prop_assert!(times.is_sorted());
                prop_assert_eq!(times, first(&mut Schedule::part(&open, index, parts), 300));
            }
        }

        #[test]
        fn the_mean_rate_is_the_rate_that_was_asked_for(
            rate in 0.1f64..1e6, arrivals in arrivals(), seed: u64, parts in 1u64..9,
        ) {
            let open = open(rate, arrivals, seed);
            // As long as 20,000 requests take on average; of exponential ones, 6 deviations are 4.3 % of it.
            let span = Duration::from_secs_f64(20_000.0 / rate);
            let mut count = 0;
            for index in 0..parts {
                let mut part = Schedule::part(&open, index, parts);
                while part.take(span).is_some() { count += 1 }
            }
            prop_assert!((19_140..=20_860).contains(&count), "{}", count);
        }

        #[test]
        fn equal_gaps_have_no_rounding_that_adds_up(rate in 0.1f64..1e6, at in 1usize..50_000, parts in 1u64..9) {
            let mut part = Schedule::part(&open(rate, Arrivals::Fixed, 0), 0, parts);
            let due = first(&mut part, at + 1)[at];
            let exact = (at as u64 * parts) as f64 * 1e9 / rate;
            prop_assert!((due.as_nanos() as f64 - exact).abs() <= 0.5 + exact * f64::EPSILON);
        }
    }

    #[test]
    fn parts_with_equal_gaps_take_turns() {
        let open = open(1000.0, Arrivals::Fixed, 0);
        let mut whole = Schedule::part(&open, 0, 1);
        let mut parts: Vec<_> = (0..3).map(|index| Schedule::part(&open, index, 3)).collect();
        for turn in 0..30 {
            assert_eq!(parts[turn % 3].take(Duration::MAX), whole.take(Duration::MAX));
        }
    }

    #[test]
    fn what_is_not_due_is_not_given() {
        let mut schedule = Schedule::part(&open(1000.0, Arrivals::Fixed, 0), 0, 1);
        let now = Duration::from_micros(1999);
        assert_eq!(schedule.take(now), Some(Duration::ZERO));
        assert_eq!(schedule.take(now), Some(Duration::from_millis(1)));
        assert_eq!(schedule.take(now), None);
        assert_eq!(schedule.next(), Duration::from_millis(2));
    }
}
