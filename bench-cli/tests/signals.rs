//! Signals: the first ends a run or a server with what it has, the second ends the process, and a process that is killed
//! costs no launch that was over.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "other tests use the rest")]
mod process;

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use listenrain_results::Run;
use listenrain_transports::certificates::Fingerprint;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGKILL, SIGTERM};

use self::process::{WATCHDOG, ended, said, send, shell, tool};

/// Waits for what another process does, under a watchdog.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < WATCHDOG, "{what}");
        sleep(Duration::from_millis(5));
    }
}

/// Whether the process handles that signal.
fn handles(child: &Child, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal as i32 - 1)) != 0
}

fn hears(child: &Child) {
    until("it hears signals", || [SIGINT, SIGTERM].iter().all(|signal| handles(child, *signal)));
}

/// A target whose first connection is answered and whose second is not, so that a run of two cells is in the second.
struct Target(TcpListener, SocketAddr);

impl Target {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self(listener, address)
    }

    fn line(&self) -> String {
        format!("run --stack bare --parallel 1,2 --target tcp://{} --duration 100ms --warmup 0s", self.1)
    }

    /// Answers the first cell, and gives the connection of the second.
    fn second(&self) -> TcpStream {
        let (mut first, _) = self.0.accept().unwrap();
        // The first cell may reset its connection when it ends.
        let _ = io::copy(&mut first.try_clone().unwrap(), &mut first);
        self.0.accept().unwrap().0
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_first_signal_of_any_kind_keeps_what_was_measured() {
    // Two hang-ups are one: a shell passes on what it got itself.
    for signals in [&[SIGINT][..], &[SIGTERM], &[SIGHUP], &[SIGHUP, SIGHUP]] {
        let (target, folder) = (Target::listen(), tempfile::tempdir().unwrap());
        let child = tool(folder.path(), &format!("{} --json out.json", target.line())).spawn().unwrap();
        let _second = target.second();
        signals.iter().for_each(|signal| send(&child, *signal));
        let output = ended(child);
        assert_eq!(output.status.code(), Some(130), "{signals:?}: {output:?}");
        let text = fs::read_to_string(folder.path().join("out.json")).unwrap();
        let run = Run::from_json(&text, "out.json").unwrap();
        assert!(
            run.env.interrupted && run.cells.len() == 1 && run.cells[0].is_well(),
            "{signals:?}: {run:?}"
        );
        assert_eq!(names(folder.path()), ["out.json"], "neither a journal nor a socket is left");
    }
}

#[test]
fn a_run_that_is_killed_has_kept_every_launch_that_was_over_and_the_next_one_keeps_them_too() {
    let (target, folder) = (Target::listen(), tempfile::tempdir().unwrap());
    let child = tool(folder.path(), &format!("{} --json out.json", target.line())).spawn().unwrap();
    let mut second = target.second();
    send(&child, SIGKILL);
    ended(child);
    // Its cell ends with it.
    second.set_read_timeout(Some(WATCHDOG)).unwrap();
    if let Err(error) = io::copy(&mut second, &mut io::sink()) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
    let shown = || {
        let (code, out, err) = said(tool(folder.path(), "report out.json.journal --json -"));
        assert_eq!(code, Some(0), "{out}{err}");
        Run::from_json(&out, "journal").unwrap()
    };
    let run = shown();
    assert!(run.env.interrupted && run.cells.len() == 1 && run.cells[0].is_well(), "{run:?}");
    assert!(run.cells[0].tps > 0.0 && run.env.command.starts_with("bench-cli run"), "{run:?}");
    // A torn line is left out, and told.
    let journal = folder.path().join("out.json.journal");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, [&whole[..], b"{\"row\":1,\"cel"].concat()).unwrap();
    let (code, out, _) = said(tool(folder.path(), "report out.json.journal"));
    assert!(code == Some(0) && out.contains("torn"), "{out}");
    fs::write(&journal, &whole).unwrap();
    // The same command again, which comes to its end: it says what lies there, and leaves it.
    let again = "run --stack bare --duration 60ms --warmup 0s --json out.json";
    let (code, _, err) = said(tool(folder.path(), again));
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("out.json.journal is of a run that came to no end"), "{err}");
    assert_eq!(fs::read(&journal).unwrap(), whole);
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left, ["out.json", "out.json.journal"]);
}

#[test]
fn a_run_that_is_only_recorded_is_kept_as_it_comes_too() {
    let (target, folder) = (Target::listen(), tempfile::tempdir().unwrap());
    let child = tool(folder.path(), &format!("{} --record=rec", target.line())).spawn().unwrap();
    let _second = target.second();
    send(&child, SIGKILL);
    ended(child);
    let kept = names(&folder.path().join("rec"));
    assert!(kept.len() == 1 && kept[0].ends_with(".journal"), "{kept:?}");
    let (code, out, err) = said(tool(folder.path(), &format!("report rec/{}", kept[0])));
    assert!(code == Some(0) && out.contains("bare"), "{out}{err}");
}

