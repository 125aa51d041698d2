//! Removal of the pairs of dialers that are gone.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{read_dir, remove_file};
use std::io;
use std::path::Path;

use super::open::{End, nobody_reads, open};
use super::place::Place;

/// Most entries of the directory that one sweep looks at; the next sweep sees to the rest.
const MOST: usize = 1 << 16;

/// Removes every pair in `directory`, where no dialer has any business any more. Leaves alone what is no pair.
pub(super) fn remove_pairs(directory: &Path) -> io::Result<()> {
    pipes(directory)?.into_iter().try_for_each(|file| remove(&directory.join(file)))
}

/// Removes a pipe that a dialer may be removing too.
fn remove(path: &Path) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes pipes that no process has open, while dialers come and go.
///
/// A dialer makes a pipe and then opens it, so one that is not open may be new. Only one that was found so by the
/// sweep before, too, has no dialer any more.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    suspects: BTreeSet<OsString>,
}

impl Sweep {
    pub(super) fn run(&mut self, directory: &Path, owner: u32) -> io::Result<()> {
        let mut suspects = BTreeSet::new();
        for file in pipes(directory)? {
            let path = directory.join(&file);
            // A dialer holds the readers of both its pipes until it is accepted, and then the names are gone.
            if !open(&path, End::Write, owner).is_err_and(|error| nobody_reads(&error)) {
                continue;
            }
            if self.suspects.contains(&file) {
                tracing::debug!(path = %path.display(), "removing what a dialer has left");
                remove(&path)?;
            } else {
                suspects.insert(file);
            }
        }
        self.suspects = suspects;
        Ok(())
    }
}

/// The files of `directory` that are pipes and are called as pipes of a pair are.
fn pipes(directory: &Path) -> io::Result<Vec<OsString>> {
    use std::os::unix::fs::FileTypeExt;

    let mut found = Vec::new();
    for entry in read_dir(directory)?.take(MOST) {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(Place::is_pipe) && entry.file_type().is_ok_and(|kind| kind.is_fifo()) {
            found.push(name);
        }
    }
    Ok(found)
}
