//! Memory: how much there is, and the policy of large pages.

use super::root::{Root, field, kib};

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
