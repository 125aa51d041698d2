//! Promises of named pipes alone. Real pipes and real processes: waits are for events, under a watchdog.

mod child;
mod claims;
mod dials;
mod ends;
mod forged;
mod processes;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::support::*;
use listenrain_transports::Fifo;
use nix::unistd::Uid;
use tempfile::TempDir;

/// A place in an empty directory of its own.
pub(crate) struct Scene {
    dir: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn rendezvous(&self) -> PathBuf {
        self.dir().join("x")
    }

    pub(crate) fn pairs(&self) -> PathBuf {
        self.dir().join("x.pairs")
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        at_path(&self.rendezvous())
    }

    pub(crate) async fn listen(&self) -> Box<dyn ChannelGenerator> {
        self.listen_with("backlog", "128").await
    }

    /// Listens with one option set.
    pub(crate) async fn listen_with(&self, name: &str, value: &str) -> Box<dyn ChannelGenerator> {
        let endpoint = self.endpoint().with_option(name, value);
        watched(Fifo::default().listen(&endpoint)).await.unwrap()
    }

    pub(crate) fn dialer(&self) -> Box<dyn ChannelGenerator> {
        Fifo::default().dialer(&self.endpoint()).unwrap()
    }

    /// What is in the directory, and below it.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = names(self.dir());
        files.extend(names(&self.pairs()).into_iter().map(|name| format!("x.pairs/{name}")));
        files
    }

    /// One connection is dialled and accepted, and carries a byte each way.
    pub(crate) async fn serves(&self, listener: &mut dyn ChannelGenerator) {
        let (mut near, mut far) = watched(connect(listener, &mut *self.dialer())).await;
        exchange(&mut near, &mut far).await;
    }
}

pub(crate) fn at_path(path: &Path) -> Endpoint {
    Endpoint::new("fifo", path.to_str().unwrap()).unwrap()
}

/// What is in a directory that need not be there.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A byte each way.
pub(crate) async fn exchange(near: &mut Channel, far: &mut Channel) {
    carries(near, far, "x").await;
    carries(far, near, "x").await;
}

#[tokio::test]
async fn its_files_are_private_pipes_and_go_with_the_listener() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let rendezvous = fs::symlink_metadata(scene.rendezvous()).unwrap();
    assert!(rendezvous.file_type().is_fifo());
    assert_eq!(rendezvous.mode() & 0o7777, 0o600);
    assert_eq!(fs::symlink_metadata(scene.pairs()).unwrap().mode() & 0o777, 0o700);

    // A dialer that was not answered yet: its pair has names.
    let mut dialer = scene.dialer();
    let mut dial = dialer.next();
    assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
    let pair = names(&scene.pairs());
    assert!(pair.len() == 2 && pair[0].ends_with(".down") && pair[1].ends_with(".up"), "{pair:?}");
    for name in pair {
        let pipe = fs::symlink_metadata(scene.pairs().join(name)).unwrap();
        assert!(pipe.file_type().is_fifo());
        assert_eq!(pipe.mode() & 0o7777, 0o600);
    }

    let (near, far) = watched(async { tokio::join!(dial, listener.next()) }).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert_eq!(scene.files(), ["x", "x.pairs"], "an accepted pair has no names");
    drop(listener);
    assert_eq!(scene.files(), [""; 0]);
    exchange(&mut near, &mut far).await;
}

#[tokio::test]
async fn each_side_knows_the_others_user_and_the_name_of_the_pair() {
    let scene = Scene::new();
    let mut listener = scene.listen_with("pipe_size", "64KiB").await;
    let mut dialer = scene.dialer();
    let (near, far) = watched(connect(&mut *listener, &mut *dialer)).await;
    let (other, _far) = watched(connect(&mut *listener, &mut *dialer)).await;
    for end in [&near, &far] {
        let peer = end.facts.credentials.unwrap();
        assert_eq!((peer.uid, peer.pid), (Uid::effective().as_raw(), None));
    }
    assert_eq!(near.facts.peer, Some(scene.endpoint()), "options are no part of where it is");
    let local = near.facts.local.unwrap();
    assert!(local.address().starts_with(scene.pairs().to_str().unwrap()), "{local}");
    assert_ne!(Some(local), other.facts.local, "each connection has a name of its own");
}

#[tokio::test]
async fn a_dropped_listener_leaves_no_task_behind_however_busy_it_was() {
    for dialled in 0..3 {
        let scene = Scene::new();
        let listener = scene.listen_with("backlog", "2").await;
        assert_eq!(tasks(), 1);
        for _ in 0..dialled {
            watched(scene.dialer().next()).await.unwrap();
        }
        drop(listener);
        until(|| tasks() == 0).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_side_sizes_the_pipe_that_it_reads() {
    let scene = Scene::new();
    let mut listener = scene.listen_with("pipe_size", "128KiB").await;
    let endpoint = scene.endpoint().with_option("pipe_size", "16KiB");
    let mut dialer = Fifo::default().dialer(&endpoint).unwrap();
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
    assert_eq!(fill(&mut *near.write, 4096, usize::MAX).await, 128 << 10);
    assert_eq!(fill(&mut *far.write, 4096, usize::MAX).await, 16 << 10);
}
