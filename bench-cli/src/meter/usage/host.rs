//! The whole machine's processors, where interrupts count too: much of the work of a network is charged to no process.

use std::time::Duration;

use listenrain_results::HostCpu;
use serde::{Deserialize, Serialize};

/// Time that all processors together have spent so far, by what they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostTimes {
    user: Duration,
    system: Duration,
    interrupt: Duration,
    steal: Duration,
}

impl HostTimes {
    /// Those of this machine, or `None` where the system cannot say.
    pub(crate) fn now() -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            use nix::unistd::{SysconfVar, sysconf};
            let ticks = sysconf(SysconfVar::CLK_TCK).ok()??;
            Self::parse(&std::fs::read_to_string("/proc/stat").ok()?, u64::try_from(ticks).ok()?)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// The first line of `/proc/stat`: `cpu  user nice system idle iowait irq softirq steal …`, in ticks of which there
    /// are `per_second` in a second. proc_stat(5).
    #[cfg(any(target_os = "linux", test))]
    fn parse(stat: &str, per_second: u64) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
        let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / per_second.max(1) as f64);
        Some(Self {
            user: time(user + nice),
            system: time(system),
            interrupt: time(irq + softirq),
            steal: time(steal),
        })
    }

    /// Busy time of all processors, what the hypervisor took included.
    pub(crate) fn busy(&self) -> Duration {
        self.user + self.system + self.interrupt + self.steal
    }

    /// What was done since `before`, `elapsed` ago.
    pub(super) fn since(&self, before: &Self, elapsed: Duration) -> Option<HostCpu> {
        if elapsed.is_zero() {
            return None;
        }
        let share = |now: Duration, before: Duration| super::percent(now.saturating_sub(before), elapsed);
        Some(HostCpu {
            busy_percent: share(self.busy(), before.busy()),
            user_percent: share(self.user, before.user),
            system_percent: share(self.system, before.system),
            interrupt_percent: share(self.interrupt, before.interrupt),
            steal_percent: share(self.steal, before.steal),
            idle_busy_percent: 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  100 10 50 9000 7 3 5 1 0 0\ncpu0 1 1 1 1\n";
    const AFTER: &str = "cpu  200 10 90 9100 7 13 15 21 0 0\ncpu0 1 1 1 1\n";

    #[test]
    fn interrupts_and_stolen_time_count_as_busy_and_idling_does_not() {
        let [before, after] = [BEFORE, AFTER].map(|text| HostTimes::parse(text, 100).unwrap());
        let cpu = after.since(&before, Duration::from_secs(2)).unwrap();
        assert_eq!((cpu.user_percent, cpu.system_percent), (50.0, 20.0));
        assert_eq!((cpu.interrupt_percent, cpu.steal_percent), (10.0, 10.0));
        assert!((cpu.busy_percent - 90.0).abs() < 1e-9, "{cpu:?}");
        assert_eq!(after.since(&before, Duration::ZERO), None);
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        for text in ["", "intr 5", "cpu 1 2 3", "cpu  a b c d e f g h"] {
            assert_eq!(HostTimes::parse(text, 100), None, "{text}");
        }
    }
}
