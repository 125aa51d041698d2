//! A listener outlives a shortage of file descriptors. In a process of its own, since the limit is the process's.

use std::fs::File;

use crate::support::child::{Player, part};
use crate::support::*;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::time::timeout;

/// Each with the descriptors that a dial takes before it has an answer.
const SCHEMES: [(&str, usize); 3] = [("tcp", 1), ("unix", 1), ("fifo", 5)];

#[tokio::test]
async fn a_listener_outlives_a_shortage_of_file_descriptors() {
    // LR28: the original tried a failing accept three times without any delay, then stopped listening and said nothing.
    if let Some((scheme, _)) = part() {
        return exhaust_and_recover(&scheme).await;
    }
    for (scheme, _) in SCHEMES {
        let mut player =
            Player::start("exhaustion::a_listener_outlives_a_shortage_of_file_descriptors", scheme, "");
        player.says(&format!("accepted after the shortage on {scheme}")).await;
        player.ends_well().await;
    }
}

async fn exhaust_and_recover(scheme: &str) {
    let transport = listenrain_transports::all().get(scheme).unwrap().clone();
    let (_, takes) = SCHEMES.into_iter().find(|(known, _)| *known == scheme).unwrap();
    let (mut listener, mut dialer) = both_ends(&*transport).await;
    let mut second = transport.dialer(listener.endpoint()).unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    // The dialer takes the last descriptors, so that none is left for the accepted end.
    let mut hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hoard.truncate(hoard.len() - takes);
    let dialling = tokio::spawn(async move { dialer.next().await });
    until(|| File::open("/dev/null").is_err()).await;
    // Long enough for several tries; what it must not do is answer, be it with an error.
    let early = timeout(Duration::from_millis(100), listener.next()).await;
    assert!(early.is_err(), "the listener answered: {early:?}");
    let error = second.next().await.unwrap_err();
    assert!(!error.is_final, "a dialer may ask again as well: {error}");
    drop(hoard);
    let (near, far) = watched(async { tokio::join!(dialling, listener.next()) }).await;
    assert_eq!(far.unwrap().facts.peer, near.unwrap().unwrap().facts.local);
    println!("accepted after the shortage on {scheme}");
}
