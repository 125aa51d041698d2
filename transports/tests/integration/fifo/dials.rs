//! Dials that wait, fail, are dropped, or meet an unexpected peer.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::atomic::{AtomicUsize, Ordering};

use listenrain_transports::Fifo;
use listenrain_transports::fifo::Entropy;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::Scene;
use crate::support::*;

/// A rendezvous that somebody reads who never answers; with the directory of the pairs.
pub(crate) fn silent(scene: &Scene) -> std::fs::File {
    mkfifo(&scene.rendezvous(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    std::fs::DirBuilder::new().mode(0o700).create(scene.pairs()).unwrap();
    let nonblocking = OFlag::O_NONBLOCK.bits();
    OpenOptions::new().read(true).custom_flags(nonblocking).open(scene.rendezvous()).unwrap()
}

#[tokio::test]
async fn a_dial_that_nobody_answers_blocks_no_thread_and_ends_in_time() {
    // One thread: were a pipe opened in the blocking way, nothing else would run.
    let scene = Scene::new();
    let mut silent = silent(&scene);
    let endpoint = scene.endpoint().with_option("connect_timeout", "200ms");
    let mut dialer = Fifo::default().dialer(&endpoint).unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let counting = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counting.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let error = watched(dialer.next()).await.unwrap_err();
    other.abort();
    assert!(turns.load(Ordering::Relaxed) > 100, "the other task stood still");
    assert_eq!((error.kind, error.is_final), (ErrorKind::TimedOut, false));
    assert!(error.to_string().contains(scene.rendezvous().to_str().unwrap()), "{error}");
    assert!(error.source.unwrap().to_string().contains("200ms (connect_timeout)"));
    assert_eq!(scene.files(), ["x", "x.pairs"], "its pair is removed");
    assert_eq!(silent.read(&mut [0; 4096]).unwrap(), 40, "one request");
}

#[tokio::test]
async fn a_rendezvous_that_nobody_reads_refuses_at_once_and_is_left_alone() {
    let scene = Scene::new();
    drop(silent(&scene));
    let error = watched(scene.dialer().next()).await.unwrap_err();
    assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
    assert_eq!(scene.files(), ["x", "x.pairs"]);
}

#[tokio::test]
async fn dials_beyond_the_backlog_wait_and_end_in_time_and_one_that_waited_is_served() {
    let scene = Scene::new();
    let mut listener = scene.listen_with("backlog", "1").await;
    let mut queued = watched(scene.dialer().next()).await.unwrap();
    let hasty = scene.endpoint().with_option("connect_timeout", "50ms");
    for _ in 0..3 {
        assert_eq!(
            watched(Fifo::default().dialer(&hasty).unwrap().next()).await.unwrap_err().kind,
            ErrorKind::TimedOut
        );
    }
    assert_eq!(scene.files(), ["x", "x.pairs"], "who gave up has left nothing");

    let mut patient = scene.dialer();
    let waiting = tokio::spawn(async move { patient.next().await });
    let mut far = watched(listener.next()).await.unwrap();
    super::exchange(&mut queued, &mut far).await;
    // The requests of those who gave up lead nowhere; the next that can be accepted is the one that waited.
    let mut far = watched(listener.next()).await.unwrap();
    let mut near = watched(waiting).await.unwrap().unwrap();
    super::exchange(&mut near, &mut far).await;
}

/// Leaves no room in a rendezvous that nobody empties.
fn stuff(scene: &Scene) {
    let nonblocking = OFlag::O_NONBLOCK.bits();
    let mut writer =
        OpenOptions::new().write(true).custom_flags(nonblocking).open(scene.rendezvous()).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
}

#[tokio::test]
async fn a_dial_without_room_for_its_request_waits_for_room_and_writes_it_whole() {
    let scene = Scene::new();
    let mut reader = silent(&scene);
    stuff(&scene);
    let mut dialer = scene.dialer();
    let mut dial = dialer.next();
    assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
    let mut read = Vec::new();
    assert_eq!(reader.read_to_end(&mut read).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(read.iter().all(|byte| *byte == b'x'), "a part of a request was written");
    let mut request = [0; 41];
    watched(async {
        loop {
            assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
            match reader.read(&mut request) {
                Ok(count) => break assert_eq!(count, 40),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_dial_without_room_for_its_request_is_refused_when_the_reader_goes() {
    let scene = Scene::new();
    let reader = silent(&scene);
    stuff(&scene);
    let mut dialer = scene.dialer();
    let mut dial = dialer.next();
    assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
    drop(reader);
    assert_eq!(watched(dial).await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    assert_eq!(scene.files(), ["x", "x.pairs"]);
}

#[tokio::test]
async fn a_dialer_that_waits_is_refused_when_its_listener_goes() {
    let scene = Scene::new();
    let listener = scene.listen_with("backlog", "1").await;
    let _queued = watched(scene.dialer().next()).await.unwrap();
    let (mut dialer, mut late) = (scene.dialer(), scene.dialer());
    let mut dial = dialer.next();
    assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
    drop(listener);
    assert_eq!(watched(dial).await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    assert_eq!(watched(late.next()).await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    assert_eq!(scene.files(), [""; 0]);
}

#[tokio::test]
async fn a_dial_dropped_at_any_point_leaves_nothing() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let mut dialer = scene.dialer();
    for polls in 0..6 {
        let mut dial = dialer.next();
        for _ in 0..polls {
            if once(|cx| dial.as_mut().poll(cx)).await.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(dial);
        assert_eq!(scene.files(), ["x", "x.pairs"], "after {polls} polls");
    }
    let mut near = watched(dialer.next()).await.unwrap();
    watched(write_all(&mut *near.write, "real".into())).await.unwrap();
    while {
        let mut far = watched(listener.next()).await.unwrap();
        watched(read_exactly(&mut *far.read, 4)).await.is_err()
    } {}
    drop(listener);
    assert_eq!(scene.files(), [""; 0]);
}

#[tokio::test]
async fn a_listener_of_another_version_is_named_and_leaves_nothing() {
    let scene = Scene::new();
    let mut reader = silent(&scene);
    let mut dialer = scene.dialer();
    let mut dial = dialer.next();
    assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
    let mut request = [0; 40];
    reader.read_exact(&mut request).unwrap();
    let digits: String = request[16..32].iter().map(|byte| format!("{byte:02x}")).collect();
    let down = scene.pairs().join(format!("{digits}.down"));
    OpenOptions::new().write(true).open(down).unwrap().write_all(&[2]).unwrap();
    let error = watched(dial).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert_eq!(error.source.unwrap().to_string(), "the listener speaks version 2, not 1");
    assert_eq!(scene.files(), ["x", "x.pairs"]);
}

/// Every pair gets the same name.
#[derive(Debug)]
struct Stuck;

impl Entropy for Stuck {
    fn fill(&self, into: &mut [u8]) -> io::Result<()> {
        into.fill(0x11);
        Ok(())
    }
}

/// No pair gets a name.
#[derive(Debug)]
struct Dry;

impl Entropy for Dry {
    fn fill(&self, _into: &mut [u8]) -> io::Result<()> {
        Err(io::Error::other("out of random bytes"))
    }
}

#[tokio::test]
async fn bad_entropy_fails_a_dial_and_harms_nobody_else() {
    let scene = Scene::new();
    let mut listener = scene.listen_with("backlog", "1").await;
    let _queued = watched(scene.dialer().next()).await.unwrap();
    let stuck = Fifo::default().with_entropy(Arc::new(Stuck));
    let mut first = stuck.dialer(&scene.endpoint()).unwrap();
    let mut waiting = first.next();
    assert!(once(|cx| waiting.as_mut().poll(cx)).await.is_none());
    let mut second = stuck.dialer(&scene.endpoint()).unwrap();
    assert_eq!(watched(second.next()).await.unwrap_err().kind, ErrorKind::AlreadyExists);
    let mut dry = Fifo::default().with_entropy(Arc::new(Dry)).dialer(&scene.endpoint()).unwrap();
    let error = watched(dry.next()).await.unwrap_err();
    assert!(error.source.unwrap().to_string().contains("out of random bytes"));

    let _far = watched(listener.next()).await.unwrap();
    let (near, far) = watched(async { tokio::join!(waiting, listener.next()) }).await;
    super::exchange(&mut near.unwrap(), &mut far.unwrap()).await;
}
