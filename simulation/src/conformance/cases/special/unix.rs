//! Unix sockets: what they leave on disk, who may dial them, how they are named.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use listenrain::Endpoint;

use super::{io, unused_name};
use crate::conformance::bed::{Bed, Gate, at_once, round_trip};
use crate::conformance::failure::{Check, Failure, describe, ensure};

/// A path of the case's own. Whatever stands there in the end is removed.
struct Place(PathBuf);

impl Place {
    /// A scratch path, and its endpoint.
    fn fresh(bed: &Bed) -> (Self, Endpoint) {
        let endpoint = bed.transport.scratch_endpoint();
        (Self(PathBuf::from(endpoint.address())), endpoint)
    }

    fn metadata(&self) -> Check<Metadata> {
        let path = self.0.display();
        fs::symlink_metadata(&self.0).map_err(|error| Failure::new(format!("{path}: {error}")))
    }

    fn is_free(&self) -> bool {
        fs::symlink_metadata(&self.0).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing is there unless the case has failed.
        let _ = fs::remove_file(&self.0);
    }
}

pub(super) async fn stale_path(bed: &mut Bed) -> Check {
    let (place, endpoint) = Place::fresh(bed);
    serves_and_goes(bed, &place, &endpoint).await?;

    // What a killed process leaves: a socket that nobody has bound.
    drop(io("binding a socket by hand", UnixListener::bind(&place.0))?);
    ensure!(!place.is_free(), "the system has removed a socket by itself");
    let mut dialer = bed.dialer(&endpoint)?;
    let dialled = at_once("a dial of a socket that is left over", dialer.try_next()).await?;
    ensure!(
        dialled.as_ref().is_err_and(|error| !error.is_final),
        "a dial of a socket that is left over was not refused for now"
    );
    serves_and_goes(bed, &place, &endpoint)
        .await
        .map_err(|failure| failure.at("where a socket was left over"))?;

    io("writing a file", fs::write(&place.0, "precious"))?;
    let listening = at_once("listening at a regular file", bed.listen(&endpoint)).await?;
    ensure!(listening.is_err(), "a regular file was taken for a socket that is left over");
    let kept = io("reading a file", fs::read(&place.0))?;
    ensure!(kept == b"precious", "a regular file in the way holds {kept:?} now");
    io("removing a file", fs::remove_file(&place.0))?;

    // Somebody who is alive is not left over.
    let theirs = io("binding a socket by hand", UnixListener::bind(&place.0))?;
    let listening = at_once("listening where another program does", bed.listen(&endpoint)).await?;
    let kind = listening.err().map(|error| error.kind);
    ensure!(
        kind == Some(ErrorKind::AddrInUse),
        "listening where another program does gave {kind:?}, expected AddrInUse"
    );
    let near = at_once("a dial of another program's listener", dialer.next()).await??;
    io("another program's listener", theirs.accept())?;
    drop((near, theirs));
    Ok(())
}

/// Listens there, is dialled, and leaves nothing behind.
async fn serves_and_goes(bed: &Bed, place: &Place, endpoint: &Endpoint) -> Check {
    let mut gate = bed.gate_at(endpoint).await?;
    ensure!(place.metadata()?.file_type().is_socket(), "{} is no socket", place.0.display());
    let (mut near, mut far) = gate.connect().await?;
    round_trip(&mut near, &mut far, 100).await?;
    drop(gate);
    ensure!(place.is_free(), "{} is left behind", place.0.display());
    round_trip(&mut far, &mut near, 100).await
}

pub(super) async fn permissions(bed: &mut Bed) -> Check {
    let scratch = |mode: Option<&str>| {
        let (place, endpoint) = Place::fresh(bed);
        (place, mode.into_iter().fold(endpoint, |endpoint, mode| endpoint.with_option("mode", mode)))
    };
    for (asked, expected) in [(None, 0o600), (Some("0600"), 0o600), (Some("0666"), 0o666), (Some("0000"), 0)]
    {
        let (place, endpoint) = scratch(asked);
        let _listener = bed.listen(&endpoint).await?;
        let mode = place.metadata()?.mode() & 0o7777;
        ensure!(mode == expected, "mode {asked:?} gave a socket of mode {mode:04o}, expected {expected:04o}");
    }
    let (place, endpoint) = scratch(None);
    let mut gate = bed.gate_at(&endpoint).await?;
    let owner = place.metadata()?;
    let (near, far) = gate.connect().await?;
    for (who, end) in [("dialled", near), ("accepted", far)] {
        let credentials = end.facts.credentials;
        let known = credentials.map(|peer| (peer.pid, peer.uid, peer.gid));
        let expected = (i32::try_from(std::process::id()).ok(), owner.uid(), owner.gid());
        ensure!(known == Some(expected), "the {who} end's peer is {known:?}, expected {expected:?}");
    }
    Ok(())
}

