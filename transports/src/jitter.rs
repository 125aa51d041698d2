//! Jitter: spreads what many would do at the same time.
//!
//! Dialers that were cut off together ask again together, and find the same queue full, unless each waits a little
//! differently.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// `wait` and up to half as much again, as `random` has it.
pub(crate) fn spread(wait: Duration, random: u32) -> Duration {
    wait + wait.mul_f64(0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// A random number of the system's.
pub(crate) fn system_random() -> u32 {
    (RandomState::new().build_hasher().finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn nothing_waits_shorter_nor_more_than_half_as_long_again() {
        let wait = Duration::from_millis(100);
        assert_eq!([0, u32::MAX].map(|random| spread(wait, random).as_millis()), [100, 150]);
        let waits: BTreeSet<_> = (0..50).map(|_| spread(wait, system_random())).collect();
        assert!(waits.len() > 40, "they differ");
    }
}
