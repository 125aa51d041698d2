//! Listeners that start at one path at the same time: none takes another's socket. Waits are for events, under a
//! watchdog.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use listenrain::{ChannelGenerator, Endpoint, NextError, Transport};
use listenrain_transports::Unix;
use nix::fcntl::{Flock, FlockArg};
use support::*;
use tokio::sync::Barrier;

fn at_path(path: &Path) -> Endpoint {
    Endpoint::new("unix", path.to_str().unwrap()).unwrap()
}

async fn listen(path: &Path) -> Result<Box<dyn ChannelGenerator>, NextError> {
    Unix::default().listen(&at_path(path)).await
}

/// What a killed process leaves behind: a socket file that nobody has bound.
fn leave_dead_socket(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_find_a_dead_socket_exactly_one_listens() {
    // Without a lock the second would take what the first has just bound for dead, or remove it unseen.
    let folder = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let path = folder.path().join(round.to_string());
        leave_dead_socket(&path);
        let start = Arc::new(Barrier::new(8));
        let starters: Vec<_> = (0..8)
            .map(|_| {
                let (start, path) = (start.clone(), path.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    listen(&path).await
                })
            })
            .collect();
        let mut winners = Vec::new();
        for starter in starters {
            match watched(starter).await.unwrap() {
                Ok(listener) => winners.push(listener),
                Err(error) => assert_eq!(error.kind, ErrorKind::AddrInUse),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let mut dialer = Unix::default().dialer(winners[0].endpoint()).unwrap();
        watched(connect(&mut *winners[0], &mut *dialer)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_that_come_and_go_never_take_each_others_path() {
    // A listener that removed its file after its socket could remove its successor's.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let comings = (0..4).map(|_| tokio::spawn(come_and_go(path.clone(), 200))).collect::<Vec<_>>();
    let mut held = 0;
    for coming in comings {
        held += watched(coming).await.unwrap();
    }
    assert!(held > 0 && !path.exists());
}

/// Listens as often as it can; as long as it does, whoever dials the path must reach it.
async fn come_and_go(path: PathBuf, times: usize) -> usize {
    let mut held = 0;
    for _ in 0..times {
        let mut listener = match listen(&path).await {
            Ok(listener) => listener,
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::AddrInUse);
                tokio::task::yield_now().await;
                continue;
            }
        };
        let mut dialer = Unix::default().dialer(listener.endpoint()).unwrap();
        let (near, far) = watched(connect(&mut *listener, &mut *dialer)).await;
        assert_eq!(near.facts.local, far.facts.peer, "somebody else got the connection");
        held += 1;
    }
    held
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_stays_locked_ends_the_wait_and_a_dropped_wait_leaves_all_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    leave_dead_socket(&path);
    let lock = || Flock::lock(fs::File::open(folder.path()).unwrap(), FlockArg::LockExclusiveNonblock);
    let locked = lock().unwrap();
    let error = listen(&path).await.err().unwrap();
    assert_eq!((error.kind, error.is_final), (ErrorKind::TimedOut, false));
    let why = error.source.unwrap().to_string();
    assert!(why.contains("keeps it locked") && why.contains(folder.path().to_str().unwrap()), "{why}");

    let endpoint = at_path(&path);
    let unix = Unix::default();
    let mut waiting = unix.listen(&endpoint);
    assert!(once(|cx| waiting.as_mut().poll(cx)).await.is_none());
    drop(waiting);
    drop(locked);
    drop(lock().expect("a dropped wait holds no lock"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    listen(&path).await.unwrap();
}
