//! Runs that commands read: run files, and journals of runs that came to no end.

use std::path::Path;

use listenrain_results::Run;

use crate::report::files;
use crate::report::place::is_standard;
use crate::session::journal;

/// The run in the file at `path`, or for `-` on standard input.
///
/// # Errors
///
/// A text for the user that names the file.
pub(super) fn read(path: &Path) -> Result<Run, String> {
    let (bytes, name) = (files::read_bytes(path)?, files::name(path));
    if journal::is_journal(&bytes) { journal::read(&bytes, &name) } else { files::run(&bytes, &name) }
}

/// Standard input can be read once.
///
/// # Errors
///
/// A text for the user.
pub(super) fn once<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), String> {
    match paths.filter(|path| is_standard(path)).count() {
        0 | 1 => Ok(()),
        _ => Err("- is standard input, which can be read once; name files".to_owned()),
    }
}
