//! A listener outlives a shortage of file descriptors. In a process of its own, since the limit is the process's.
#![cfg(unix)]

mod support;

use std::fs::File;
use std::process::Command;

use listenrain::Transport;
use listenrain_transports::{Tcp, Unix};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use support::*;

const CHILD: &str = "LISTENRAIN_TEST_EXHAUST_FILE_DESCRIPTORS";
const NAME: &str = "a_listener_outlives_a_shortage_of_file_descriptors";

#[test]
fn a_listener_outlives_a_shortage_of_file_descriptors() {
    // LR28: the original tried a failing accept three times without any delay, then stopped listening and said nothing.
    match std::env::var(CHILD).as_deref() {
        Ok("tcp") => return exhaust_and_recover(&Tcp::default()),
        Ok(_) => return exhaust_and_recover(&Unix::default()),
        Err(_) => {}
    }
    for scheme in ["tcp", "unix"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, scheme)
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
        let told = format!("accepted after the shortage on {scheme}");
        assert!(child.status.success() && out.contains(&told), "{out}\n{err}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn exhaust_and_recover(transport: &dyn Transport) {
    let (mut listener, mut dialer) = both_ends(transport).await;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    // The dialer's own socket takes the last descriptor, so that none is left for the accepted end.
    let mut hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hoard.pop();
    let near = watched(dialer.next()).await.unwrap();
    assert!(File::open("/dev/null").is_err(), "there are descriptors left");

    // Long enough for several tries; what it must not do is answer, be it with an error.
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), listener.next()).await;
    assert!(early.is_err(), "the listener answered: {early:?}");
    drop(hoard);
    let far = watched(listener.next()).await.unwrap();
    assert_eq!(far.facts.peer, near.facts.local);
    println!("accepted after the shortage on {}", transport.scheme());
}
