//! Promises of Unix sockets alone. Real sockets: waits are for events, under a watchdog.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::support::*;
use listenrain_transports::Unix;
use listenrain_transports::unix::UnixOptions;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A directory, and a path in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("x.sock");
    (folder, path)
}

fn at_path(path: &Path) -> Endpoint {
    Endpoint::new("unix", path.to_str().unwrap()).unwrap()
}

async fn listen(path: &Path) -> Result<Box<dyn ChannelGenerator>, NextError> {
    Unix::default().listen(&at_path(path)).await
}

/// The kind of a failed listen, and what it says.
async fn refusal(path: &Path) -> (ErrorKind, String) {
    let error = listen(path).await.err().expect("nothing should listen there");
    (error.kind, error.source.unwrap().to_string())
}

/// What a killed process leaves behind: a socket file that nobody has bound.
fn leave_dead_socket(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

mod paths {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_a_killed_process_left_is_replaced_and_goes_with_its_listener() {
        let (folder, path) = place();
        leave_dead_socket(&path);
        let (mut listener, mut dialer) = at(&Unix::default(), &at_path(&path)).await;
        watched(connect(&mut *listener, &mut *dialer)).await;
        drop(listener);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "neither socket nor lock is left");
    }

    #[tokio::test]
    async fn the_file_has_the_mode_that_was_asked_for() {
        let (_folder, path) = place();
        let mode = || fs::metadata(&path).unwrap().mode() & 0o7777;
        // Wider than any umask leaves it, and narrower.
        for (asked, bits) in [("0600", 0o600), ("0666", 0o666), ("0000", 0)] {
            let _listener = Unix::default().listen(&at_path(&path).with_option("mode", asked)).await.unwrap();
            assert_eq!(mode(), bits);
        }
        let _listener = listen(&path).await.unwrap();
        assert_eq!(mode(), 0o600, "the default");
    }

    #[tokio::test]
    async fn whatever_is_no_socket_stays_and_is_named() {
        // A cleaner that only asks whether somebody answers would remove them all: nobody does.
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("directory")).unwrap();
        fs::write(path("file"), "precious").unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("link")).unwrap();
        for (name, told) in [
            ("directory", "a directory"),
            ("file", "a regular file"),
            ("pipe", "a pipe"),
            ("link", "a symbolic link"),
        ] {
            let (kind, why) = refusal(&path(name)).await;
            assert_eq!(kind, ErrorKind::AlreadyExists);
            assert!(why.contains(told) && why.contains(name), "{why}");
        }
        assert_eq!(fs::read(path("file")).unwrap(), b"precious");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_bound_says_why() {
        let folder = folder();
        let (kind, why) = refusal(&folder.path().join("missing/x.sock")).await;
        assert_eq!(kind, ErrorKind::NotFound);
        assert!(why.contains("missing/x.sock"), "{why}");
        let long = format!("unix://{}/{}", folder.path().display(), "x".repeat(200)).parse().unwrap();
        let error = Unix::default().listen(&long).await.err().unwrap();
        assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true));
        assert!(error.source.unwrap().to_string().contains("the limit of a socket is"));
    }

    #[tokio::test]
    async fn somebody_elses_listener_is_unharmed_and_sees_no_connection() {
        // To ask by connecting would give it a peer that says nothing and goes.
        let (_folder, path) = place();
        let theirs = UnixListener::bind(&path).unwrap();
        assert_eq!(refusal(&path).await.0, ErrorKind::AddrInUse);
        theirs.set_nonblocking(true).unwrap();
        assert_eq!(theirs.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        UnixStream::connect(&path).unwrap();
        theirs.accept().unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_is_bound_and_does_not_listen_yet_is_not_dead() {
        let folder = folder();
        for (name, kind) in [("stream", socket2::Type::STREAM), ("datagram", socket2::Type::DGRAM)] {
            let path = folder.path().join(name);
            let bound = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
            bound.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
            assert_eq!(refusal(&path).await.0, ErrorKind::AddrInUse, "{name}");
            drop(bound);
            listen(&path).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_listener_removes_its_own_file_only() {
        let folder = folder();
        let (path, moved) = (folder.path().join("x.sock"), folder.path().join("moved"));
        let first = listen(&path).await.unwrap();
        fs::rename(&path, &moved).unwrap();
        let second = listen(&path).await.unwrap();
        drop(first);
        assert!(path.exists() && moved.exists());
        let mut dialer = Unix::default().dialer(second.endpoint()).unwrap();
        watched(dialer.next()).await.unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn any_path_can_be_written_and_both_sides_write_it_the_same() {
        let folder = folder();
        let written = format!("unix://{}/a%20b%3F%2C", folder.path().display()).parse().unwrap();
        let (mut listener, _) = at(&Unix::default(), &written).await;
        assert!(folder.path().join("a b?,").exists());
        let mut dialer = Unix::default().dialer(&written).unwrap();
        let (near, far) = watched(connect(&mut *listener, &mut *dialer)).await;
        assert_eq!(near.facts.peer.as_ref(), Some(listener.endpoint()));
        assert_eq!(near.facts.peer, far.facts.local);
    }
}

mod peers {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// This process's user and group, as the owner of what it creates.
    fn ourselves() -> (u32, u32) {
        let made = folder();
        let metadata = fs::metadata(made.path()).unwrap();
        (metadata.uid(), metadata.gid())
    }

    #[tokio::test]
    async fn both_sides_know_the_process_and_user_of_the_other() {
        let (near, far) = watched(linked(&Unix::default())).await;
        for end in [near, far] {
            let peer = end.facts.credentials.unwrap();
            assert_eq!((peer.uid, peer.gid), ourselves());
            assert_eq!(peer.pid, Some(std::process::id() as i32));
        }
    }

    #[tokio::test]
    async fn a_peer_of_a_user_who_is_not_on_the_list_is_closed_and_counted() {
        let (uid, _) = ourselves();
        let unix = Unix::new(UnixOptions::default().allow_uid([uid + 1, uid + 2])).unwrap();
        let (mut listener, mut dialer) = both_ends(&unix).await;
        for count in 1..=3 {
            let mut near = watched(dialer.next()).await.unwrap();
            let mut into = ReadBuffer::default();
            let end = tokio::select! {
                biased;
                far = listener.next() => panic!("{far:?}"),
                end = watched(read(&mut *near.read, &mut into)) => end.unwrap(),
            };
            assert_eq!(end, 0);
            assert_eq!(unix.turned_away(), count);
        }
        let listed = format!("{}+{uid}", uid + 1);
        let endpoint = unix.scratch_endpoint().with_option("allow_uid", &listed);
        let (mut listener, mut dialer) = at(&unix, &endpoint).await;
        watched(connect(&mut *listener, &mut *dialer)).await;
        assert_eq!(unix.turned_away(), 3);
    }

    #[tokio::test]
    async fn a_dialer_of_another_program_is_known_by_the_name_it_has() {
        let folder = folder();
        let (mut listener, _) = both_ends(&Unix::default()).await;
        let path = listener.endpoint().address().to_owned();
        let unnamed = UnixStream::connect(&path).unwrap();
        assert_eq!(watched(listener.next()).await.unwrap().facts.peer, None);
        let named = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        let own = folder.path().join("own");
        named.bind(&socket2::SockAddr::unix(&own).unwrap()).unwrap();
        named.connect(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        assert_eq!(watched(listener.next()).await.unwrap().facts.peer, Some(at_path(&own)));
        drop(unnamed);
    }
}

mod channels {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_abort_leaves_unread_what_has_come_and_so_is_a_reset() {
        let (mut near, mut far) = watched(linked(&Unix::default())).await;
        write_all(&mut *far.write, "unread".into()).await.unwrap();
        near.write.abort();
        assert_eq!(read_error(&mut *near.read).await, ErrorKind::ConnectionAborted);
        drop(near);
        assert_eq!(watched(read_error(&mut *far.read)).await, ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn buffers_are_sized_on_both_sides() {
        let unix = Unix::default();
        let taken = async |endpoint: Endpoint| {
            let (mut listener, mut dialer) = at(&unix, &endpoint).await;
            let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
            let near = fill(&mut *near.write, 1 << 10, 64 << 20).await;
            (near, fill(&mut *far.write, 1 << 10, 64 << 20).await)
        };
        let (wide_near, wide_far) = taken(unix.scratch_endpoint()).await;
        let small = unix.scratch_endpoint().with_option("send_buffer", "4KiB");
        let (near, far) = taken(small.with_option("recv_buffer", "4KiB")).await;
        assert!(near < wide_near / 2 && far < wide_far / 2, "{near} {far} of {wide_near} {wide_far}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_abstract_name_is_taken_once_and_free_again_with_its_listener() {
    let name = format!("unix://@listenrain%00{}", std::process::id()).parse().unwrap();
    for _ in 0..2 {
        let (mut listener, mut dialer) = at(&Unix::default(), &name).await;
        assert_eq!(*listener.endpoint(), name);
        let error = Unix::default().listen(&name).await.err().unwrap();
        assert_eq!((error.kind, error.is_final), (ErrorKind::AddrInUse, false));
        let (near, far) = watched(connect(&mut *listener, &mut *dialer)).await;
        assert_eq!((near.facts.peer.as_ref(), far.facts.local.as_ref()), (Some(&name), Some(&name)));
        assert!(near.facts.local.is_some() && near.facts.local == far.facts.peer);
        drop(listener);
        let error = watched(dialer.next()).await.unwrap_err();
        assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
    }
}

/// Listeners that start at one path at the same time: none takes another's socket.
mod starters {
    use super::*;
    use std::sync::Arc;

    use nix::fcntl::{Flock, FlockArg};
    use tokio::sync::Barrier;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_that_find_a_dead_socket_exactly_one_listens() {
        // Without a lock the second would take what the first has just bound for dead, or remove it unseen.
        let folder = folder();
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
        let (_folder, path) = place();
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
        let (folder, path) = place();
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
}
