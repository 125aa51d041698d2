//! What else the machine does: a short sample, and the load of the last minute.

use std::time::Duration;

use super::finding::Finding;
use super::processors;
use super::root::Root;

/// More of the machine busy with other things than this share shows in the figures.
const BUSY: f64 = 0.05;
/// More time than this share taken by the hypervisor does.
const STEAL: f64 = 0.01;
/// Other work of more than this share of the cores, over the last minute.
const LOAD: f64 = 0.25;

/// Processor time of the whole machine so far, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
    steal: u64,
}

/// The shares of a sample that were busy and stolen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    busy: f64,
    steal: f64,
}

/// Watches the machine for `time`.
pub(super) fn sample(root: &Root, time: Duration) -> Option<Sample> {
    let before = ticks(&root.read("proc/stat")?)?;
    std::thread::sleep(time);
    between(before, ticks(&root.read("proc/stat")?)?)
}

/// From the line `cpu  user nice system idle iowait irq softirq steal …` of a `/proc/stat`.
fn ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|tick| tick.parse().ok()).take(8).collect();
    let [_, _, _, idle, waiting, _, _, steal] = ticks[..] else { return None };
    Some(Ticks {
        all: ticks.iter().fold(0, |all, tick| all.saturating_add(*tick)),
        idle: idle.saturating_add(waiting),
        steal,
    })
}

fn between(before: Ticks, after: Ticks) -> Option<Sample> {
    let all = after.all.saturating_sub(before.all) as f64;
    let (idle, steal) = (after.idle.saturating_sub(before.idle), after.steal.saturating_sub(before.steal));
    let sample = Sample { busy: 1.0 - idle as f64 / all, steal: steal as f64 / all };
    (all > 0.0).then_some(sample)
}

/// Load average of the last minute.
pub(crate) fn load_average(root: &Root) -> Option<f64> {
    root.read("proc/loadavg")?.split(' ').next()?.parse().ok()
}

/// Work that is under way now.
pub(super) fn busy(sample: Option<Sample>) -> Finding {
    const NAME: &str = "busy now";
    let Some(Sample { busy, .. }) = sample else {
        return Finding::unknown(NAME, "the kernel does not count", "everything, where others are at work");
    };
    let found = format!("{:.0} % of all cores over half a second", busy * 100.0);
    if busy <= BUSY {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(NAME, found, "everything", "end what else runs: `top` says who it is")
}

/// Time that the hypervisor took.
pub(super) fn stolen(sample: Option<Sample>) -> Finding {
    const NAME: &str = "steal";
    let Some(Sample { steal, .. }) = sample else {
        return Finding::unknown(NAME, "the kernel does not count", "p99 and max, in a virtual machine");
    };
    let found = format!("{:.1} % over half a second", steal * 100.0);
    if steal <= STEAL {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "p99 and max: the hypervisor gives the cores to others meanwhile",
        "another time, or a machine with cores of its own",
    )
}

/// Work of the last minute.
pub(super) fn load(root: &Root) -> Finding {
    const NAME: &str = "load";
    let Some(load) = load_average(root) else {
        return Finding::unknown(NAME, "the kernel does not say", "everything, where others are at work");
    };
    let cores = processors::online(root).map_or(1, |cores| cores.len().max(1));
    let found = format!("{load:.2} over the last minute, of {cores} cores");
    if load <= LOAD * cores as f64 {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(NAME, found, "everything", "wait, or end what else runs: `top` says who it is")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn shares_are_of_what_passed_between_two_readings() {
        let before = ticks("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n").unwrap();
        assert_eq!(before, Ticks { all: 1000, idle: 850, steal: 0 });
        // 20 user, 10 stolen, 60 idle and 10 waiting of 100.
        let after = ticks("cpu  120 0 50 860 60 0 0 10 0 0").unwrap();
        let sample = between(before, after).unwrap();
        assert!((sample.busy - 0.3).abs() < 1e-9 && (sample.steal - 0.1).abs() < 1e-9, "{sample:?}");
        assert_eq!(
            (busy(Some(sample)).verdict, stolen(Some(sample)).verdict),
            (Verdict::MaySpoil, Verdict::MaySpoil)
        );
        assert_eq!(between(before, before), None);
    }

    #[test]
    fn what_is_no_stat_has_no_ticks() {
        for text in ["", "cpu", "cpu  1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu  a b c d e f g h"] {
            assert_eq!(ticks(text), None, "{text}");
        }
    }
}
