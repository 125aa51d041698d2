//! Unix sockets between users. Needs root, to become somebody else in a child; says so and skips without.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use listenrain::{Endpoint, Transport};
use listenrain_transports::Unix;
use support::*;

/// Set in a child: the path that it is about.
const PATH: &str = "LISTENRAIN_TEST_UNIX_USERS_PATH";
const NOBODY: u32 = 65_534;

/// In a child, the path that it is about.
fn as_child() -> Option<PathBuf> {
    std::env::var_os(PATH).map(PathBuf::from)
}

/// This very test in a process of another user, or `None` when that cannot be had.
fn as_nobody(test: &str, path: &Path) -> Option<Child> {
    if fs::metadata(open_folder().path()).unwrap().uid() == NOBODY {
        println!("skipped: there is nobody else to become");
        return None;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PATH, path)
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    child.inspect_err(|error| println!("skipped: cannot become another user ({error})")).ok()
}

/// What the child says until it ends, which must be well.
fn report(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// A directory that everybody may enter.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn at_path(path: &Path) -> Endpoint {
    Endpoint::new("unix", path.to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_file_has_the_mode_and_the_owner_that_were_asked_for() {
    let folder = open_folder();
    let path = folder.path().join("x.sock");
    // Wider than any umask leaves it, and narrower.
    for (mode, bits) in [("0600", 0o600), ("0666", 0o666), ("0000", 0)] {
        let _listener = Unix::default().listen(&at_path(&path).with_option("mode", mode)).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, bits);
    }
    let _listener = Unix::default().listen(&at_path(&path)).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600, "the default");
    drop(_listener);

    let owned = at_path(&path).with_option("owner", "12345:54321");
    match Unix::default().listen(&owned).await {
        Ok(_listener) => {
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (12_345, 54_321));
        }
        Err(error) => println!("skipped: not root ({error})"),
    }
}

#[tokio::test]
async fn there_is_no_moment_in_which_somebody_else_can_connect() {
    if let Some(path) = as_child() {
        return knock(&path);
    }
    // A socket that listens before its mode is set lets in whoever is quick, and nobody would see it.
    let folder = open_folder();
    let path = folder.path().join("x.sock");
    let Some(mut knocking) = as_nobody("there_is_no_moment_in_which_somebody_else_can_connect", &path) else {
        return;
    };
    let mut out = knocking.stdout.take().unwrap();
    wait_for("ready", &mut out);
    let umask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    for _ in 0..2000 {
        drop(Unix::default().listen(&at_path(&path)).await.unwrap());
    }
    nix::sys::stat::umask(umask);
    drop(knocking.stdin.take());
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    report(knocking);
    let (came, went) = text.lines().find_map(|line| line.strip_prefix("came ")?.split_once(" of ")).unwrap();
    let (came, tried): (u32, u32) = (came.parse().unwrap(), went.parse().unwrap());
    assert!(tried > 100, "it hardly knocked: {tried}");
    assert_eq!(came, 0, "of {tried}");
}

/// Tries to connect until its standard input ends.
fn knock(path: &Path) {
    println!("ready");
    let over = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()).unwrap());
    let (mut came, mut tried) = (0, 0);
    while !over.is_finished() {
        match UnixStream::connect(path) {
            Ok(_) => came += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(_) => {}
        }
        tried += 1;
    }
    println!("came {came} of {tried}");
}

/// Reads until `word` and the end of its line.
fn wait_for(word: &str, out: &mut impl Read) {
    let (mut text, wanted) = (Vec::new(), format!("{word}\n").into_bytes());
    while !text.ends_with(&wanted) {
        let mut byte = [0];
        assert_eq!(out.read(&mut byte).unwrap(), 1, "ended before it said `{word}`");
        text.push(byte[0]);
    }
}

#[tokio::test]
async fn a_stranger_is_turned_away_and_accepting_goes_on() {
    if let Some(path) = as_child() {
        return visit(&path);
    }
    let folder = open_folder();
    let endpoint = at_path(&folder.path().join("x.sock"))
        .with_option("mode", "0666")
        .with_option("allow_uid", &fs::metadata(folder.path()).unwrap().uid().to_string());
    let unix = Unix::default();
    let (mut listener, mut dialer) = at(&unix, &endpoint).await;
    let Some(visitor) = as_nobody(
        "a_stranger_is_turned_away_and_accepting_goes_on",
        Path::new(listener.endpoint().address()),
    ) else {
        return;
    };
    let visit = tokio::task::spawn_blocking(|| report(visitor));
    let text = tokio::select! {
        biased;
        far = listener.next() => panic!("{far:?}"),
        text = watched(visit) => text.unwrap(),
    };
    assert!(text.contains("connected, then 0 bytes"), "{text}");
    assert_eq!(unix.turned_away(), 1);
    let (near, far) = watched(connect(&mut *listener, &mut *dialer)).await;
    assert_eq!(near.facts.local, far.facts.peer);
}

fn visit(path: &Path) {
    let mut stream = UnixStream::connect(path).unwrap();
    let count = stream.read(&mut [0; 10]).unwrap();
    println!("connected, then {count} bytes");
}

#[tokio::test]
async fn a_user_without_the_rights_is_told_and_leaves_nothing() {
    if let Some(path) = as_child() {
        return cannot_listen(&path).await;
    }
    let folder = open_folder();
    let Some(child) = as_nobody("a_user_without_the_rights_is_told_and_leaves_nothing", folder.path()) else {
        return;
    };
    let text = tokio::task::spawn_blocking(|| report(child)).await.unwrap();
    assert!(text.contains("was told"), "{text}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// Neither in a directory of somebody else, nor for an owner that it may not choose.
async fn cannot_listen(folder: &Path) {
    let ours = tempfile::tempdir().unwrap();
    for endpoint in
        [at_path(&folder.join("x.sock")), at_path(&ours.path().join("x.sock")).with_option("owner", "0")]
    {
        let error = Unix::default().listen(&endpoint).await.err().unwrap();
        assert_eq!((error.kind, error.is_final), (ErrorKind::PermissionDenied, true));
    }
    assert_eq!(fs::read_dir(&ours).unwrap().count(), 0);
    println!("was told");
}
