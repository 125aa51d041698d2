//! Peak resident memory of this process.

/// The most that was resident at once so far, MiB, or `None` where the system cannot say.
pub(crate) fn peak_resident_mib() -> Option<f64> {
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
        Some(bytes / (1024.0 * 1024.0))
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

    #[test]
    fn the_peak_rises_by_what_is_allocated_and_touched() {
        const MIB: usize = 256;
        let before = peak_resident_mib().unwrap();
        let touched = vec![1u8; MIB << 20];
        assert_eq!(std::hint::black_box(&touched)[MIB], 1);
        drop(touched);
        let rise = peak_resident_mib().unwrap() - before;
        // Other tests of this process run meanwhile, and a peak stays: some slack both ways.
        assert!((MIB as f64 * 0.7..MIB as f64 * 1.5).contains(&rise), "{rise} MiB");
    }

    #[test]
    fn a_status_without_the_line_has_no_peak() {
        assert_eq!(peak_in("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n"), Some(2048));
        assert_eq!(peak_in("Name:\tx\n"), None);
    }
}
