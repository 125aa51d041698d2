//! Channels through real child processes. Some are this very program, which starts one of its tests as a child with a
//! role of its own; what the test harness prints before that is read over.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::calls::*;
use crate::support::*;
use listenrain::transport::generator;
use listenrain::{CallError, Client, RawBytes, Server};
use listenrain_transports::Exec;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Set in a child: where it is to leave a word when it has ended well.
const CHILD: &str = "LISTENRAIN_TEST_EXEC";
const READY: &[u8] = b"the channel begins\n";

fn program(words: &str) -> Endpoint {
    format!("exec://{}", words.replace(' ', "%20")).parse().unwrap()
}

async fn dial(words: &str) -> Channel {
    watched(Exec::default().dialer(&program(words)).unwrap().next()).await.unwrap()
}

fn pid(channel: &Channel) -> Pid {
    Pid::from_raw(channel.facts.more["pid"].parse().unwrap())
}

/// Waits until `pid` is no process any more, not even a zombie.
async fn gone(pid: Pid) {
    until(|| kill(pid, None) == Err(Errno::ESRCH)).await;
}

/// Dials `test` of this program as a child that is told about `word`; gives its channels from [`READY`] on.
fn child(test: &'static str, word: &Path) -> Box<dyn ChannelGenerator> {
    // The path of the program may hold a blank, that of a link to it does not.
    let link = word.with_extension("program");
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &link).unwrap();
    let words = format!(
        "env {CHILD}={} {} --exact {test} --nocapture --test-threads 1",
        word.display(),
        link.display()
    );
    generator(program(&words), move || {
        let words = words.clone();
        async move {
            let mut channel = Exec::default().dialer(&program(&words)).unwrap().next().await?;
            let mut said = Vec::new();
            while !said.ends_with(READY) {
                // One byte at a time, so that nothing of the channel itself is lost.
                said.extend_from_slice(&byte(&mut channel).await);
            }
            Ok(channel)
        }
    })
}

async fn byte(channel: &mut Channel) -> Bytes {
    let mut one = ReadBuffer::default();
    assert!(
        read(&mut *channel.read, &mut one).await.unwrap() > 0,
        "the child ended before its channel began"
    );
    let len = one.len();
    one.take(len)
}

/// In a child: its word, after saying that the channel begins.
fn as_child() -> Option<std::path::PathBuf> {
    let word = std::env::var_os(CHILD)?;
    let mut out = std::io::stdout();
    out.write_all(READY).and_then(|()| out.flush()).unwrap();
    Some(word.into())
}

fn client_of(dialer: Box<dyn ChannelGenerator>) -> Client<RawBytes> {
    Client::builder(native()).dial(dialer).unwrap()
}

/// A client that has this channel and no other.
fn client_over(channel: Channel) -> Client<RawBytes> {
    let (endpoint, mut only) = (program("-"), Some(channel));
    client_of(generator(endpoint.clone(), move || {
        let over = || NextError::lasting("dial", &endpoint, ErrorKind::NotConnected.into());
        std::future::ready(only.take().ok_or_else(over))
    }))
}

mod calls_through_programs {
    use super::*;

    #[tokio::test]
    async fn a_server_behind_its_standard_streams_answers_and_ends_with_its_channel() {
        if let Some(word) = as_child() {
            let listener = Exec::default().listen(&program("-")).await.unwrap();
            println!("what the program prints is no part of the channel");
            let server = Server::builder(native(), echo()).listen(listener).unwrap();
            let end = server.ended().await.unwrap_err();
            assert!(end.is_final && end.kind == ErrorKind::UnexpectedEof, "{end}");
            return std::fs::write(word, "ended").unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let word = folder.path().join("word");
        let test = "exec::calls_through_programs::a_server_behind_its_standard_streams_answers_and_ends_with_its_channel";
        let client = client_of(child(test, &word));
        for size in [0, 1, 4 << 10, 1 << 20] {
            assert_eq!(watched(client.call(pattern(size))).await.unwrap(), pattern(size));
        }
        let mut many = tokio::task::JoinSet::new();
        for at in 0..100 {
            let client = client.clone();
            many.spawn(async move {
                assert_eq!(client.call(pattern(at * 100)).await.unwrap(), pattern(at * 100))
            });
        }
        watched(many.join_all()).await;
        watched(client.close()).await;
        until(|| std::fs::read(&word).is_ok_and(|said| said == b"ended")).await;
    }

    #[tokio::test]
    async fn a_program_that_dies_ends_the_call_at_once() {
        if let Some(word) = as_child() {
            let mut listener = Exec::default().listen(&program("-")).await.unwrap();
            let mut channel = listener.next().await.unwrap();
            assert!(read(&mut *channel.read, &mut ReadBuffer::default()).await.unwrap() > 0);
            std::fs::write(word, std::process::id().to_string()).unwrap();
            std::process::exit(3);
        }
        let folder = tempfile::tempdir().unwrap();
        let word = folder.path().join("word");
        let mut dialer =
            child("exec::calls_through_programs::a_program_that_dies_ends_the_call_at_once", &word);
        let client = client_over(watched(dialer.next()).await.unwrap());
        let error = watched(client.call("x".into())).await.unwrap_err();
        assert!(matches!(error, CallError::Lost { .. }), "{error:?}");
        let pid = std::fs::read_to_string(&word).unwrap().parse().unwrap();
        gone(Pid::from_raw(pid)).await;
    }

    #[tokio::test]
    async fn a_program_that_never_answers_costs_a_call_its_deadline_and_is_killed_in_the_end() {
        // It reads nothing either, so that the end of its input does not end it.
        let channel = dial("sleep 100000").await;
        let pid = pid(&channel);
        let client = client_over(channel);
        let call = client.call_within("x".into(), Duration::from_millis(20));
        assert!(watched(call).await.is_err_and(|error| error.is_timeout()));
        let closing = Instant::now();
        watched(client.close()).await;
        gone(pid).await;
        assert!(closing.elapsed() >= Duration::from_secs(2), "it had no grace");
    }
}

mod programs {
    use super::*;

