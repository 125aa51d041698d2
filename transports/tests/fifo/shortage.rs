//! A listener outlives a shortage of descriptors. In a process of its own, since the limit is the process's.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use listenrain::Transport;
use listenrain_transports::Fifo;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::child::{self, Player};
use crate::support::*;
use crate::{Scene, at_path, exchange};

#[tokio::test]
async fn a_listener_outlives_a_shortage_of_descriptors_and_loses_no_dialer() {
    if child::plays().await {
        return;
    }
    let test = "shortage::a_listener_outlives_a_shortage_of_descriptors_and_loses_no_dialer";
    let scene = Scene::new();
    let mut player = Player::start(test, "short", scene.rendezvous());
    player.says("accepted after the shortage").await;
    player.ends_well().await;
    assert_eq!(scene.files(), [""; 0]);
}

/// What the other process does.
pub(crate) async fn short(path: PathBuf) {
    let endpoint = at_path(&path);
    let mut listener = Fifo::default().listen(&endpoint).await.unwrap();
    let mut dialer = Fifo::default().dialer(&endpoint).unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    // It has all that it needs itself, and waits for an answer.
    let mut dial = dialer.next();
    assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
    let hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();

    // Long enough for several tries; what it must not do is answer, be it with an error.
    let early = tokio::time::timeout(Duration::from_millis(100), listener.next()).await;
    assert!(early.is_err(), "the listener answered: {early:?}");
    let error = Fifo::default().dialer(&endpoint).unwrap().next().await.unwrap_err();
    assert!(!error.is_final, "a dialer may ask again as well: {error}");
    drop(hoard);
    let (near, far) = watched(async { tokio::join!(dial, listener.next()) }).await;
    exchange(&mut near.unwrap(), &mut far.unwrap()).await;
    drop(listener);
    println!("accepted after the shortage");
}
