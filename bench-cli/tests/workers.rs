//! Several processes that measure one load, as an engine would start them on several hosts.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use listenrain_results::Run;

fn tool(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // An engine that this test itself runs under must not say who the workers are.
    for name in ["JOB_COMPLETION_INDEX", "BENCH_COUNT", "SLURM_PROCID", "SLURM_NTASKS"] {
        command.env_remove(name);
    }
    command
}

/// Ended with its test, whatever becomes of that.
struct Running(Option<Child>);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    fn output(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads lines up to the one that has `word`, and gives what follows it there.
fn told(lines: &mut impl BufRead, word: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended without `{word}`");
        if let Some((_, told)) = line.split_once(word) {
            return told.trim().to_owned();
        }
    }
}

fn server() -> (Running, String) {
    let mut server = Running::start(&mut tool("serve --stack bare --listen tcp://127.0.0.1:0"));
    let mut out = BufReader::new(server.child().stdout.take().unwrap());
    let endpoint = told(&mut out, "listens at ");
    (server, endpoint)
}

const LOAD: &str =
    "run --stack bare --parallel 8 --connections 4 --payload 1KiB --duration 600ms --warmup 100ms";

/// Worker 0, where the others meet it, and what else it says.
fn zero(line: &str, target: &str, file: &Path) -> (Running, String, BufReader<ChildStderr>) {
    let line = format!("{line} --target {target} --rendezvous 127.0.0.1:0 --index 0 --json");
    let mut zero = Running::start(tool(&line).arg(file));
    let mut said = BufReader::new(zero.child().stderr.take().unwrap());
    let address = told(&mut said, "rendezvous at ");
    (zero, address, said)
}

fn other(line: &str, target: &str, address: &str, index: u64) -> Running {
    Running::start(&mut tool(&format!("{line} --target {target} --rendezvous {address} --index {index}")))
}

fn read(file: &Path) -> Run {
    Run::from_json(&std::fs::read_to_string(file).unwrap(), "file").unwrap()
}

/// Independently of the tool's own reader.
fn histogram(text: &str) -> Histogram<u64> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap()
}

#[test]
fn four_workers_and_a_server_become_exactly_the_union_of_their_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (file, parts) = (folder.path().join("whole.json"), folder.path().join("parts"));
    let (_idle, target) = server();
    let load = format!("{LOAD} --count 4 --servers 1 --parts {}", parts.display());
    let (first, address, _said) = zero(&load, &target, &file);
    // Its endpoint is not driven here: it takes part, and says what it used.
    let partner = Running::start(&mut tool(&format!(
        "serve --stack bare --listen tcp://127.0.0.1:0 --rendezvous {address}"
    )));
    let others: Vec<_> = (1..4).map(|index| other(&load, &target, &address, index)).collect();
    for other in others {
        let output = other.output();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let output = first.output();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(partner.output().status.code(), Some(0), "a server that took part ends with the run");

    let whole = read(&file);
    let cell = &whole.cells[0];
    let mut union = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let (mut requests, mut tps, mut max) = (0, 0.0, 0.0f64);
    let files: Vec<_> = (0..4).map(|index| parts.join(format!("worker-{index}.json"))).collect();
    for part in files.iter().map(|file| read(file)) {
        let cell = &part.cells[0];
        assert_eq!((cell.parallel, cell.connections), (2, 1), "each its share");
        union += histogram(cell.histograms.service.as_ref().unwrap());
        requests += cell.requests;
        tps += cell.tps;
        max = max.max(cell.service_us.max);
    }
    assert_eq!(histogram(cell.histograms.service.as_ref().unwrap()), union);
    assert_eq!((cell.requests, cell.service_us.count, cell.service_us.max), (requests, union.len(), max));
    assert!((cell.tps / tps - 1.0).abs() < 1e-9 && cell.parallel == 8 && requests > 0);
    let workers = whole.workers.as_ref().unwrap();
    assert!(workers.missing.is_empty() && workers.count == 4 && workers.skew_us.is_some());
    let used = |end: Option<listenrain_results::Usage>| end.map(|usage| usage.cpu_percent);
    assert!(
        !cfg!(unix) || used(cell.usage.client) > Some(0.0) && used(cell.usage.server).is_some(),
        "{cell:?}"
    );

    // The same by hand, in another order, but for the server, which is in no part.
    let merged = folder.path().join("merged.json");
    let output = tool("merge").args(files.iter().rev()).arg("--json").arg(&merged).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let again = read(&merged);
    assert_eq!((&again.cells[0].histograms, again.cells[0].service_us), (&cell.histograms, cell.service_us));

    let output = tool("merge").args(&files[..3]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("missing: worker 3"), "{said}");
    let output = tool("merge --allow-missing").args(&files[..3]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("worker 3 is missing"), "{said}");
}

