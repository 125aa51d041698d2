//! Backoff: waits between dials of the same endpoint.

use std::time::Duration;

use crate::random::Random;
use crate::setters::setters;

/// Waits between failed dials: they double from `first` to `cap`, each with jitter of up to half of it taken away.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first wait. Default: 50 ms.
    pub first: Duration,
    /// The longest wait, unless the peer has asked for a longer one: a server of this library's does when it does not admit a
    /// channel (30 s), or is full or draining (1 s). Default: 5 s.
    pub cap: Duration,
    /// After how many failed dials in a row the connection counts as down, and calls are refused at once instead of
    /// being queued. Default: 3.
    pub down_after: u32,
    /// Seeds the jitter; `None` takes a seed of the system's. Simulations give one.
    pub seed: Option<u64>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(50), cap: Duration::from_secs(5), down_after: 3, seed: None }
    }
}

impl Backoff {
    /// Waits from `first` to `cap`.
    #[must_use]
    pub fn between(first: Duration, cap: Duration) -> Self {
        Self { first, cap: cap.max(first), ..Self::default() }
    }

    setters! {
        /// The same with another number of failed dials before the connection counts as down.
        down_after(dials: u32) => down_after = dials.max(1);

        /// The same with a seed for the jitter.
        seeded(seed: u64) => seed = Some(seed);
    }

    /// The state of one dialer in these waits. Those of other numbers have other jitter, of the same seed too.
    #[must_use]
    pub fn state(&self, number: usize) -> BackoffState {
        BackoffState { backoff: self.clone(), random: Random::new(self.seed).of(number as u64), failures: 0 }
    }
}

/// The state of one dialer in its [`Backoff`].
#[derive(Debug)]
pub struct BackoffState {
    backoff: Backoff,
    random: Random,
    failures: u32,
}

impl BackoffState {
    /// Starts again with the first wait.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure, and says how long to wait before the next try.
    pub fn failed(&mut self) -> Duration {
        let doubled = self.backoff.first.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(self.backoff.cap);
        let jitter = wait.mul_f64(0.5 * self.random.fraction());
        wait - jitter
    }

    /// Whether as many in a row have failed as mean that nothing answers: [`Backoff::down_after`].
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.failures >= self.backoff.down_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_jitter_takes_at_most_half() {
        let backoff = Backoff::between(Duration::from_millis(10), Duration::from_millis(100)).seeded(7);
        let mut state = backoff.state(0);
        for full in [10, 20, 40, 80, 100, 100] {
            let wait = state.failed();
            let full = Duration::from_millis(full);
            assert!(wait <= full && wait >= full / 2, "{wait:?} for {full:?}");
        }
        state.succeeded();
        assert!(state.failed() <= Duration::from_millis(10));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let mut state = Backoff::default().seeded(seed).state(1);
            (0..8).map(|_| state.failed()).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
