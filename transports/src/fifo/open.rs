//! Opening named pipes without blocking, and without opening anything else.
//!
//! What is opened is looked at before, since opening alone may already do something to a device, and compared
//! afterwards, since it may have been replaced meanwhile.

use std::fs::{File, Metadata, OpenOptions, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::paths::is_same;

/// Which end of a pipe to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Opens at once.
    Read,
    /// Opens at once, or fails because [nobody reads](nobody_reads).
    Write,
}

/// Opens one end of the pipe at `path`, which must belong to `owner`.
pub(super) fn open(path: &Path, end: End, owner: u32) -> io::Result<File> {
    let seen = inspect(path, owner)?;
    let file = OpenOptions::new()
        .read(end == End::Read)
        .write(end == End::Write)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
        .open(path)?;
    if is_same(&seen, &file.metadata()?) {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} was replaced meanwhile", path.display())))
}

/// What is known about the pipe at `path`.
///
/// # Errors
///
/// `InvalidInput` when it is no named pipe, a symbolic link to one included; `PermissionDenied` when it does not belong
/// to `owner`.
pub(super) fn inspect(path: &Path, owner: u32) -> io::Result<Metadata> {
    let seen = symlink_metadata(path)?;
    if !seen.file_type().is_fifo() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no named pipe", path.display()),
        ));
    }
    check_owner(path, &seen, owner)?;
    Ok(seen)
}

/// As [`inspect`], for a pipe that only its owner may open and that has no other name.
pub(super) fn inspect_private(path: &Path, owner: u32) -> io::Result<Metadata> {
    let seen = inspect(path, owner)?;
    check_mode(path, &seen, 0o600)?;
    // Removed between being found and being looked at.
    if seen.nlink() == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    if seen.nlink() != 1 {
        let text = format!("{} has {} names, it must have 1", path.display(), seen.nlink());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(seen)
}

/// Opens the directory at `path`, which must be as [`inspect_directory`] wants it.
pub(super) fn open_directory(path: &Path, owner: u32) -> io::Result<File> {
    inspect_directory(path, owner)?;
    let flags = OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// The directory at `path` must belong to `owner` and be closed to all other users.
pub(super) fn inspect_directory(path: &Path, owner: u32) -> io::Result<Metadata> {
    let seen = symlink_metadata(path)?;
    if !seen.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no directory", path.display()),
        ));
    }
    check_owner(path, &seen, owner)?;
    check_mode(path, &seen, 0o700)?;
    Ok(seen)
}

/// Whether a pipe was not opened for writing because it has no reader.
pub(super) fn nobody_reads(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ENXIO as i32)
}

fn check_owner(path: &Path, seen: &Metadata, owner: u32) -> io::Result<()> {
    if seen.uid() == owner {
        return Ok(());
    }
    let text = format!("{} belongs to user {}, not to this user, {owner}", path.display(), seen.uid());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

fn check_mode(path: &Path, seen: &Metadata, mode: u32) -> io::Result<()> {
    let found = seen.mode() & 0o777;
    if found == mode {
        return Ok(());
    }
    let text = format!("{} has mode {found:03o}, it must have {mode:03o}", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::{Uid, mkfifo};
    use tempfile::tempdir;

    #[test]
    fn a_pipe_that_is_replaced_between_the_look_and_the_opening_is_refused() {
        // What was looked at was ours; what is opened then may be anybody's.
        use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::time::{Duration, Instant};

        let dir = tempdir().unwrap();
        let (path, other) = (dir.path().join("pipe"), dir.path().join("other"));
        for pipe in [&path, &other] {
            mkfifo(pipe, Mode::from_bits_truncate(0o600)).unwrap();
        }
        let (done, begun) = (AtomicBool::new(false), Instant::now());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat2(AT_FDCWD, &path, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).unwrap();
                }
            });
            let refused = loop {
                match open(&path, End::Read, Uid::effective().as_raw()) {
                    Err(error) => break Some(error),
                    Ok(_) if begun.elapsed() > Duration::from_secs(30) => break None,
                    Ok(_) => {}
                }
            };
            done.store(true, Ordering::Relaxed);
            let text = refused.expect("it was never noticed").to_string();
            assert!(text.contains("was replaced meanwhile"), "{text}");
        });
    }
}
