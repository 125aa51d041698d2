//! Checks of the machine: what spoils figures here, and what to try.

mod checks;
mod clock;

use std::time::Duration;

use serde::Serialize;

use self::checks::{CHECKS, Check, Machine};
use crate::machine::root::Root;

/// How long the machine is watched.
const SAMPLE: Duration = Duration::from_millis(500);
/// Longest name of a check.
const NAME: usize = 17;

/// What one check found out about this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word or three.
    name: &'static str,
    /// What is there.
    found: String,
    verdict: Verdict,
    /// Which figures suffer; empty when it is fine.
    spoils: &'static str,
    /// What to do about it; empty when there is nothing to do.
    #[serde(rename = "try")]
    remedy: &'static str,
}

/// What follows from a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// Nothing to worry about.
    Fine,
    /// Figures may be off, or differ from one run to the next.
    MaySpoil,
    /// This system doesn't say.
    CannotTell,
}

/// Every finding, in a fixed order.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// How many may spoil figures.
    pub(crate) may_spoil: usize,
    findings: Vec<Finding>,
}

/// Looks at this machine.
pub(crate) fn examine() -> Report {
    let findings = findings(&Root::system(), SAMPLE);
    let may_spoil = findings.iter().filter(|finding| finding.verdict == Verdict::MaySpoil).count();
    Report { may_spoil, findings }
}

/// The machine is watched first, before the checks themselves make it busy.
fn findings(root: &Root, sample: Duration) -> Vec<Finding> {
    let machine = Machine::watched(root, sample);
    CHECKS.iter().map(|check| finding(check, &machine)).collect()
}

fn finding(check: &Check, machine: &Machine<'_>) -> Finding {
    let Check { name, spoils, remedy, look } = *check;
    let (found, verdict, spoils, remedy) = match look(machine) {
        checks::Seen::Fine(found) => (found, Verdict::Fine, "", ""),
        checks::Seen::Bad(found) => (found, Verdict::MaySpoil, spoils, remedy),
        checks::Seen::Unknown(why) => (why.to_owned(), Verdict::CannotTell, spoils, ""),
        checks::Seen::Hidden(found) => (found, Verdict::CannotTell, spoils, remedy),
    };
    Finding { name, found, verdict, spoils, remedy }
}

impl Report {
    /// For people: what may spoil figures first, with what to try; the rest in short.
    pub(crate) fn text(&self) -> String {
        let of = |verdict| self.findings.iter().filter(move |finding| finding.verdict == verdict);
        let mut text = String::new();
        for (verdict, head) in [
            (Verdict::MaySpoil, "May spoil figures"),
            (Verdict::CannotTell, "Cannot be told here"),
            (Verdict::Fine, "Fine"),
        ] {
            if of(verdict).next().is_some() {
                text += &format!("{head}\n");
                text.extend(of(verdict).map(entry));
                text.push('\n');
            }
        }
        let (bad, all) = (self.may_spoil, self.findings.len());
        match bad {
            0 => text + &format!("Nothing that was looked at spoils figures here ({all} checks).\n"),
            _ => {
                let them = if bad == 1 { "it" } else { "them" };
                text + &format!(
                    "{bad} of {all} checks may spoil figures. What is compared side by side, in blocks, suffers least \
                     from {them}.\n"
                )
            }
        }
    }
}

