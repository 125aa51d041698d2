//! A listener's claim on its path, which leaves nothing behind.
//!
//! To bind is to take: the system creates the socket file, or says that something stands there, so of several starters
//! one wins. On Linux the file is created for this user alone, whatever the umask, then gets its owner, then its mode,
//! and only then does the socket listen. To set them in time would not do by itself: who is let in by laxer permissions
//! may find that the socket listens by now. Elsewhere the umask decides until the mode is set.
//!
//! What stands in the way is removed only when it is a socket that is not bound: dead, left by a process that was
//! killed. Two starters cannot take each other's live socket for a dead one, for three reasons:
//!
//! 1. Whether a socket file is bound is asked with a datagram socket. The system names the mismatch of types as soon as
//!    the file is bound, even if there is no listener yet, and a listener sees no connection come and go.
//! 2. It is asked and removed with the directory locked (`flock`). A path that holds a dead socket can only be taken
//!    by removing that first, and every other starter needs the same lock for it: nothing bound can have taken its place
//!    in between.
//! 3. A listener that goes removes its file *before* it closes its socket, and only if the file is still the one that it
//!    created (device and inode; the system does not reuse an inode while a socket is bound to it). So it never removes
//!    a successor's.
//!
//! This holds between listeners of this crate. Another program that removes sockets without asking can break it, for its
//! own socket or for ours. The lock leaves no file behind, and the system drops it with its holder.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{AT_FDCWD, Flock, FlockArg};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::{Instant, sleep};

use super::UnixOptions;
use crate::paths::remove_own;

/// Each of them lost a race against another starter that is gone again.
const MOST_TRIES: usize = 16;
/// A holder asks, removes and lets go; a process that keeps the lock longer than this is not this library.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// About as long as a holder needs.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A bound path. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    made: fs::Metadata,
    /// The listener's socket once more, so that it cannot be closed before the file is removed.
    _bound: Socket,
}

impl Claim {
    /// Binds `socket` to `path`. Dropped meanwhile, it leaves nothing.
    pub(super) async fn take(path: &Path, socket: &Socket, options: &UnixOptions) -> io::Result<Self> {
        // Before binding: a failure in between would leave the file.
        let (bound, path) = (socket.try_clone()?, path.to_owned());
        // The file takes the mode of the socket, less the umask. Where sockets have none, this fails.
        let _ = fchmod(socket, Mode::S_IRUSR | Mode::S_IWUSR);
        bind(&path, socket).await?;
        // Fails only when the file is gone again.
        let made = fs::symlink_metadata(&path)?;
        let claim = Self { path, made, _bound: bound };
        claim.set_permissions(options)?;
        Ok(claim)
    }

    /// Neither follows a symbolic link that another process may have put in the place of the file.
    fn set_permissions(&self, options: &UnixOptions) -> io::Result<()> {
        let told = |what: &str, error: io::Error| {
            io::Error::new(error.kind(), format!("cannot set the {what} of the socket: {error}"))
        };
        if let Some((uid, gid)) = options.owner {
            std::os::unix::fs::lchown(&self.path, Some(uid), gid).map_err(|error| told("owner", error))?;
        }
        // `Mode` is as wide as the system wants it; the bits are nine.
        let mode = Mode::from_bits_truncate(options.mode as _);
        fchmodat(AT_FDCWD, &self.path, mode, FchmodatFlags::NoFollowSymlink)
            .map_err(|error| told("mode", error.into()))
    }
}

impl Drop for Claim {
    /// The file first, and only then the socket: until the file is gone no process may take it for a dead one.
    fn drop(&mut self) {
        remove_own(&self.path, &self.made);
    }
}

async fn bind(path: &Path, socket: &Socket) -> io::Result<()> {
    let address = SockAddr::unix(path)?;
    for _ in 0..MOST_TRIES {
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => make_way(path).await?,
            Err(error) => {
                let text = format!("cannot create the socket `{}`: {error}", path.display());
                return Err(io::Error::new(error.kind(), text));
            }
            Ok(()) => return Ok(()),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "other listeners come and go there all the time"))
}

/// Removes a dead socket, or says what stands there instead.
async fn make_way(path: &Path) -> io::Result<()> {
    if !holds_dead_socket(path)? {
        return Ok(());
    }
    let _locked = lock_directory(path).await?;
    // What was seen before the lock proves nothing.
    if holds_dead_socket(path)? {
        fs::remove_file(path).map_err(|error| {
            let text = format!("`{}` has no listener, and cannot be removed: {error}", path.display());
            io::Error::new(error.kind(), text)
        })?;
        tracing::info!(path = %path.display(), "removed a socket without a listener");
    }
    Ok(())
}

/// `false` when nothing stands there any more.
fn holds_dead_socket(path: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !found.is_socket() {
        let kind = if found.is_dir() {
            "a directory"
        } else if found.is_file() {
            "a regular file"
        } else if found.is_symlink() {
            "a symbolic link"
        } else {
            "a pipe or a device"
        };
        let text = format!("`{}` is {kind}, not a socket, and stays", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let asking = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    match asking.connect(&SockAddr::unix(path)?).map_err(|error| error.kind()) {
        Err(io::ErrorKind::ConnectionRefused) => Ok(true),
        Err(io::ErrorKind::NotFound) => Ok(false),
        answer => {
            // What may not be asked is not ours to remove.
            let may_ask = answer != Err(io::ErrorKind::PermissionDenied);
            let state = if may_ask { "is in use" } else { "may be in use: this user may not ask" };
            Err(io::Error::new(io::ErrorKind::AddrInUse, format!("`{}` {state}", path.display())))
        }
    }
}

async fn lock_directory(path: &Path) -> io::Result<Flock<File>> {
    let directory = path.parent().unwrap_or(path);
    let told = |kind, why: &dyn std::fmt::Display| {
        io::Error::new(kind, format!("cannot lock the directory `{}`: {why}", directory.display()))
    };
    let mut file = File::open(directory).map_err(|error| told(error.kind(), &error))?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((file, nix::errno::Errno::EWOULDBLOCK)) if Instant::now() < deadline => file,
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                return Err(told(io::ErrorKind::TimedOut, &"another process keeps it locked"));
            }
            Err((_, error)) => {
                let error = io::Error::from(error);
                return Err(told(error.kind(), &error));
            }
        };
        sleep(LOCK_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_after_binding_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let claim = Claim::take(&path, &socket, &UnixOptions::default()).await.unwrap();
        fs::remove_file(&path).unwrap();
        let error = claim.set_permissions(&UnixOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("mode"), "{error}");
        drop(claim);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
}
