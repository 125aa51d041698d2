//! The folder below which `proc` and `sys` lie: `/`, or a test's own.

use std::path::{Path, PathBuf};

/// Where the kernel's files are read from. What is missing, or may not be read, is nothing.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// This machine's.
    pub(crate) fn system() -> Self {
        Self(PathBuf::from("/"))
    }

    #[cfg(test)]
    pub(crate) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// The text of a file without the white space around it.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let bytes = std::fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The number that a file holds.
    pub(crate) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.parse().ok()
    }

    /// What stands behind `name:` in a file of such lines.
    pub(crate) fn field(&self, path: &str, name: &str) -> Option<String> {
        field(&self.read(path)?, name).map(str::to_owned)
    }

    /// The names in a folder, sorted.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(Path::new(&self.path(path))).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// What stands behind `name:` in `text`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// KiB in a field such as `123 kB`.
pub(crate) fn kib(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse().ok()
}