#[test]
fn the_second_signal_ends_it_although_it_writes_to_a_pipe_that_nobody_reads() {
    for signal in [SIGINT, SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let line = "run --stack bare --duration 60ms --warmup 0s --json -";
        let mut child = tool(folder.path(), line).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        // The run is larger than that.
        fcntl(&stdout, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        // Two that come at the same moment are one, so they come until it ends.
        until("it ends", || {
            if child.try_wait().unwrap().is_some() {
                return true;
            }
            if handles(&child, signal) {
                send(&child, signal);
            }
            false
        });
        assert_eq!(ended(child).status.code(), Some(130), "{signal}");
        drop(stdout);
    }
}

#[test]
fn a_server_leaves_nothing_behind_whichever_signal_ends_it() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let folder = tempfile::tempdir().unwrap();
        for (listen, runtime) in [("unix", "current"), ("unix", "multi:2"), ("fifo", "current")] {
            let line = format!("serve --listen {listen}://{}/s --runtime {runtime}", folder.path().display());
            let mut child = tool(folder.path(), &line).spawn().unwrap();
            let mut said = String::new();
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            stdout.read_line(&mut said).unwrap();
            assert!(said.contains("listens at") && folder.path().join("s").exists(), "{said}");
            send(&child, signal);
            let output = ended(child);
            assert_eq!(output.status.code(), Some(0), "{signal} {listen}: {output:?}");
            assert!(names(folder.path()).is_empty(), "{signal} {listen}: {:?}", names(folder.path()));
        }
    }
}

#[test]
fn every_command_handles_the_signals_that_end_it_so_that_process_1_gets_them_too() {
    // The system gives process 1 no signal that it does not handle.
    let folder = tempfile::tempdir().unwrap();
    let address = Target::listen();
    let run = address.line();
    for (line, codes) in
        [("report -", [130, 130]), ("serve --listen tcp://127.0.0.1:0", [0, 0]), (&run, [130, 130])]
    {
        for (signal, code) in [SIGTERM, SIGHUP].into_iter().zip(codes) {
            let mut child = tool(folder.path(), line).stdin(Stdio::piped()).spawn().unwrap();
            // Open, so that what is read there does not end.
            let _stdin = child.stdin.take();
            hears(&child);
            until("it hears of a hang-up", || handles(&child, SIGHUP));
            send(&child, signal);
            assert_eq!(ended(child).status.code(), Some(code), "{line} {signal}");
        }
    }
    let nohup = format!("trap '' HUP; exec $TOOL {run}");
    let child = shell(folder.path(), &nohup).spawn().unwrap();
    hears(&child);
    assert!(!handles(&child, SIGHUP), "what was started to outlive its terminal does");
    send(&child, SIGTERM);
    assert_eq!(ended(child).status.code(), Some(130));
}

#[test]
fn what_a_killed_run_left_is_swept_when_the_next_one_starts() {
    for transport in ["unix", "fifo"] {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("run --transport {transport} --stack bare --placement split --duration 1h");
        let child = tool(folder.path(), &line).spawn().unwrap();
        let scratch = || {
            let folders = names(folder.path()).into_iter().map(|name| folder.path().join(name));
            folders.filter(|below| below.is_dir()).map(|below| names(&below).len()).sum::<usize>()
        };
        until("its cell has made its files", || scratch() > 0);
        send(&child, SIGKILL);
        ended(child);
        assert!(!names(folder.path()).is_empty());
        let (code, _, err) = said(tool(folder.path(), "run --stack bare --duration 60ms --warmup 0s"));
        assert_eq!(code, Some(0), "{err}");
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    }
}

/// Writes a new certificate for this host and its key into one file, and gives its fingerprint.
fn renew(file: &Path) -> Fingerprint {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(file, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    Fingerprint::of(made.cert.der())
}

#[test]
fn a_hang_up_has_a_server_show_its_renewed_certificate_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.pem");
    let old = renew(&file);
    let line = format!("serve --reload-on-hup --listen tls://127.0.0.1:0?renew=off&cert={}", file.display());
    let mut child = tool(folder.path(), &line).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut told).unwrap();
    let address = told.split("tls://").nth(1).unwrap().split(['?', '\n']).next().unwrap().to_owned();
    let shows = |pin: Fingerprint| {
        let line = format!(
            "run --target tls://{address}?pin={pin} --parallel 1 --duration 50ms --warmup 0s --quiet"
        );
        said(tool(folder.path(), &line)).0 == Some(0)
    };
    assert!(shows(old), "{told}");
    let new = renew(&file);
    assert!(shows(old) && !shows(new), "it has not been told to look");
    send(&child, SIGHUP);
    until("it shows the renewed certificate", || shows(new));
    send(&child, SIGTERM);
    assert_eq!(ended(child).status.code(), Some(0));
}
