//! CPU and memory of a process and its machine, so far and between two marks.
//!
//! Counters only, read at both marks and subtracted: never a sampled percentage, never from a process's
//! start on.

mod host;
mod process;

use std::time::Duration;

use listenrain_results::{HostCpu, Usage};
use serde::{Deserialize, Serialize};

pub use self::host::HostTimes;
pub use self::process::peak_resident_mib;

/// Everything that has been used up to a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When, on the system's monotonic clock, which all processes of a machine share.
    pub at: Duration,
    /// CPU time in user mode.
    pub user: Duration,
    /// CPU time in the kernel.
    pub system: Duration,
    /// Context switches because the process waited.
    pub voluntary_switches: u64,
    /// Context switches because its time was up.
    pub involuntary_switches: u64,
    /// Page faults without I/O.
    pub minor_faults: u64,
    /// Page faults with I/O.
    pub major_faults: u64,
    /// Resident memory. Unit: MiB.
    pub resident_mib: Option<f64>,
    /// What the whole machine used.
    pub host: Option<HostTimes>,
}

impl Snapshot {
    /// That of this process and machine, now. Zero where the system cannot say.
    pub fn now() -> Self {
        Self { host: HostTimes::now(), ..process::snapshot() }
    }

    /// Time on processors since `before`.
    pub fn cpu_since(&self, before: &Self) -> Duration {
        (self.user + self.system).saturating_sub(before.user + before.system)
    }

    /// Busy time of the process since `before`; 100 = one core.
    pub fn cpu_percent_since(&self, before: &Self) -> f64 {
        percent(self.cpu_since(before), self.at.saturating_sub(before.at))
    }
}

/// `used` of `elapsed` as a percentage of one core.
pub fn percent(used: Duration, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { used.as_secs_f64() / elapsed.as_secs_f64() * 100.0 }
}

/// What one process used between the first and the last of `marks`, for `requests` of `payload` bytes.
pub fn usage(marks: &[Snapshot], peak_mib: Option<f64>, requests: u64, payload: u64) -> Option<Usage> {
    let (first, last) = (marks.first()?, marks.last()?);
    if last.at <= first.at {
        return None;
    }
    let cpu_us = last.cpu_since(first).as_secs_f64() * 1e6;
    let kib = requests as f64 * payload as f64 / 1024.0;
    let each = |total: f64, parts: f64| if parts > 0.0 { total / parts } else { 0.0 };
    let resident: Vec<f64> = marks.iter().filter_map(|mark| mark.resident_mib).collect();
    Some(Usage {
        user_s: last.user.saturating_sub(first.user).as_secs_f64(),
        system_s: last.system.saturating_sub(first.system).as_secs_f64(),
        cpu_percent: last.cpu_percent_since(first),
        cpu_us_per_request: each(cpu_us, requests as f64),
        cpu_us_per_kib: each(cpu_us, kib),
        // A kernel counts resident pages in batches: its peak may lag behind what was seen at a mark.
        rss_peak_mib: peak_mib.map(|peak| resident.iter().copied().fold(peak, f64::max)),
        rss_mean_mib: (!resident.is_empty()).then(|| resident.iter().sum::<f64>() / resident.len() as f64),
        voluntary_switches: last.voluntary_switches.saturating_sub(first.voluntary_switches),
        involuntary_switches: last.involuntary_switches.saturating_sub(first.involuntary_switches),
        minor_faults: last.minor_faults.saturating_sub(first.minor_faults),
        major_faults: last.major_faults.saturating_sub(first.major_faults),
    })
}

/// How the usages of several processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Of processes that ran at the same time. A figure that one process cannot tell is unknown for all of them: the sum
    /// of the others would look like the whole.
    Sum,
    /// Of launches one after the other; of their peaks the highest.
    Mean,
}

/// One usage of `parts`.
pub fn fold(parts: &[Usage], fold: Fold) -> Usage {
    let count = if fold == Fold::Sum { 1 } else { parts.len().max(1) };
    let real = |of: fn(&Usage) -> f64| parts.iter().map(of).sum::<f64>() / count as f64;
    let whole = |of: fn(&Usage) -> u64| parts.iter().map(of).sum::<u64>() / count as u64;
    let known = |of: fn(&Usage) -> Option<f64>| parts.iter().map(of).sum::<Option<f64>>();
    Usage {
        user_s: real(|part| part.user_s),
        system_s: real(|part| part.system_s),
        cpu_percent: real(|part| part.cpu_percent),
        cpu_us_per_request: real(|part| part.cpu_us_per_request),
        cpu_us_per_kib: real(|part| part.cpu_us_per_kib),
        rss_peak_mib: match fold {
            Fold::Sum => known(|part| part.rss_peak_mib),
            Fold::Mean => parts.iter().filter_map(|part| part.rss_peak_mib).reduce(f64::max),
        },
        rss_mean_mib: known(|part| part.rss_mean_mib).map(|sum| sum / count as f64),
        voluntary_switches: whole(|part| part.voluntary_switches),
        involuntary_switches: whole(|part| part.involuntary_switches),
        minor_faults: whole(|part| part.minor_faults),
        major_faults: whole(|part| part.major_faults),
    }
}

