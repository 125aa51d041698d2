//! Unix sockets and named pipes between users. It needs root, to become somebody else in a child.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use listenrain::{Endpoint, Transport};
use listenrain_transports::{Fifo, Unix};

use crate::support::*;

/// Set in a child: what it is to do, and the path that it is about.
const ROLE: &str = "LISTENRAIN_TEST_USERS_ROLE";
const PATH: &str = "LISTENRAIN_TEST_USERS_PATH";
const NOBODY: u32 = 65_534;

/// Why there is no other user to become.
pub(crate) fn missing() -> Option<String> {
    let became = Command::new("true").uid(NOBODY).gid(NOBODY).status();
    let own = fs::metadata(open_folder().path()).unwrap().uid();
    match became {
        Ok(_) if own == NOBODY => Some("nobody else to become".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("no other user to become: {error}")),
    }
}

/// Does what this process was started for, if anything.
pub(crate) async fn plays() -> bool {
    let Ok(role) = std::env::var(ROLE) else { return false };
    let path = PathBuf::from(std::env::var_os(PATH).unwrap());
    match role.as_str() {
        "dial" => dial_often(&path),
        "visit" => visit(&path),
        "cannot_listen" => cannot_listen(&path).await,
        "cannot_use_pipes" => cannot_use_pipes(&path).await,
        other => panic!("no role is called {other}"),
    }
    true
}

/// This program in a process of another user.
fn as_nobody(role: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env(ROLE, role)
        .env(PATH, path)
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
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

pub(crate) async fn the_file_has_the_owner_that_was_asked_for() {
    let folder = open_folder();
    let path = folder.path().join("x.sock");
    let owned = at_path(&path).with_option("owner", "12345:54321");
    let _listener = Unix::default().listen(&owned).await.unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12_345, 54_321));
}

pub(crate) async fn there_is_no_moment_in_which_somebody_else_can_connect() {
    // A socket that listens before its mode is set lets in whoever is quick, and nobody would see it.
    let folder = open_folder();
    let path = folder.path().join("x.sock");
    let mut dialing = as_nobody("dial", &path);
    let mut out = dialing.stdout.take().unwrap();
    wait_for("ready", &mut out);
    let umask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    for _ in 0..2000 {
        drop(Unix::default().listen(&at_path(&path)).await.unwrap());
    }
    nix::sys::stat::umask(umask);
    drop(dialing.stdin.take());
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    report(dialing);
    let (came, went) = text.lines().find_map(|line| line.strip_prefix("came ")?.split_once(" of ")).unwrap();
    let (came, tried): (u32, u32) = (came.parse().unwrap(), went.parse().unwrap());
    assert!(tried > 100, "it hardly dialled: {tried}");
    assert_eq!(came, 0, "of {tried}");
}

/// Tries to connect until its standard input ends.
fn dial_often(path: &Path) {
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

pub(crate) async fn an_unlisted_user_is_turned_away_and_accepting_goes_on() {
    let folder = open_folder();
    let endpoint = at_path(&folder.path().join("x.sock"))
        .with_option("mode", "0666")
        .with_option("allow_uid", &fs::metadata(folder.path()).unwrap().uid().to_string());
    let unix = Unix::default();
    let (mut listener, mut dialer) = at(&unix, &endpoint).await;
    let visitor = as_nobody("visit", Path::new(listener.endpoint().address()));
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

pub(crate) async fn a_user_without_the_rights_is_told_and_leaves_nothing() {
    let folder = open_folder();
    let child = as_nobody("cannot_listen", folder.path());
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

pub(crate) async fn pipes_of_another_user_are_neither_dialled_nor_taken_over() {
    let folder = open_folder();
    let fifo = |name: &str| Endpoint::new("fifo", folder.path().join(name).to_str().unwrap()).unwrap();
    let mut listener = Fifo::default().listen(&fifo("x")).await.unwrap();
    let stale = folder.path().join("stale");
    nix::unistd::mkfifo(&stale, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let child = as_nobody("cannot_use_pipes", folder.path());
    let text = tokio::task::spawn_blocking(|| report(child)).await.unwrap();
    assert!(text.contains("was told"), "{text}");
    assert!(stale.exists());
    let mut dialer = Fifo::default().dialer(&fifo("x")).unwrap();
    watched(connect(&mut *listener, &mut *dialer)).await;
}

async fn cannot_use_pipes(folder: &Path) {
    let at = |name: &str| Endpoint::new("fifo", folder.join(name).to_str().unwrap()).unwrap();
    let error = Fifo::default().dialer(&at("x")).unwrap().next().await.unwrap_err();
    assert_eq!((error.kind, error.is_final), (ErrorKind::PermissionDenied, false));
    let why = error.source.unwrap().to_string();
    assert!(why.contains("belongs to user 0, not to this user, 65534"), "{why}");
    for name in ["x", "stale"] {
        let error = Fifo::default().listen(&at(name)).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::PermissionDenied, "{name}");
    }
    println!("was told");
}
