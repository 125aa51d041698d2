//! Memory: what is left, what was put out, and in which pieces it is given.

use super::finding::Finding;
use super::root::{Root, field, kib};

/// The largest row of the original's table holds 64 MiB of payloads several times over.
const ENOUGH_MIB: u64 = 1024;
/// More than this in swap means that memory was short.
const SWAPPED_MIB: u64 = 64;

/// A field of `/proc/meminfo`, MiB.
pub(crate) fn mib(root: &Root, name: &str) -> Option<u64> {
    let text = root.read("proc/meminfo")?;
    field(&text, name).and_then(kib).map(|kib| kib / 1024)
}

/// Which policy of large pages is in force: `always`, `madvise` or `never`.
pub(crate) fn large_pages(root: &Root) -> Option<String> {
    let text = root.read("sys/kernel/mm/transparent_hugepage/enabled")?;
    text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']')).map(str::to_owned)
}

/// Memory that can be had.
pub(super) fn available(root: &Root) -> Finding {
    const NAME: &str = "memory";
    let Some(available) = mib(root, "MemAvailable") else {
        return Finding::unknown(NAME, "the kernel does not say", "everything, where it is short");
    };
    let found = format!("{available} MiB available");
    if available >= ENOUGH_MIB {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "rows of large payloads times many callers, which may be killed",
        "end what holds memory, or a smaller --window",
    )
}

/// Memory that was put out to a disk.
pub(super) fn swapped(root: &Root) -> Finding {
    const NAME: &str = "swap";
    let (Some(total), Some(free)) = (mib(root, "SwapTotal"), mib(root, "SwapFree")) else {
        return Finding::unknown(NAME, "the kernel does not say", "max");
    };
    let used = total.saturating_sub(free);
    let found = if total == 0 { "none".to_owned() } else { format!("{used} of {total} MiB in use") };
    if used <= SWAPPED_MIB {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "max: a page that has to come back takes milliseconds",
        "`swapoff -a && swapon -a`",
    )
}

/// Whether memory comes in pieces of 2 MiB unasked.
pub(super) fn pages(root: &Root) -> Finding {
    const NAME: &str = "large pages";
    match large_pages(root) {
        None => Finding::unknown(NAME, "the kernel does not say", "memory"),
        Some(policy) if policy == "always" => Finding::spoilt(
            NAME,
            policy,
            "memory, in pieces of 2 MiB; max, when the kernel puts them together",
            "`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`",
        ),
        Some(policy) => Finding::fine(NAME, policy),
    }
}