/// `usage` with its figures a request and a KiB, of `tps` requests a second.
pub fn by_request(usage: Usage, tps: f64, payload_bytes: u64) -> Usage {
    if tps <= 0.0 {
        return usage;
    }
    let cpu_us_per_request = usage.cpu_percent / 100.0 / tps * 1e6;
    let kib = payload_bytes as f64 / 1024.0;
    let cpu_us_per_kib = if kib > 0.0 { cpu_us_per_request / kib } else { 0.0 };
    Usage { cpu_us_per_request, cpu_us_per_kib, ..usage }
}

/// What the machine was busy with between the first and the last of `marks`. `idle` is what it is busy with when nothing
/// is measured; 100 = one core.
pub fn host(marks: &[Snapshot], idle_busy_percent: f64) -> Option<HostCpu> {
    let (first, last) = (marks.first()?, marks.last()?);
    let (before, after) = (first.host?, last.host?);
    Some(HostCpu { idle_busy_percent, ..after.since(&before, last.at.saturating_sub(first.at))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at_ms: u64, cpu_ms: u64, switches: u64) -> Snapshot {
        Snapshot {
            at: Duration::from_millis(at_ms),
            user: Duration::from_millis(cpu_ms / 2),
            system: Duration::from_millis(cpu_ms - cpu_ms / 2),
            voluntary_switches: switches,
            resident_mib: Some(at_ms as f64),
            ..Snapshot::default()
        }
    }

    #[test]
    fn only_what_was_used_between_the_marks_counts() {
        // Defects 9 and 18 of other tools: a process's whole life, or its warm-up, charged to the measurement.
        let marks = [mark(1_000, 5_000, 70), mark(2_000, 5_500, 100), mark(3_000, 6_000, 170)];
        let used = usage(&marks, Some(9_000.0), 1_000, 2_048).unwrap();
        assert_eq!((used.user_s, used.system_s, used.cpu_percent), (0.5, 0.5, 50.0));
        assert_eq!((used.cpu_us_per_request, used.cpu_us_per_kib), (1_000.0, 500.0));
        assert_eq!(
            (used.voluntary_switches, used.rss_mean_mib, used.rss_peak_mib),
            (100, Some(2_000.0), Some(9_000.0))
        );
    }

    #[test]
    fn no_time_and_no_request_give_no_nonsense() {
        assert_eq!(usage(&[], None, 1, 1), None);
        assert_eq!(usage(&[mark(5, 1, 1)], None, 1, 1), None);
        let used = usage(&[mark(0, 0, 0), mark(10, 5, 0)], None, 0, 4096).unwrap();
        assert_eq!((used.cpu_us_per_request, used.cpu_us_per_kib), (0.0, 0.0));
        assert_eq!(percent(Duration::from_secs(1), Duration::ZERO), 0.0);
    }

    #[test]
    fn a_peak_is_no_less_than_what_was_seen_at_a_mark() {
        // A kernel counts resident pages in batches, and its record of the peak lags behind.
        let marks = [mark(1_000, 0, 0), mark(2_000, 1, 0)];
        assert_eq!(usage(&marks, Some(9.0), 1, 1).unwrap().rss_peak_mib, Some(2_000.0));
        assert_eq!(usage(&marks, Some(9_000.0), 1, 1).unwrap().rss_peak_mib, Some(9_000.0));
        assert_eq!(
            usage(&marks, None, 1, 1).unwrap().rss_peak_mib,
            None,
            "of its beginning nothing is known"
        );
    }

    #[test]
    fn both_ends_together_are_the_sum() {
        let one = usage(&[mark(0, 0, 0), mark(1_000, 400, 3)], Some(5_000.0), 10, 1024).unwrap();
        let both = fold(&[one, one], Fold::Sum);
        assert_eq!((both.cpu_percent, both.voluntary_switches, both.rss_peak_mib), (80.0, 6, Some(10_000.0)));
        let blind = Usage { rss_peak_mib: None, ..one };
        assert_eq!(fold(&[one, blind], Fold::Sum).rss_peak_mib, None, "half of it would look like all of it");
    }
}
