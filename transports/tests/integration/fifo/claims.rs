//! Claims of a path: which listener gets it, and what becomes of files that are there already.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use listenrain_transports::Fifo;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{Scene, at_path};
use crate::support::*;

async fn cannot_listen(path: &Path) -> NextError {
    watched(Fifo::default().listen(&at_path(path))).await.err().unwrap()
}

async fn cannot_dial(path: &Path) -> NextError {
    watched(Fifo::default().dialer(&at_path(path)).unwrap().next()).await.unwrap_err()
}

fn why(error: &NextError) -> String {
    error.source.as_ref().unwrap().to_string()
}

#[tokio::test]
async fn what_is_no_pipe_is_refused_by_both_sides_and_stays_as_it_is() {
    let scene = Scene::new();
    let [file, directory, link, target] =
        ["file", "directory", "link", "target"].map(|name| scene.dir().join(name));
    fs::write(&file, "precious").unwrap();
    fs::create_dir(&directory).unwrap();
    mkfifo(&target, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    symlink(&target, &link).unwrap();
    let before = scene.files();
    for path in [&file, &directory, &link] {
        let error = cannot_listen(path).await;
        assert_eq!((error.kind, error.doing, error.is_final), (ErrorKind::InvalidInput, "listen", true));
        assert_eq!(why(&error), format!("{} is no named pipe", path.display()));
        let error = cannot_dial(path).await;
        assert_eq!((error.kind, error.doing, error.is_final), (ErrorKind::InvalidInput, "dial", false));
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(scene.files(), before);
}

#[tokio::test]
async fn a_directory_of_pairs_that_is_none_is_refused_by_both_sides_and_stays() {
    let scene = Scene::new();
    File::create(scene.pairs()).unwrap();
    let error = cannot_listen(&scene.rendezvous()).await;
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(why(&error).ends_with("x.pairs is no directory"), "{}", why(&error));
    fs::remove_file(scene.pairs()).unwrap();
    // Open to others, who could put something into it.
    let _reader = super::dials::silent(&scene);
    fs::set_permissions(scene.pairs(), fs::Permissions::from_mode(0o755)).unwrap();
    let (listening, dialling) =
        (cannot_listen(&scene.rendezvous()).await, cannot_dial(&scene.rendezvous()).await);
    assert_eq!((listening.kind, listening.is_final), (ErrorKind::PermissionDenied, true));
    assert_eq!((dialling.kind, dialling.is_final), (ErrorKind::PermissionDenied, false));
    for error in [listening, dialling] {
        assert!(why(&error).contains("has mode 755, it must have 700"), "{}", why(&error));
    }
    assert_eq!(scene.files(), ["x", "x.pairs"]);
}

#[tokio::test]
async fn a_place_without_a_parent_is_refused() {
    let scene = Scene::new();
    let path = scene.dir().join("none/x");
    let error = cannot_listen(&path).await;
    assert_eq!((error.kind, error.is_final), (ErrorKind::NotFound, false));
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(cannot_dial(&path).await.kind, ErrorKind::ConnectionRefused);
    assert_eq!(scene.files(), [""; 0]);
}

#[tokio::test]
async fn leftovers_are_cleared_away_by_the_next_listener_and_strange_files_are_kept() {
    let scene = Scene::new();
    drop(super::dials::silent(&scene));
    let name = "0123456789abcdef".repeat(2);
    for way in ["up", "down"] {
        let path = scene.pairs().join(format!("{name}.{way}"));
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    }
    let strange = format!("{}.up", "f".repeat(32));
    File::create(scene.pairs().join(&strange)).unwrap();
    let strange = format!("x.pairs/{strange}");
    let mut listener = scene.listen().await;
    assert_eq!(scene.files(), ["x", "x.pairs", &strange]);
    scene.serves(&mut *listener).await;
    drop(listener);
    assert_eq!(scene.files(), ["x.pairs", &strange], "no pipe, so nothing that a dialer has left");
}

#[tokio::test]
async fn a_rendezvous_that_somebody_reads_without_the_lock_is_left_alone() {
    let scene = Scene::new();
    mkfifo(&scene.rendezvous(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let nonblocking = OFlag::O_NONBLOCK.bits();
    let reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(scene.rendezvous()).unwrap();
    assert_eq!(cannot_listen(&scene.rendezvous()).await.kind, ErrorKind::AddrInUse);
    let there = fs::symlink_metadata(scene.rendezvous()).unwrap();
    assert_eq!(there.ino(), reader.metadata().unwrap().ino());
    assert_eq!(scene.files(), ["x"]);
}

#[tokio::test]
async fn what_somebody_has_put_in_its_place_outlives_the_listener() {
    let scene = Scene::new();
    let listener = scene.listen().await;
    fs::remove_file(scene.rendezvous()).unwrap();
    mkfifo(&scene.rendezvous(), Mode::S_IRUSR).unwrap();
    drop(listener);
    assert_eq!(scene.files(), ["x"]);
    assert!(fs::symlink_metadata(scene.rendezvous()).unwrap().file_type().is_fifo());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_listen_at_once_at_a_stale_place_one_wins() {
    // Two could both find it stale, and the slower one remove what the faster one has made.
    for _ in 0..50 {
        let scene = Scene::new();
        drop(super::dials::silent(&scene));
        let all: Vec<_> = (0..8)
            .map(|_| {
                let endpoint = scene.endpoint();
                tokio::spawn(async move { Fifo::default().listen(&endpoint).await })
            })
            .collect();
        let mut won = Vec::new();
        for one in all {
            match watched(one).await.unwrap() {
                Ok(listener) => won.push(listener),
                Err(error) => assert_eq!(error.kind, ErrorKind::AddrInUse),
            }
        }
        assert_eq!(won.len(), 1);
        scene.serves(&mut *won[0]).await;
        drop(won);
        assert_eq!(scene.files(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_place_that_goes_from_one_listener_to_another_always_serves() {
    // One could lock the directory that the other is just removing, and stay without a directory for its pairs.
    let scene = Arc::new(Scene::new());
    let rivals: Vec<_> = (0..4)
        .map(|_| {
            let scene = scene.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let mut listener = loop {
                        match Fifo::default().listen(&scene.endpoint()).await {
                            Ok(listener) => break listener,
                            Err(error) => assert_eq!(error.kind, ErrorKind::AddrInUse, "{}", why(&error)),
                        }
                        tokio::task::yield_now().await;
                    };
                    scene.serves(&mut *listener).await;
                }
            })
        })
        .collect();
    for rival in rivals {
        watched(rival).await.unwrap();
    }
    assert_eq!(scene.files(), [""; 0]);
}

#[test]
fn a_listener_whose_runtime_is_gone_says_so_for_good_and_clears_its_place() {
    let scene = Scene::new();
    let first = runtime();
    let mut listener = first.block_on(scene.listen());
    drop(first);
    runtime().block_on(async {
        for _ in 0..2 {
            let error = watched(listener.next()).await.unwrap_err();
            assert_eq!((error.doing, error.is_final), ("accept", true));
        }
        assert_eq!(cannot_dial(&scene.rendezvous()).await.kind, ErrorKind::ConnectionRefused);
    });
    drop(listener);
    assert_eq!(scene.files(), [""; 0]);
}
