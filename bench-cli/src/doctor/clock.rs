//! The clock, and how well a thread wakes up by it.

use std::time::{Duration, Instant};

use super::finding::Finding;
use super::root::Root;

/// Sources that are read without a system call.
const QUICK: [&str; 4] = ["tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"];
/// A reading that takes longer shows in short service times.
const COST: Duration = Duration::from_nanos(150);
const READINGS: u32 = 20_000;
const NAP: Duration = Duration::from_micros(100);
const NAPS: usize = 1000;
/// Rows whose requests leave later than that are marked as limited by the generator.
const LATE: Duration = Duration::from_millis(1);

/// The clock source that the kernel uses.
pub(super) fn source(root: &Root) -> Finding {
    const NAME: &str = "clock source";
    match root.read("sys/devices/system/clocksource/clocksource0/current_clocksource") {
        None => {
            Finding::unknown(NAME, "the kernel does not say", "short service times, where reading it is slow")
        }
        Some(source) if QUICK.contains(&source.as_str()) => Finding::fine(NAME, source),
        Some(source) => Finding::spoilt(
            NAME,
            source,
            "short service times and CPU: every reading is a system call",
            "boot with `clocksource=tsc`, where the processor's is reliable",
        ),
    }
}

/// What reading the clock costs: the quickest of several batches, so that what else runs doesn't count.
pub(super) fn cost() -> Finding {
    let batch = || {
        let began = Instant::now();
        let mut last = began;
        for _ in 0..READINGS {
            last = std::hint::black_box(Instant::now());
        }
        (last - began) / READINGS
    };
    judge_cost((0..10).map(|_| batch()).min().unwrap_or_default())
}

fn judge_cost(cost: Duration) -> Finding {
    const NAME: &str = "reading the clock";
    let found = format!("{} ns", cost.as_nanos());
    if cost <= COST {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "throughput and CPU of small payloads: a request reads it twice or more",
        "another clock source; see above",
    )
}

/// How late a thread wakes up, which is what the pacer of an open loop has to live with.
pub(super) fn oversleep() -> Finding {
    let mut late: Vec<_> = (0..NAPS)
        .map(|_| {
            let began = Instant::now();
            std::thread::sleep(NAP);
            began.elapsed().saturating_sub(NAP)
        })
        .collect();
    late.sort_unstable();
    judge_lateness(late[NAPS / 2], late[NAPS * 99 / 100])
}

fn judge_lateness(p50: Duration, p99: Duration) -> Finding {
    const NAME: &str = "waking up";
    let found = format!("{} µs late (p50), {} µs (p99), after 100 µs", p50.as_micros(), p99.as_micros());
    if p99 <= LATE {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "send lag of an open loop: rows whose requests leave a millisecond late are not compared",
        "end what else runs, a core for the client alone (--pin), or a lower --rate",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn a_slow_clock_and_a_late_sleeper_are_told() {
        assert_eq!(judge_cost(Duration::from_nanos(25)).verdict, Verdict::Fine);
        assert_eq!(judge_cost(Duration::from_nanos(900)).verdict, Verdict::MaySpoil);
        let us = Duration::from_micros;
        assert_eq!(judge_lateness(us(55), us(900)).verdict, Verdict::Fine);
        let late = judge_lateness(us(55), us(4000));
        assert_eq!(late.verdict, Verdict::MaySpoil);
        assert!(late.found.contains("4000 µs (p99)"), "{late:?}");
    }

    #[test]
    fn reading_the_clock_takes_some_time() {
        let found = cost().found;
        assert!(found.strip_suffix(" ns").unwrap().parse::<u64>().unwrap() > 0, "{found}");
    }
}
