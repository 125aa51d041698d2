//! The processors: how many may be used, and which of them share a core.

use super::root::Root;

/// The processors that are switched on, as the kernel numbers them.
pub(crate) fn online(root: &Root) -> Option<Vec<usize>> {
    list(&root.read("sys/devices/system/cpu/online")?)
}

/// The processors that this process may run on.
pub(crate) fn allowed(root: &Root) -> Option<Vec<usize>> {
    list(&root.field("proc/self/status", "Cpus_allowed_list")?)
}

/// Load average of the last minute.
pub(crate) fn load_average(root: &Root) -> Option<f64> {
    root.read("proc/loadavg")?.split(' ').next()?.parse().ok()
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
