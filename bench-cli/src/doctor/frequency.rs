//! What changes the processors' clock rate.

use super::finding::Finding;
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

/// Whether the clock rate follows the load.
pub(crate) fn governed(root: &Root) -> Finding {
    const NAME: &str = "governor";
    match governor(root) {
        None => Finding::unknown(NAME, "no cpufreq here, as in most virtual machines", "latency at low load"),
        Some(governor) if governor == "performance" => Finding::fine(NAME, governor),
        Some(governor) => Finding::spoilt(
            NAME,
            governor,
            "latency at low load, CPU figures, and runs that follow one another",
            "`cpupower frequency-set -g performance`",
        ),
    }
}

/// Whether the clock rate follows the temperature.
pub(crate) fn boosted(root: &Root) -> Finding {
    const NAME: &str = "turbo";
    match turbo(root) {
        None => Finding::unknown(NAME, "the kernel does not say", "what is measured after a long run"),
        Some(false) => Finding::fine(NAME, "off"),
        Some(true) => Finding::spoilt(
            NAME,
            "on",
            "what is measured after a long run, or with more cores busy: the clock is then slower",
            "`echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo`, or `echo 0 > …/cpufreq/boost`",
        ),
    }
}