fn entry(finding: &Finding) -> String {
    let Finding { name, found, verdict, spoils, remedy } = finding;
    let mut text = format!("  {name:NAME$}  {found}\n");
    let spoils = if *verdict == Verdict::MaySpoil { spoils } else { "" };
    for (word, value) in [("spoils", spoils), ("try", remedy)] {
        if !value.is_empty() {
            text += &format!("  {:NAME$}    {word} {value}\n", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::machine::quota::{self, Quota};

    /// A machine on which everything is as it should be.
    const GOOD: [(&str, &str); 24] = [
        ("sys/devices/system/cpu/online", "0-7\n"),
        ("sys/devices/system/cpu/smt/active", "0\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ("sys/class/net/lo/mtu", "65536\n"),
        ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
        ("sys/class/dmi/id/product_name", "PowerEdge R650\n"),
        ("sys/fs/cgroup/user/cpu.max", "max 100000\n"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ("sys/bus/event_source/devices/cpu/type", "4\n"),
        ("proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n"),
        ("proc/self/cgroup", "0::/user\n"),
        (
            "proc/self/limits",
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            65536                unlimited            files\n",
        ),
        ("proc/stat", "cpu  100 0 50 800 50 0 0 0 0 0\n"),
        ("proc/loadavg", "0.10 0.20 0.30 1/100 1234\n"),
        (
            "proc/meminfo",
            "MemTotal: 16384000 kB\nMemAvailable: 8192000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        ),
        ("proc/cpuinfo", "processor : 0\nmodel name : A processor\nflags : fpu tsc ht\n"),
        ("proc/sys/kernel/osrelease", "6.1.0-13-amd64\n"),
        ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        ("proc/sys/net/ipv4/tcp_congestion_control", "cubic\n"),
        ("proc/sys/net/core/rmem_max", "8388608\n"),
        ("proc/sys/net/core/wmem_max", "8388608\n"),
        ("proc/sys/net/core/somaxconn", "4096\n"),
    ];

    /// The checks that read the kernel's files; the others look at the build, the clock, or watch for a while.
    const MEASURED: [&str; 5] = ["build", "reading the clock", "waking up", "steal", "busy now"];

    fn write(folder: &Path, path: &str, text: &str) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn tree(changes: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in GOOD.iter().chain(changes) {
            write(folder.path(), path, text);
        }
        let root = Root::at(folder.path());
        (folder, root)
    }

    fn verdicts(root: &Root) -> Vec<(&'static str, Verdict)> {
        let findings = findings(root, Duration::ZERO).into_iter();
        let read = findings.filter(|finding| !MEASURED.contains(&finding.name));
        read.map(|finding| (finding.name, finding.verdict)).collect()
    }

    #[test]
    fn a_good_machine_is_fine_throughout() {
        let (_folder, root) =
            tree(&[("proc/sys/kernel/perf_event_paranoid", "2\n"), ("proc/sys/kernel/other", "")]);
        for (name, verdict) in verdicts(&root) {
            assert_eq!(verdict, Verdict::Fine, "{name}");
        }
    }

    #[test]
    fn each_flaw_is_found_and_none_other() {
        for (path, text, name) in [
            ("proc/self/status", "Cpus_allowed_list:\t0-1\n", "cores"),
            ("sys/devices/system/cpu/smt/active", "1\n", "SMT"),
            ("sys/fs/cgroup/user/cpu.max", "150000 100000\n", "CPU quota"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n", "governor"),
            ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n", "turbo"),
            ("proc/cpuinfo", "flags : fpu hypervisor\n", "virtual machine"),
            ("sys/class/dmi/id/product_name", "VMware Virtual Platform\n", "virtual machine"),
            ("proc/loadavg", "2.50 0 0 1/1 1\n", "load"),
            ("proc/meminfo", "MemAvailable: 102400 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n", "memory"),
            (
                "proc/meminfo",
                "MemAvailable: 8192000 kB\nSwapTotal: 1024000 kB\nSwapFree: 512000 kB\n",
                "swap",
            ),
            ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n", "large pages"),
            ("proc/self/limits", "Max open files  1024  4096  files\n", "descriptors"),
            ("proc/sys/net/ipv4/ip_local_port_range", "32768\t33768\n", "ports"),
            ("proc/sys/net/core/rmem_max", "212992\n", "socket buffers"),
            ("proc/sys/net/core/somaxconn", "128\n", "backlog"),
            ("proc/sys/net/ipv4/tcp_congestion_control", "bbr\n", "congestion control"),
            ("proc/sys/kernel/osrelease", "4.19.0\n", "UDP segments"),
            ("sys/class/net/lo/mtu", "1500\n", "MTU of lo"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n", "clock source"),
        ] {
            let (_folder, root) = tree(&[("proc/sys/kernel/perf_event_paranoid", "2\n"), (path, text)]);
            let found: Vec<_> =
                verdicts(&root).into_iter().filter(|(_, verdict)| *verdict != Verdict::Fine).collect();
            assert_eq!(found, [(name, Verdict::MaySpoil)], "{path}: {text}");
        }
    }

    #[test]
    fn where_nothing_can_be_read_nothing_can_be_told() {
        let folder = tempfile::tempdir().unwrap();
        for (name, verdict) in verdicts(&Root::at(folder.path())) {
            assert_eq!(verdict, Verdict::CannotTell, "{name}");
        }
    }

    #[test]
    fn nonsense_in_the_files_is_no_reason_to_fail() {
        for nonsense in
            ["", "\u{0}\u{fffd}", "-1", "99999999999999999999999", "a:b:c\n:\n", "[", "cpu  x", "0-"]
        {
            let folder = tempfile::tempdir().unwrap();
            for (path, _) in GOOD {
                write(folder.path(), path, nonsense);
            }
            let root = Root::at(folder.path());
            assert_eq!(findings(&root, Duration::ZERO).len(), 24, "{nonsense:?}");
        }
    }

    #[test]
    fn counters_that_are_kept_from_users_cannot_tell() {
        let (_folder, root) = tree(&[("proc/sys/kernel/perf_event_paranoid", "4\n")]);
        let finding = findings(&root, Duration::ZERO).pop().unwrap();
        assert_eq!(finding.verdict, Verdict::CannotTell);
        assert!(finding.found.contains("level 4") && finding.remedy.contains("paranoid=2"), "{finding:?}");
    }

    #[test]
    fn the_tightest_quota_of_both_versions_counts() {
        let v1 = [
            ("proc/self/cgroup", "2:cpu,cpuacct:/docker/abc\n0::/\n"),
            // In a container its own group is mounted as the root.
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 10\nnr_throttled 7\nthrottled_time 5\n"),
        ];
        let (_folder, root) = tree(&v1);
        assert_eq!(quota::quota(&root), Some(Some(Quota { cores: 0.5, throttled: 7 })));
        let v2 = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/a/cpu.max", "200000 100000\n"),
            ("sys/fs/cgroup/a/cpu.stat", "nr_throttled 3\n"),
        ];
        let (_folder, root) = tree(&v2);
        assert_eq!(quota::quota(&root), Some(Some(Quota { cores: 2.0, throttled: 3 })));
    }

    #[test]
    fn problems_come_first_with_what_to_try() {
        let finding = |name, found: &str, verdict, spoils, remedy| Finding {
            name,
            found: found.to_owned(),
            verdict,
            spoils,
            remedy,
        };
        let findings = vec![
            finding("turbo", "off", Verdict::Fine, "", ""),
            finding("governor", "no cpufreq", Verdict::CannotTell, "latency", ""),
            finding("load", "3.00 of 2 cores", Verdict::MaySpoil, "everything", "wait"),
        ];
        let expected = "\
May spoil figures
  load               3.00 of 2 cores
                       spoils everything
                       try wait

Cannot be told here
  governor           no cpufreq

Fine
  turbo              off

1 of 3 checks may spoil figures. What is compared side by side, in blocks, suffers least from it.
";
        assert_eq!(Report { may_spoil: 1, findings: findings.clone() }.text(), expected);
        assert_eq!(
            Report { may_spoil: 0, findings: findings[..1].to_vec() }.text(),
            "Fine\n  turbo              off\n\nNothing that was looked at spoils figures here (1 checks).\n"
        );
    }
}
