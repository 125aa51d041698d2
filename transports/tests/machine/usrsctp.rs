//! SCTP with an independent stack: usrsctp, driven by a small program in C that speaks the lane protocol.
//!
//! It needs a C compiler and the system's usrsctp (Debian: libusrsctp-dev).

use std::io::{BufRead, BufReader, ErrorKind, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use listenrain::{Endpoint, Transport};
use listenrain_transports::Sctp;

use crate::support::*;

pub(crate) async fn lanes_of_our_dialer_are_served_by_usrsctp() {
    let program = program();
    let mut peer = Peer::start(program, &["listen"]);
    let mut dialer = Sctp::default().dialer(&peer.endpoint).unwrap();
    let mut lanes = Vec::new();
    for _ in 0..3 {
        lanes.push(watched(dialer.next()).await.unwrap());
    }
    assert!(lanes.iter().all(|lane| lane.facts.group == lanes[0].facts.group));
    let sizes = [3 << 20, 1 << 20, 1];
    let echoes: Vec<_> =
        lanes.into_iter().zip(sizes).map(|(lane, size)| tokio::spawn(echoed(lane, pattern(size)))).collect();
    for (echoed, size) in echoes.into_iter().zip(sizes) {
        assert!(watched(echoed).await.unwrap() == pattern(size), "{size} bytes");
    }
    drop(dialer);
    let said = watched(peer.rest()).await;
    for (stream, size) in sizes.iter().enumerate() {
        let closed = format!("lane {stream} closed after {size} bytes");
        assert!(said.contains(&closed), "{said:?}");
    }
    assert!(said.ends_with(&["association ended".to_owned()]), "{said:?}");
}

pub(crate) async fn usrsctp_dials_our_listener() {
    let program = program();
    let transport = Sctp::default();
    let mut listener = transport.listen(&transport.scratch_endpoint()).await.unwrap();
    let port = listener.endpoint().address().rsplit_once(':').unwrap().1.to_owned();
    let mut peer = Peer::start(program, &["dial", &port, "4", "2000000"]);
    let mut served = Vec::new();
    for _ in 0..4 {
        let lane = watched(listener.next()).await.unwrap();
        served.push(tokio::spawn(send_back(lane)));
    }
    for lane in served {
        assert_eq!(watched(lane).await.unwrap(), 2_000_000);
    }
    let said = watched(peer.rest()).await;
    assert_eq!(said, ["all came back", "association ended"]);
}

pub(crate) async fn an_abort_and_a_drop_are_understood() {
    let program = program();
    let mut peer = Peer::start(program, &["listen"]);
    let mut dialer = Sctp::default().dialer(&peer.endpoint).unwrap();
    let mut aborted = watched(dialer.next()).await.unwrap();
    let mut dropped = watched(dialer.next()).await.unwrap();
    write_all(&mut *aborted.write, "x".into()).await.unwrap();
    aborted.write.abort();
    assert_eq!(read_to_end(&mut *aborted.read).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    write_all(&mut *dropped.write, "last words".into()).await.unwrap();
    drop((aborted, dropped, dialer));
    let said = watched(peer.rest()).await;
    assert!(said.contains(&"lane 0 aborted".to_owned()), "{said:?}");
    // The words had come back by then and nobody read them, so that this is no orderly end either, or they had not.
    assert!(said.iter().any(|line| line.starts_with("lane 1 closed after 10 bytes")), "{said:?}");
    assert!(said.ends_with(&["association ended".to_owned()]), "{said:?}");
}

pub(crate) async fn a_peer_that_is_killed_is_noticed() {
    let program = program();
    let mut peer = Peer::start(program, &["listen"]);
    let mut dialer = Sctp::default().dialer(&peer.endpoint).unwrap();
    let mut lane = watched(dialer.next()).await.unwrap();
    peer.child.kill().unwrap();
    peer.child.wait().unwrap();
    // Without a word to send, the next question is what meets the closed port.
    write_all(&mut *lane.write, "anybody?".into()).await.unwrap();
    assert_eq!(watched(read_to_end(&mut *lane.read)).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// A running peer; dropping it ends it.
struct Peer {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    endpoint: Endpoint,
}

impl Peer {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.strip_prefix("port ").unwrap();
        let endpoint = format!("sctp://127.0.0.1:{port}").parse().unwrap();
        Self { child, lines: Some(lines), endpoint }
    }

    /// All that it still says before it ends.
    async fn rest(&mut self) -> Vec<String> {
        let lines = self.lines.take().unwrap();
        tokio::task::spawn_blocking(move || lines.map(Result::unwrap).collect()).await.unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The peer's program.
fn program() -> &'static Path {
    made().as_ref().expect("these run only where it can be made")
}

/// Why there is no program to talk to.
pub(crate) fn missing() -> Option<String> {
    made().as_ref().err().cloned()
}

fn made() -> &'static Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(make)
}

fn make() -> Result<PathBuf, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sctp_interop");
    std::fs::create_dir_all(&folder).unwrap();
    let probe = folder.join("probe.c");
    std::fs::write(&probe, "#include <usrsctp.h>\nint main(void) { usrsctp_init(0, 0, 0); return 0; }\n")
        .unwrap();
    let missing = |what: String| format!("no usrsctp to talk to: {what}");
    let linked = folder.join(format!("probe-{}", std::process::id()));
    let probed = compile(&probe, &linked).map_err(|error| missing(format!("cc: {error}")))?;
    if !probed.is_empty() {
        return Err(missing(probed));
    }
    std::fs::remove_file(&linked).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine/peer.c");
    let program = folder.join("peer");
    // Another process may be running or making it: nobody runs what is still being written.
    let made = folder.join(format!("peer-{}", std::process::id()));
    let complaints = compile(&source, &made).unwrap();
    // Where the library is there, a peer that does not compile is a mistake.
    assert_eq!(complaints, "");
    std::fs::rename(&made, &program).unwrap();
    Ok(program)
}

/// What the compiler has to say.
fn compile(source: &Path, program: &Path) -> std::io::Result<String> {
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Wextra", "-o"]).arg(program).arg(source).args(["-lusrsctp", "-lpthread"]);
    let output = cc.output()?;
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.is_empty() && !output.status.success() {
        said = output.status.to_string();
    }
    Ok(said)
}