    #[tokio::test]
    async fn ending_ones_writing_closes_the_programs_input_and_leaves_its_output() {
        let mut channel = dial("wc -c").await;
        write_all(&mut *channel.write, pattern(123_456)).await.unwrap();
        for _ in 0..2 {
            shutdown(&mut *channel.write).await.unwrap();
        }
        assert_eq!(
            write_all(&mut *channel.write, "late".into()).await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        let said = watched(read_to_end(&mut *channel.read)).await.unwrap();
        assert_eq!(said.trim_ascii(), b"123456");
        // Reaped though its channel is still there.
        gone(pid(&channel)).await;
    }

    #[tokio::test]
    async fn more_than_the_pipes_hold_crosses_both_ways_and_a_dropped_channel_ends_the_program() {
        let Channel { mut read, mut write, facts, .. } = dial("cat").await;
        let bytes = pattern(1 << 20);
        let send = async {
            write_all(&mut *write, bytes.clone()).await.unwrap();
        };
        let ((), back) = watched(async { tokio::join!(send, read_exactly(&mut *read, 1 << 20)) }).await;
        assert!(back.unwrap() == bytes);
        let pid = Pid::from_raw(facts.more["pid"].parse().unwrap());
        drop(write);
        assert_eq!(watched(super::read(&mut *read, &mut ReadBuffer::default())).await.unwrap(), 0);
        drop(read);
        gone(pid).await;
    }

    #[tokio::test]
    async fn words_are_decoded_and_reach_the_program_as_they_are() {
        let endpoint = "exec://printf%20%25s%3F%24HOME%20%20a%2Cb".parse().unwrap();
        let mut channel = watched(Exec::default().dialer(&endpoint).unwrap().next()).await.unwrap();
        assert_eq!(watched(read_to_end(&mut *channel.read)).await.unwrap(), "a,b?$HOME");
        assert_eq!(channel.facts.peer, Some(endpoint));
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_is_named_and_may_be_tried_again() {
        let mut dialer = Exec::default().dialer(&program("/no/such/program x")).unwrap();
        for _ in 0..2 {
            let error = watched(dialer.next()).await.unwrap_err();
            assert_eq!((error.kind, error.doing, error.is_final), (ErrorKind::NotFound, "dial", false));
            assert!(error.source.unwrap().to_string().contains("`/no/such/program`"));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut dialer = Exec::default().dialer(&program(folder.path().to_str().unwrap())).unwrap();
        assert_eq!(watched(dialer.next()).await.unwrap_err().kind, ErrorKind::PermissionDenied);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_dies_with_the_runtime_that_was_to_reap_it() {
        let runtime = runtime();
        let channel = runtime.block_on(dial("sleep 100000"));
        let pid = pid(&channel);
        drop(runtime);
        let deadline = Instant::now() + WATCHDOG;
        // A zombie at most, which the next runtime reaps.
        while let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            if stat.contains(") Z ") {
                break;
            }
            assert!(Instant::now() < deadline, "{stat}");
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn what_is_no_program_or_no_own_end_says_so() {
    for (text, told) in [
        ("exec://", "no program"),
        ("exec://%20", "no program"),
        ("exec://%FF", "utf-8"),
        ("exec://cat?colour=red", "no option `colour`"),
        ("exec://-", "only a listener"),
        ("tcp://cat", "`exec`"),
    ] {
        let error = Exec::default().dialer(&text.parse().unwrap()).err().unwrap();
        assert!(error.why.contains(told), "{error}");
    }
    let error = Exec::default().listen(&program("cat")).await.err().unwrap();
    assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true));
    assert!(error.source.unwrap().to_string().contains("exec://-"));
}

#[tokio::test]
async fn a_standard_stream_that_is_no_pipe_is_refused_and_the_other_stays_as_it_was() {
    let test = "exec::a_standard_stream_that_is_no_pipe_is_refused_and_the_other_stays_as_it_was";
    if let Some(word) = as_child() {
        let error = Exec::default().listen(&program("-")).await.err().unwrap();
        let flags = OFlag::from_bits_retain(fcntl(std::io::stdin(), FcntlArg::F_GETFL).unwrap());
        let waits = !flags.contains(OFlag::O_NONBLOCK);
        let told = format!("{:?} {}, waits: {waits}", error.kind, error.source.unwrap());
        return std::fs::write(word, told).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let word = folder.path().join("word");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env(CHILD, &word);
    let status = child.stdin(Stdio::piped()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success());
    assert_eq!(std::fs::read_to_string(word).unwrap(), "InvalidInput not a pipe, waits: true");
}
