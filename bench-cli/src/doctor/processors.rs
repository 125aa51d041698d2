//! The processors: how many may be used, and which of them share a core.

use super::finding::Finding;
use super::root::Root;

/// The processors that are switched on, as the kernel numbers them.
pub(crate) fn online(root: &Root) -> Option<Vec<usize>> {
    list(&root.read("sys/devices/system/cpu/online")?)
}

/// The processors that this process may run on.
pub(crate) fn allowed(root: &Root) -> Option<Vec<usize>> {
    list(&root.field("proc/self/status", "Cpus_allowed_list")?)
}

/// Whether cores run two threads each, or more.
pub(crate) fn smt(root: &Root) -> Option<bool> {
    match root.read("sys/devices/system/cpu/smt/active")?.as_str() {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

/// The processors that are one core with that one, itself included; none where the kernel does not say.
pub(crate) fn siblings(root: &Root, core: usize) -> Vec<usize> {
    let text = root.read(&format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"));
    text.and_then(|text| list(&text)).unwrap_or_default()
}

/// Numbers in a list such as `0-3,8`, or nothing where it is none.
fn list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse::<usize>().ok()?);
        // More than any kernel can have is no list of processors.
        (last < 1 << 16).then_some(())?;
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// Cores that may be used, against those of the machine.
pub(crate) fn cores(root: &Root) -> Finding {
    const NAME: &str = "cores";
    let (Some(online), Some(allowed)) = (online(root), allowed(root)) else {
        return Finding::unknown(
            NAME,
            "the kernel does not list them",
            "throughput, where cores are kept from us",
        );
    };
    let found = format!("{} usable of {}", allowed.len(), online.len());
    if allowed.len() < online.len() {
        return Finding::spoilt(
            NAME,
            found,
            "throughput: less than the machine can do",
            "lift the affinity (`taskset -p`, the container's cpuset), or say in the report that it is on purpose",
        );
    }
    if allowed.len() < 2 {
        return Finding::spoilt(
            NAME,
            found,
            "latency: client and server take turns on one core",
            "a machine with two cores or more",
        );
    }
    Finding::fine(NAME, found)
}

/// Whether two of the processors are one core.
pub(crate) fn threads(root: &Root) -> Finding {
    const NAME: &str = "SMT";
    let Some(smt) = smt(root) else {
        return Finding::unknown(
            NAME,
            "the kernel does not say",
            "CPU figures, where two processors share a core",
        );
    };
    if !smt {
        return Finding::fine(NAME, "off: every processor is a core of its own");
    }
    let siblings = root.read("sys/devices/system/cpu/cpu0/topology/thread_siblings_list");
    let siblings = siblings.map_or_else(String::new, |list| format!(": processors {list} are one core"));
    Finding::spoilt(
        NAME,
        format!("on{siblings}"),
        "CPU figures and --placement split: a busy sibling slows a processor by up to a half",
        "--pin with processors of different cores, or `echo off > /sys/devices/system/cpu/smt/control`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_has_numbers_and_ranges() {
        assert_eq!(list("0-3,8"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(list("5"), Some(vec![5]));
        for text in ["", "x", "0-", "-1", "0-99999999999", "3-0,"] {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
