//! The pair of pipes of one connection, made by the dialer and taken by the listener.

use std::fs::{File, remove_file};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use listenrain::channel::PeerCredentials;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::name::Name;
use super::open::{End, inspect_directory, inspect_private, nobody_reads, open};
use super::place::Place;
use super::size;
use crate::entropy::Entropy;

/// Two random names are the same only where the random bytes are bad.
const TRIES: usize = 3;

/// One side's ends of both pipes.
///
/// Dropping it is no orderly end: it does not say so to the peer, as [`channel`](super::halves::channel) does.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) read: Receiver,
    pub(super) write: Sender,
}

/// A pair that a dialer has made. Dropping it removes its names, which a listener that accepts has done already.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) name: Name,
    up: PathBuf,
    down: PathBuf,
}

/// What a dialer holds until it is accepted: both ends of both pipes, so that neither pipe can end or break before the
/// listener has come.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) ends: Ends,
    _up: File,
    _down: File,
}

impl Pair {
    pub(super) fn make(place: &Place, owner: u32, entropy: &dyn Entropy) -> io::Result<Self> {
        inspect_directory(&place.pairs, owner)?;
        let mut tries = 1;
        loop {
            match Self::named(place, Name::fresh(entropy)?) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
                made => return made,
            }
        }
    }

    fn named(place: &Place, name: Name) -> io::Result<Self> {
        let (up, down) = (place.up(name), place.down(name));
        make(&up)?;
        if let Err(error) = make(&down) {
            remove(&up);
            return Err(error);
        }
        Ok(Self { name, up, down })
    }

    /// Opens both ends of both pipes; the pipe that is read from here gets `size` bytes.
    pub(super) fn hold(&self, owner: u32, size: Option<usize>) -> io::Result<Held> {
        let (_up, up) = both(&self.up, owner)?;
        let (down, _down) = both(&self.down, owner)?;
        size::set(&down, size)?;
        let (read, write) = (Receiver::from_file_unchecked(down)?, Sender::from_file_unchecked(up)?);
        Ok(Held { ends: Ends { read, write }, _up, _down })
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        remove(&self.up);
        remove(&self.down);
    }
}

/// Takes the listener's ends of the pair called `name`, and removes its names. The pipe that is read from here gets
/// `size` bytes. Nothing is opened or removed that is no fresh pair of `owner`; one whose dialer is gone is removed.
pub(super) fn take(
    place: &Place,
    name: Name,
    owner: u32,
    size: Option<usize>,
) -> io::Result<(Ends, PeerCredentials)> {
    let (up, down) = (place.up(name), place.down(name));
    let seen = inspect_private(&up, owner)?;
    inspect_private(&down, owner)?;
    let read = open(&up, End::Read, owner)?;
    let write = open(&down, End::Write, owner).inspect_err(|error| {
        if nobody_reads(error) {
            remove(&up);
            remove(&down);
        }
    })?;
    size::set(&read, size)?;
    let ends =
        Ends { read: Receiver::from_file_unchecked(read)?, write: Sender::from_file_unchecked(write)? };
    remove(&up);
    remove(&down);
    Ok((ends, PeerCredentials::new(None, seen.uid(), seen.gid())))
}

/// Makes a pipe that only its owner may open.
pub(super) fn make(path: &Path) -> io::Result<()> {
    Ok(mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?)
}

fn both(path: &Path, owner: u32) -> io::Result<(File, File)> {
    inspect_private(path, owner)?;
    Ok((open(path, End::Read, owner)?, open(path, End::Write, owner)?))
}

/// A name that is gone already is as good.
fn remove(path: &Path) {
    if let Err(error) = remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(path = %path.display(), %error, "a pipe stays on disk");
    }
}
