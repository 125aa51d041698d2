//! Counters of this process.

use std::time::Duration;

use super::Snapshot;

#[cfg(unix)]
pub(super) fn snapshot() -> Snapshot {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;
    let Ok(used) = getrusage(UsageWho::RUSAGE_SELF) else { return Snapshot::default() };
    let time = |value: TimeVal| {
        Duration::from_secs(value.tv_sec().max(0) as u64)
            + Duration::from_micros(value.tv_usec().max(0) as u64)
    };
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Snapshot {
        at: monotonic(),
        user: time(used.user_time()),
        system: time(used.system_time()),
        voluntary_switches: count(used.voluntary_context_switches()),
        involuntary_switches: count(used.involuntary_context_switches()),
        minor_faults: count(used.minor_page_faults()),
        major_faults: count(used.major_page_faults()),
        resident_mib: resident_mib(),
        host: None,
    }
}

#[cfg(unix)]
fn monotonic() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

#[cfg(not(unix))]
pub(super) fn snapshot() -> Snapshot {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    Snapshot { at: START.get_or_init(Instant::now).elapsed(), ..Snapshot::default() }
}

/// What is resident now, MiB.
#[cfg(unix)]
fn resident_mib() -> Option<f64> {
    use nix::unistd::{SysconfVar, sysconf};
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split(' ').nth(1)?.parse().ok()?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page as f64 / MIB)
}

#[cfg(unix)]
const MIB: f64 = 1024.0 * 1024.0;

/// The most that was resident at once so far, MiB, or `None` where the system cannot say.
pub fn peak_resident_mib() -> Option<f64> {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        peak_in(&status).map(|kib| kib as f64 / 1024.0)
    }
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let peak = getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss();
        // Bytes on Apple's systems, KiB on the others.
        let bytes = if cfg!(target_vendor = "apple") { peak as f64 } else { peak as f64 * 1024.0 };
        Some(bytes / MIB)
    }
    #[cfg(not(unix))]
    None
}

/// KiB in the line `VmHWM:  123 kB` of a `/proc/PID/status`.
#[cfg(target_os = "linux")]
fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::time::Instant;

    #[test]
    fn the_peak_rises_by_what_is_allocated_and_touched() {
        // Defect 10 of other tools: memory that is off by a thousand.
        const MIB: usize = 256;
        let before = peak_resident_mib().unwrap();
        let touched = vec![1u8; MIB << 20];
        assert_eq!(black_box(&touched)[MIB], 1);
        let now = snapshot().resident_mib.unwrap();
        drop(touched);
        let rise = peak_resident_mib().unwrap() - before;
        // Other tests of this process run meanwhile, and a peak stays: some slack both ways.
        assert!((MIB as f64 * 0.7..MIB as f64 * 1.5).contains(&rise), "{rise} MiB");
        assert!(now >= MIB as f64, "{now} MiB resident");
    }

    #[test]
    fn a_status_without_the_line_has_no_peak() {
        assert_eq!(peak_in("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n"), Some(2048));
        assert_eq!(peak_in("Name:\tx\n"), None);
    }

    #[test]
    fn a_busy_thread_uses_processor_time_and_no_more_than_passes_on_every_core() {
        // Defect 11 of other tools: percentages of nothing, or of the wrong thing.
        let (began, before) = (Instant::now(), Snapshot::now());
        while snapshot().cpu_since(&before) < Duration::from_millis(20) {
            black_box(0);
        }
        let (after, elapsed) = (Snapshot::now(), began.elapsed());
        let cores = std::thread::available_parallelism().unwrap().get() as u32;
        assert!(after.at > before.at && after.at - before.at <= elapsed);
        assert!(after.cpu_since(&before) <= elapsed * cores.max(64), "{after:?} {before:?}");
        assert!(after.minor_faults >= before.minor_faults);
    }
}
