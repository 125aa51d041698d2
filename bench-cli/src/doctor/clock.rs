//! Cost of reading the clock, and how late a thread wakes up.

use std::time::{Duration, Instant};

const READINGS: u32 = 20_000;
const NAP: Duration = Duration::from_micros(100);
const NAPS: usize = 1000;

/// What a reading costs: the quickest of several batches, so that what else runs doesn't count.
pub(super) fn cost() -> Duration {
    let batch = || {
        let began = Instant::now();
        let mut last = began;
        for _ in 0..READINGS {
            last = std::hint::black_box(Instant::now());
        }
        (last - began) / READINGS
    };
    (0..10).map(|_| batch()).min().unwrap_or_default()
}

/// How late a thread wakes up, p50 and p99, which is what the pacer of an open loop has to live with.
pub(super) fn oversleep() -> (Duration, Duration) {
    let nap = |_| {
        let began = Instant::now();
        std::thread::sleep(NAP);
        began.elapsed().saturating_sub(NAP)
    };
    let mut late: Vec<_> = (0..NAPS).map(nap).collect();
    late.sort_unstable();
    (late[NAPS / 2], late[NAPS * 99 / 100])
}
