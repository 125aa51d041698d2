//! The whole machine's processors, where interrupts count too: much of the work of a network is charged to no process.

use std::time::Duration;

use listenrain_results::HostCpu;
use serde::{Deserialize, Serialize};

/// Time that all processors together have spent so far, by what they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTimes {
    user: Duration,
    system: Duration,
    interrupt: Duration,
    steal: Duration,
    idle: Duration,
}

impl HostTimes {
    /// Those of this machine, or `None` where the system cannot say.
    pub fn now() -> Option<Self> {
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
    pub fn parse(stat: &str, per_second: u64) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, idle, waiting, irq, softirq, steal, ..] = ticks[..] else { return None };
        let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / per_second.max(1) as f64);
        Some(Self {
            user: time(user.saturating_add(nice)),
            system: time(system),
            interrupt: time(irq.saturating_add(softirq)),
            steal: time(steal),
            idle: time(idle.saturating_add(waiting)),
        })
    }

    /// Busy time of all processors, what the hypervisor took included.
    fn busy(&self) -> Duration {
        self.user + self.system + self.interrupt + self.steal
    }

    /// Which shares of what all processors had were busy and stolen since `before`. None when no time has passed.
    pub fn shares_since(&self, before: &Self) -> Option<(f64, f64)> {
        let [busy, idle, steal] =
            [(self.busy(), before.busy()), (self.idle, before.idle), (self.steal, before.steal)]
                .map(|(now, before)| now.saturating_sub(before).as_secs_f64());
        let all = busy + idle;
        (all > 0.0).then(|| (busy / all, steal / all))
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
    fn shares_are_of_what_passed_between_two_readings() {
        // 20 user, 10 stolen, 60 idle and 10 waiting of 100.
        let before = HostTimes::parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n", 100).unwrap();
        let after = HostTimes::parse("cpu  120 0 50 860 60 0 0 10 0 0", 100).unwrap();
        let (busy, steal) = after.shares_since(&before).unwrap();
        assert!((busy - 0.3).abs() < 1e-9 && (steal - 0.1).abs() < 1e-9, "{busy} {steal}");
        assert_eq!(before.shares_since(&before), None);
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        for text in ["", "intr 5", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3", "cpu  a b c d e f g h"] {
            assert_eq!(HostTimes::parse(text, 100), None, "{text}");
        }
    }
}
