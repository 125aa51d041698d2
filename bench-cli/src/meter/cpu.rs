//! CPU time of this process: a clock that counts, never a percentage that someone sampled.

use std::time::Duration;

/// User and system time of all threads so far, or `None` where the system cannot say.
pub(crate) fn process_time() -> Option<Duration> {
    #[cfg(unix)]
    {
        use nix::time::{ClockId, clock_gettime};
        clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok().map(Duration::from)
    }
    #[cfg(not(unix))]
    None
}

/// `used` of `elapsed` as a percentage of one core.
pub(crate) fn percent(used: Duration, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { used.as_secs_f64() / elapsed.as_secs_f64() * 100.0 }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_busy_thread_uses_time_and_counts_as_one_core() {
        let before = process_time().unwrap();
        let began = Instant::now();
        while process_time().unwrap() - before < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(began.elapsed() >= Duration::from_millis(1));
        assert_eq!(percent(Duration::from_millis(1500), Duration::from_secs(1)), 150.0);
    }
}
