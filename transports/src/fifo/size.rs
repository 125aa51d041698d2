//! Pipe sizes.

use std::fs::File;
use std::io;

/// Gives `pipe` room for `size` bytes, or for as much of it as the system grants: it halves the size until it may have
/// it. `None` leaves the pipe as the system made it.
#[cfg(target_os = "linux")]
pub(super) fn set(pipe: &File, size: Option<usize>) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};

    let Some(asked) = size else { return Ok(()) };
    let has = usize::try_from(fcntl(pipe, FcntlArg::F_GETPIPE_SZ)?).unwrap_or_default();
    let mut size = asked;
    loop {
        match fcntl(pipe, FcntlArg::F_SETPIPE_SZ(i32::try_from(size).unwrap_or(i32::MAX))) {
            Ok(_) => break,
            // Beyond what one pipe, or all pipes of this user, may hold.
            Err(Errno::EPERM) if size / 2 > has => size /= 2,
            Err(Errno::EPERM) => {
                size = has;
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if size < asked {
        tracing::debug!(asked, granted = size, "the system grants a smaller pipe");
    }
    Ok(())
}

/// No other system lets a program choose.
#[cfg(not(target_os = "linux"))]
pub(super) fn set(_pipe: &File, _size: Option<usize>) -> io::Result<()> {
    Ok(())
}
