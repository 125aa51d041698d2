//! Whether the processor's own counters may be read, to look for the reason of a difference.

use super::finding::Finding;
use super::root::Root;

/// Above this the kernel keeps them from users.
const ALLOWED: i64 = 2;

/// Whether `perf` can be pointed at a run.
pub(super) fn counters(root: &Root) -> Finding {
    const NAME: &str = "perf counters";
    const LOST: &str = "no figure, but the reason for a difference: instructions and cache misses";
    let level = root.read("proc/sys/kernel/perf_event_paranoid").and_then(|text| text.parse::<i64>().ok());
    let has_unit = root.list("sys/bus/event_source/devices").iter().any(|name| name.starts_with("cpu"));
    match level {
        None => Finding::unknown(NAME, "the kernel has none", LOST),
        Some(_) if !has_unit => Finding::unknown(NAME, "the machine has none, as many virtual ones", LOST),
        Some(level) if level > ALLOWED => Finding {
            remedy: "`sysctl kernel.perf_event_paranoid=2`".to_owned(),
            ..Finding::unknown(NAME, format!("kept from users (paranoid level {level})"), LOST)
        },
        Some(level) => Finding::fine(NAME, format!("allowed (paranoid level {level})")),
    }
}
