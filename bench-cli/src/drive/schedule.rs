//! When each request of an open loop is due: computed from the seed, never read off a clock.

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
#[path = "schedule_tests.rs"]
mod tests;
