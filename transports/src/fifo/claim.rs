//! A listener's claim on its path, given back when it is dropped.
//!
//! The directory of the pairs is locked for as long as a listener lives; the system gives the lock back when its process
//! dies. So the holder of the lock may clear away what an earlier listener has left. A rendezvous that is read
//! without the lock is left alone all the same.

use std::fs::{self, DirBuilder, File, Metadata, symlink_metadata};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::open::{End, inspect, nobody_reads, open, open_directory};
use super::pair;
use super::place::Place;
use super::sweep::remove_pairs;
use crate::paths::{is_same, remove_own};

/// Another listener may remove the directory, or a dialer put a pair into it, in between two steps; more often than this
/// it is done on purpose.
const TRIES: usize = 16;

/// A path at which no other listener is. Dropping it removes the rendezvous, all pairs and their directory.
#[derive(Debug)]
pub(super) struct Claim {
    rendezvous: PathBuf,
    made: Metadata,
    /// Dropped after the rendezvous is gone, so that no new dialer comes.
    _directory: Directory,
}

/// Both ends of a rendezvous. The listener holds a writer of its own, or the pipe would end with each dialer that goes.
#[derive(Debug)]
pub(super) struct Rendezvous {
    pub(super) read: File,
    pub(super) write: File,
}

impl Claim {
    /// # Errors
    ///
    /// `AddrInUse` when another listener is there; `InvalidInput` or `PermissionDenied` when what is there is no pipe, or
    /// none of `owner`.
    pub(super) fn new(place: &Place, owner: u32) -> io::Result<(Self, Rendezvous)> {
        let directory = Directory::lock(&place.pairs, owner)?;
        remove_pairs(&place.pairs)?;
        let rendezvous = &place.rendezvous;
        clear(rendezvous, owner)?;
        pair::make(rendezvous).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => in_use(rendezvous, "was made meanwhile"),
            _ => error,
        })?;
        // From here on a failure removes what was made.
        let made = symlink_metadata(rendezvous)?;
        let claim = Self { rendezvous: rendezvous.to_owned(), made, _directory: directory };
        let read = open(rendezvous, End::Read, owner)?;
        let write = open(rendezvous, End::Write, owner)?;
        Ok((claim, Rendezvous { read, write }))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        remove_own(&self.rendezvous, &self.made);
    }
}

/// Removes a rendezvous of `owner` that has no reader any more.
fn clear(rendezvous: &Path, owner: u32) -> io::Result<()> {
    match inspect(rendezvous, owner) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    match open(rendezvous, End::Write, owner) {
        Ok(_) => Err(in_use(rendezvous, "has another reader")),
        Err(error) if nobody_reads(&error) => fs::remove_file(rendezvous),
        Err(error) => Err(error),
    }
}

/// The directory of the pairs, which one listener has.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    lock: Flock<File>,
}

impl Directory {
    fn lock(path: &Path, owner: u32) -> io::Result<Self> {
        for _ in 0..TRIES {
            match DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if let Some(locked) = Self::lock_existing(path, owner)? {
                return Ok(locked);
            }
        }
        Err(in_use(path, "is made and removed all the time"))
    }

    /// `None` when it was removed meanwhile.
    fn lock_existing(path: &Path, owner: u32) -> io::Result<Option<Self>> {
        let file = match open_directory(path, owner) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((_, Errno::EWOULDBLOCK)) => return Err(in_use(path, "is locked by another listener")),
            locked => locked.map_err(|(_, errno)| errno)?,
        };
        let directory = Self { path: path.to_owned(), lock };
        Ok(directory.is_there().then_some(directory))
    }

    /// Whether what stands at the path is what was locked.
    fn is_there(&self) -> bool {
        let (now, locked) = (symlink_metadata(&self.path), self.lock.metadata());
        matches!((now, locked), (Ok(now), Ok(locked)) if is_same(&now, &locked))
    }

    fn remove(&self) -> io::Result<()> {
        for _ in 0..TRIES {
            if !self.is_there() {
                return Ok(());
            }
            remove_pairs(&self.path)?;
            match fs::remove_dir(&self.path) {
                // A dialer that had the rendezvous open already.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                removed => return removed,
            }
        }
        Err(io::ErrorKind::DirectoryNotEmpty.into())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(path = %self.path.display(), %error, "the directory of the pairs stays on disk");
        }
    }
}

fn in_use(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, format!("{} {why}", path.display()))
}