/// Lengths between which every system's limit lies.
const SHORT: usize = 90;
const LONG: usize = 200;

pub(super) async fn path_length(bed: &mut Bed) -> Check {
    let (place, endpoint) = Place::fresh(bed);
    let folder = place.0.parent().unwrap_or_else(|| Path::new("/tmp")).to_owned();
    let of_length = |length: usize| {
        let mut path = folder.join(endpoint.address().rsplit('/').next().unwrap_or("x")).into_os_string();
        path.push("x".repeat(length.saturating_sub(path.len())));
        let endpoint = endpoint.clone().with_address(path.to_string_lossy().into_owned());
        (Place(path.into()), endpoint)
    };
    let mut longest = None;
    for length in SHORT..LONG {
        let (place, endpoint) = of_length(length);
        match (bed.listen(&endpoint).await, bed.dialer(&endpoint)) {
            (Ok(listener), Ok(_)) => {
                ensure!(longest.is_none_or(|longest| longest + 1 == length), "only some long paths work");
                drop(listener);
                longest = Some(length);
            }
            (Ok(_), Err(error)) => {
                return Err(Failure::new(format!("can be listened at, but not dialled: {error}")));
            }
            (Err(error), dialer) => {
                let told = describe(&error);
                ensure!(error.kind == ErrorKind::InvalidInput, "{length} bytes: {:?}: {told}", error.kind);
                ensure!(error.is_final && told.contains(&length.to_string()), "{length} bytes: {told}");
                ensure!(dialer.is_err(), "a path of {length} bytes can be dialled, but not listened at");
                ensure!(place.is_free(), "a path that is too long has made the file {}", place.0.display());
            }
        }
    }
    let longest = longest.ok_or_else(|| Failure::new(format!("a path of {SHORT} bytes is too long")))?;
    ensure!(longest + 1 < LONG, "a path of {longest} bytes is not too long");
    let (place, endpoint) = of_length(longest);
    serves_and_goes(bed, &place, &endpoint).await.map_err(|failure| failure.at(format!("{longest} bytes")))
}

#[cfg(target_os = "linux")]
pub(super) async fn abstract_name(bed: &mut Bed) -> Check {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let name = unused_name();
    let endpoint = Endpoint::new("unix", &format!("@{name}"))?;
    for _ in 0..2 {
        let mut gate = bed.gate_at(&endpoint).await?;
        let (mut near, mut far) = gate.connect().await?;
        round_trip(&mut near, &mut far, 100).await?;
        let Gate { mut dialer, mut listener, .. } = gate;
        let second = at_once("a second listener at a taken name", bed.listen(&endpoint)).await?;
        let kind = second.err().map(|error| error.kind);
        ensure!(kind == Some(ErrorKind::AddrInUse), "a second listener gave {kind:?}, expected AddrInUse");
        let address = io("an abstract name", SocketAddr::from_abstract_name(&name))?;
        let theirs = io("a dial by another program", UnixStream::connect_addr(&address))?;
        drop((at_once("accepting another program's dial", listener.next()).await??, theirs));
        drop(listener);
        let refused = at_once("a dial of a name that is free", dialer.try_next()).await?;
        ensure!(refused.is_err_and(|error| !error.is_final), "a dial of a free name was not refused for now");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn abstract_name(bed: &mut Bed) -> Check {
    let endpoint = Endpoint::new("unix", "@listenrain-conformance")?;
    let refused = bed.listen(&endpoint).await.err().map(|error| (error.kind, error.is_final));
    ensure!(refused == Some((ErrorKind::InvalidInput, true)), "an abstract name was refused as {refused:?}");
    ensure!(bed.dialer(&endpoint).is_err(), "an abstract name can be dialled, but not listened at");
    Ok(())
}