#[test]
fn a_worker_that_is_killed_aborts_the_run_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whole.json");
    // Nobody dials the target before all have come.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let load = LOAD.replace("600ms", "1h") + " --count 3";
    let load = load.replace("--connections 4", "--connections 3");
    let (mut first, address, mut said) = zero(&load, &target, &file);
    let mut doomed = other(&load, &target, &address, 1);
    let witness = other(&load, &target, &address, 2);
    let _dialled = listener.accept().unwrap();
    doomed.child().kill().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let status = first.child().wait().unwrap();
    assert_eq!(status.code(), Some(1), "{rest}");
    assert!(rest.contains("aborted") && rest.contains("worker 1"), "{rest}");
    let output = witness.output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("worker 1"), "{said}");
}

#[test]
fn wrong_identities_are_wrong_usage() {
    for (line, says) in [
        ("run --rendezvous 127.0.0.1:0", "--index and --count"),
        ("run --rendezvous 127.0.0.1:0 --index 4 --count 4", "the last is 3"),
        ("run --rendezvous 127.0.0.1:0 --index 0", "not --count"),
        ("run --index 0 --count 1", "--rendezvous"),
        ("run --rendezvous 127.0.0.1:0 --index 0 --count 2 --parallel 2", "--connections 1"),
        ("run --rendezvous 127.0.0.1:0 --index 0 --count 1 --until 2%", "cannot be used"),
        ("run --rendezvous 127.0.0.1:0 --rendezvous-within=99ms", "allowed: 100ms to 1day"),
        ("serve --rendezvous 127.0.0.1:0 --rendezvous-within=25h", "allowed: 100ms to 1day"),
        ("run --rendezvous-within 5s", "--rendezvous <HOST:PORT>"),
        ("serve --rendezvous-within 5s", "--rendezvous <HOST:PORT>"),
    ] {
        let output = tool(line).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(says), "{line}: {said}");
    }
}

/// An address at which nobody listens.
fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn who_does_not_come_within_the_time_that_is_allowed_is_given_up() {
    // Broken by a flag that is read and not obeyed: each would wait for its default of a minute, and say so.
    let (_server, target) = server();
    let within = "--rendezvous-within 300ms";
    let load = format!("{LOAD} --target {target} --count 2 {within}");
    let (absent, nowhere) = ("worker 1 did not come within 300ms", nowhere());
    for (line, says) in [
        (format!("{load} --index 0 --rendezvous 127.0.0.1:0"), absent),
        (format!("{load} --index 1 --rendezvous {nowhere}"), "within 300ms"),
        (
            format!("serve --stack bare --listen tcp://127.0.0.1:0 --rendezvous {nowhere} {within}"),
            "within 300ms",
        ),
    ] {
        let start = Instant::now();
        let output = tool(&line).output().unwrap();
        let took = start.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(says), "{line}: {said}");
        assert!(took >= Duration::from_millis(300), "{line}: given up after {took:?}");
    }
}

#[test]
fn an_engines_variables_say_who_a_worker_is_only_where_workers_meet() {
    let (_server, target) = server();
    let line = format!("run --stack bare --duration 50ms --warmup 0s --target {target}");
    let plain = tool(&line).env("SLURM_PROCID", "0").output().unwrap();
    assert_eq!(plain.status.code(), Some(0), "a plain run in an allocation: {plain:?}");
    let met = tool(&format!("{line} --rendezvous 127.0.0.1:0 --json -"))
        .envs([("SLURM_PROCID", "0"), ("SLURM_NTASKS", "1")])
        .output()
        .unwrap();
    assert_eq!(met.status.code(), Some(0), "{met:?}");
    let run = Run::from_json(&String::from_utf8_lossy(&met.stdout), "stdout").unwrap();
    assert_eq!(run.workers.map(|workers| workers.count), Some(1));
}

#[test]
fn every_transport_between_hosts_serves_clients_elsewhere() {
    for scheme in ["tcp", "tls", "quic", "sctp"] {
        let options = if scheme == "tls" || scheme == "quic" { "?cert=selfsigned" } else { "" };
        let mut server =
            Running::start(&mut tool(&format!("serve --listen {scheme}://127.0.0.1:0{options}")));
        let mut out = BufReader::new(server.child().stdout.take().unwrap());
        let endpoint = told(&mut out, "listens at ");
        let output =
            tool(&format!("run --target {endpoint} --duration 50ms --warmup 0s --json -")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{endpoint}: {output:?}");
        let run = Run::from_json(&String::from_utf8_lossy(&output.stdout), "stdout").unwrap();
        assert!(run.cells[0].is_well() && run.cells[0].transport == scheme, "{:?}", run.cells);
    }
}
