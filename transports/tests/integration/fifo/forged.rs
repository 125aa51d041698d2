//! Forged bytes in a rendezvous, written by another process of the same user.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::Scene;
use crate::support::*;

/// A request as the module's documentation has it.
fn request(version: u8, name: [u8; 16]) -> Vec<u8> {
    let mut bytes = b"\x89LRfifo\n".to_vec();
    bytes.extend([version, 0, 0, 0]);
    bytes.extend(std::process::id().to_be_bytes());
    bytes.extend(name);
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let check = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    bytes.extend(check.to_be_bytes());
    bytes
}

/// Both paths of the pair called `number` sixteen times.
fn pair(scene: &Scene, number: u8) -> [PathBuf; 2] {
    let digits = format!("{number:02x}").repeat(16);
    ["up", "down"].map(|way| scene.pairs().join(format!("{digits}.{way}")))
}

fn pipe(path: &Path) {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
}

fn write(scene: &Scene, bytes: &[u8]) {
    OpenOptions::new().write(true).open(scene.rendezvous()).unwrap().write_all(bytes).unwrap();
}

fn has_reader(path: &Path) -> bool {
    OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).is_ok()
}

fn hold(path: &Path) -> File {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).unwrap()
}

#[tokio::test]
async fn garbage_of_any_length_is_dropped_and_the_next_request_is_found() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let whole = request(1, [3; 16]);
    for garbage in [&b"x"[..], b"\n\n\n", &[0; 4096], &whole[..39], &whole[1..], &[whole[0]; 60_000]] {
        write(&scene, garbage);
        scene.serves(&mut *listener).await;
    }
    // More than the pipe holds, from a thread that waits for room.
    let path = scene.rendezvous();
    let flood = std::thread::spawn(move || {
        OpenOptions::new().write(true).open(path).unwrap().write_all(&[0x89; 4 << 20]).unwrap();
    });
    for _ in 0..20 {
        scene.serves(&mut *listener).await;
    }
    watched(tokio::task::spawn_blocking(|| flood.join().unwrap())).await.unwrap();
    scene.serves(&mut *listener).await;
}

#[tokio::test]
async fn a_request_for_what_is_no_fresh_pair_opens_and_removes_nothing() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    // Somebody else's pipe outside, to which everything below wants to lead.
    let outside = scene.dir().join("outside");
    pipe(&outside);
    let [up, down] = pair(&scene, 1);
    File::create(&up).unwrap();
    pipe(&down);
    let [up, down] = pair(&scene, 2);
    symlink(&outside, &up).unwrap();
    pipe(&down);
    let [up, down] = pair(&scene, 3);
    fs::hard_link(&outside, &up).unwrap();
    pipe(&down);
    let [up, down] = pair(&scene, 4);
    for path in [&up, &down] {
        pipe(path);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    fs::create_dir(&pair(&scene, 5)[0]).unwrap();
    let before = scene.files();
    // Readers, so that a listener that opened the answering pipe would be told apart from one that could not.
    let _readers: Vec<_> = (1..=4).map(|number| hold(&pair(&scene, number)[1])).collect();

    for number in 1..=6 {
        write(&scene, &request(1, [number; 16]));
        scene.serves(&mut *listener).await;
    }
    assert!(has_reader(&pair(&scene, 4)[1]), "a pipe with a reader is told apart from one without");
    assert!(!has_reader(&outside), "a forged request opened a pipe outside");
    assert!(!has_reader(&pair(&scene, 4)[0]), "a forged request opened a pipe that others may open");
    assert_eq!(scene.files(), before);
}

#[tokio::test]
async fn a_dialer_that_died_before_it_was_answered_is_skipped_and_its_pair_removed() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    for path in pair(&scene, 7) {
        pipe(&path);
    }
    write(&scene, &request(1, [7; 16]));
    scene.serves(&mut *listener).await;
    assert_eq!(scene.files(), ["x", "x.pairs"]);
    // The same request again, now that its pair is gone.
    write(&scene, &request(1, [7; 16]));
    scene.serves(&mut *listener).await;
}

#[tokio::test]
async fn a_dialer_that_never_opened_its_writing_end_blocks_nobody() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let [up, down] = pair(&scene, 8);
    pipe(&up);
    pipe(&down);
    let _reader = hold(&down);
    write(&scene, &request(1, [8; 16]));
    let mut far = watched(listener.next()).await.unwrap();
    // A pipe that never had a writer is silent, or it has ended; it has not ended in an orderly way.
    let mut into = ReadBuffer::default();
    assert!(!matches!(once(|cx| far.read.poll_read(cx, &mut into)).await, Some(Ok(_))));
    scene.serves(&mut *listener).await;
    assert_eq!(scene.files(), ["x", "x.pairs"]);
}

#[tokio::test]
async fn a_dialer_of_another_version_is_told_this_one_and_not_accepted() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let [up, down] = pair(&scene, 9);
    pipe(&up);
    pipe(&down);
    let (_up, mut answer) = (hold(&up), hold(&down));
    write(&scene, &request(2, [9; 16]));
    scene.serves(&mut *listener).await;
    let mut told = Vec::new();
    answer.read_to_end(&mut told).unwrap();
    assert_eq!(told, [1], "its version, then the end");
    let mut accept = listener.next();
    assert!(once(|cx| accept.as_mut().poll(cx)).await.is_none());
}
