//! What else the machine does: a short sample, and the load of the last minute.

use std::time::Duration;

use super::finding::Finding;
use super::processors;
use super::root::Root;
use crate::meter::usage::HostTimes;

/// More of the machine busy with other things than this share shows in the figures.
const BUSY: f64 = 0.05;
/// More time than this share taken by the hypervisor does.
const STEAL: f64 = 0.01;
/// Other work of more than this share of the cores, over the last minute.
const LOAD: f64 = 0.25;

/// The shares of a sample that were busy and stolen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    busy: f64,
    steal: f64,
}

/// Watches the machine for `time`.
pub(super) fn sample(root: &Root, time: Duration) -> Option<Sample> {
    // Only shares are wanted: how long a tick is does not matter.
    let read = || HostTimes::parse(&root.read("proc/stat")?, 100);
    let before = read()?;
    std::thread::sleep(time);
    let (busy, steal) = read()?.shares_since(&before)?;
    Some(Sample { busy, steal })
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
    fn a_machine_that_is_busy_or_robbed_may_spoil_figures() {
        let verdicts = |busy_share, steal| {
            let sample = Some(Sample { busy: busy_share, steal });
            (busy(sample).verdict, stolen(sample).verdict)
        };
        assert_eq!(verdicts(0.3, 0.1), (Verdict::MaySpoil, Verdict::MaySpoil));
        assert_eq!(verdicts(0.01, 0.0), (Verdict::Fine, Verdict::Fine));
    }
}
