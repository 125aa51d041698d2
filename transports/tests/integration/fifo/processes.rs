//! Several processes, some of which are killed, and one of another user.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::PathBuf;

use listenrain_transports::Fifo;
use nix::unistd::{Gid, Uid, setgid, setuid};

use super::child;
use super::{Scene, at_path};
use crate::support::child::Player;
use crate::support::*;

#[tokio::test]
async fn a_killed_listener_is_a_reset_and_the_next_one_clears_its_place() {
    if child::plays().await {
        return;
    }
    let test = "fifo::processes::a_killed_listener_is_a_reset_and_the_next_one_clears_its_place";
    let scene = Scene::new();
    let mut first = Player::start(test, "listener", scene.rendezvous());
    first.says("listening").await;
    let mut dialer = scene.dialer();
    let mut near = watched(dialer.next()).await.unwrap();
    write_all(&mut *near.write, "x".into()).await.unwrap();
    assert_eq!(watched(read_exactly(&mut *near.read, 1)).await.unwrap(), "x");
    assert_eq!(Fifo::default().listen(&scene.endpoint()).await.err().unwrap().kind, ErrorKind::AddrInUse);
    // Answered, and in the backlog.
    let mut queued = watched(dialer.next()).await.unwrap();

    first.kill().await;
    for channel in [&mut near, &mut queued] {
        assert_eq!(
            watched(read_error(&mut *channel.read)).await,
            ErrorKind::ConnectionReset,
            "a crash is no orderly end"
        );
        assert_eq!(
            watched(write_all(&mut *channel.write, "late".into())).await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    }
    assert_eq!(scene.files(), ["x", "x.pairs"], "what a crash leaves");
    assert_eq!(watched(dialer.next()).await.unwrap_err().kind, ErrorKind::ConnectionRefused);

    let mut second = Player::start(test, "listener", scene.rendezvous());
    second.says("listening").await;
    let mut near = watched(dialer.next()).await.unwrap();
    write_all(&mut *near.write, "y".into()).await.unwrap();
    assert_eq!(watched(read_exactly(&mut *near.read, 1)).await.unwrap(), "y");
    second.kill().await;
    let mut third = scene.listen().await;
    scene.serves(&mut *third).await;
    drop(third);
    assert_eq!(scene.files(), [""; 0]);
}

#[tokio::test]
async fn a_killed_dialer_is_a_reset_and_one_that_drops_its_channel_an_end() {
    if child::plays().await {
        return;
    }
    let test = "fifo::processes::a_killed_dialer_is_a_reset_and_one_that_drops_its_channel_an_end";
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let mut killed = Player::start(test, "dialer", scene.rendezvous());
    killed.says("sent").await;
    let mut far = watched(listener.next()).await.unwrap();
    killed.kill().await;
    assert_eq!(watched(read_exactly(&mut *far.read, 1)).await.unwrap(), "x");
    assert_eq!(watched(read_error(&mut *far.read)).await, ErrorKind::ConnectionReset);

    let leaver = Player::start(test, "leaver", scene.rendezvous());
    let mut far = watched(listener.next()).await.unwrap();
    assert_eq!(watched(read_to_end(&mut *far.read)).await.unwrap(), "x");
    leaver.ends_well().await;
    assert_eq!(scene.files(), ["x", "x.pairs"]);
    scene.serves(&mut *listener).await;
}

#[tokio::test]
async fn what_a_killed_dialer_leaves_is_swept_while_the_backlog_is_full() {
    if child::plays().await {
        return;
    }
    let test = "fifo::processes::what_a_killed_dialer_leaves_is_swept_while_the_backlog_is_full";
    let scene = Scene::new();
    let endpoint = scene.endpoint().with_option("backlog", "1").with_option("connect_timeout", "100ms");
    let mut listener = watched(Fifo::default().listen(&endpoint)).await.unwrap();
    let _queued = watched(scene.dialer().next()).await.unwrap();
    let mut asker = Player::start(test, "asker", scene.rendezvous());
    asker.says("asked").await;
    // One that lives on and waits as well, and must keep its pair.
    let mut dialer = scene.dialer();
    let mut waiting = dialer.next();
    assert!(once(|cx| waiting.as_mut().poll(cx)).await.is_none());
    assert_eq!(scene.files().len(), 2 + 2 + 2);
    asker.kill().await;
    until(|| scene.files().len() <= 4).await;
    let _first = watched(listener.next()).await.unwrap();
    let (near, far) = watched(async { tokio::join!(waiting, listener.next()) }).await;
    super::exchange(&mut near.unwrap(), &mut far.unwrap()).await;
    assert_eq!(scene.files(), ["x", "x.pairs"]);
}

/// Whom root becomes to be nobody special: `nobody`, as most systems have it.
const NOBODY: u32 = 65_534;

#[tokio::test]
async fn an_ordinary_user_is_kept_out_of_what_is_not_his_and_gets_as_large_a_pipe_as_he_may() {
    if child::plays().await {
        return;
    }
    let test =
        "fifo::processes::an_ordinary_user_is_kept_out_of_what_is_not_his_and_gets_as_large_a_pipe_as_he_may";
    let scene = Scene::new();
    let is_root = Uid::effective().is_root();
    fs::set_permissions(scene.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut listener = scene.listen().await;
    for (name, mode) in [("closed", 0o500), ("own", 0o700)] {
        let path = scene.dir().join(name);
        fs::DirBuilder::new().mode(mode).create(&path).unwrap();
        if is_root {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let mut ordinary = Player::start(test, "ordinary", scene.dir());
    ordinary.says("done").await;
    ordinary.ends_well().await;
    scene.serves(&mut *listener).await;
}

/// What the other process does in `dir`, where the directory `own` is its own.
pub(crate) async fn ordinary(dir: PathBuf) {
    if Uid::effective().is_root() {
        setgid(Gid::from_raw(NOBODY)).unwrap();
        setuid(Uid::from_raw(NOBODY)).unwrap();
    }
    let fifo = Fifo::default();
    let unwritable = fifo.listen(&at_path(&dir.join("closed/x"))).await.err().unwrap();
    assert_eq!((unwritable.kind, unwritable.is_final), (ErrorKind::PermissionDenied, true));

    #[cfg(target_os = "linux")]
    {
        let most: usize = fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap().trim().parse().unwrap();
        let asked = at_path(&dir.join("own/x")).with_option("pipe_size", &(4 * most).to_string());
        let mut listener = fifo.listen(&asked).await.unwrap();
        let mut dialer = fifo.dialer(&asked).unwrap();
        let (mut near, _far) = connect(&mut *listener, &mut *dialer).await;
        assert_eq!(fill(&mut *near.write, 4096, usize::MAX).await, most);
    }
    println!("done");
}
