//! Clock rate of the processors: governor and turbo.

use super::root::Root;

/// The frequency governor of the first processor.
pub(crate) fn governor(root: &Root) -> Option<String> {
    root.read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
}

/// Whether processors may run faster than their rated clock for a while.
pub(crate) fn turbo(root: &Root) -> Option<bool> {
    let cpu = "sys/devices/system/cpu";
    let off = root.number(&format!("{cpu}/intel_pstate/no_turbo")).map(|off| off == 0);
    off.or_else(|| root.number(&format!("{cpu}/cpufreq/boost")).map(|on| on == 1))
}
