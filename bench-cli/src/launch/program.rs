//! The program that a cell's processes run.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// This program, or another build of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Program(Option<PathBuf>);

impl Program {
    /// The one at `path`.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(Some(path.into()))
    }

    pub(super) fn path(&self) -> io::Result<PathBuf> {
        match &self.0 {
            // `Command` would look for a name without a folder in PATH, and it is a file that was named.
            Some(path) => std::fs::canonicalize(path),
            None => std::env::current_exe(),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_deref().unwrap_or_else(|| Path::new("a process")).display().fmt(f)
    }
}
