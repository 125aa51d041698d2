//! The built program, as a user runs it.

use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use listenrain_results::Run;

fn tool(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.args(line.split_whitespace());
    command
}

fn run(line: &str) -> Output {
    tool(line).output().unwrap()
}

fn cells(output: &Output) -> Run {
    Run::from_json(&String::from_utf8_lossy(&output.stdout), "stdout").unwrap()
}

/// The run of a command that ends well.
fn measured(line: &str) -> Run {
    let output = run(line);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    cells(&output)
}

/// Whether a figure is as it should be. A system that has none is no excuse where Linux is, which has them all.
fn is_seen(figure: Option<f64>, is_right: impl FnOnce(f64) -> bool) -> bool {
    figure.map_or(!cfg!(target_os = "linux"), is_right)
}

/// A listener at a free port and its address.
fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn echo(mut stream: TcpStream) -> io::Result<u64> {
    io::copy(&mut stream.try_clone()?, &mut stream)
}

#[test]
fn a_run_fills_every_figure_of_every_cell() {
    // LR39: the original printed rates, and no times.
    let run = measured(
        "run --stack bare --parallel 1,16 --payload 4KiB,100KiB --runtime current,multi:2 \
                      --set tcp.nodelay=false --duration 300ms --warmup 50ms --json -",
    );
    assert_eq!(run.cells.len(), 8);
    for cell in &run.cells {
        assert_eq!(cell.options, ["tcp.nodelay=false"]);
        assert!(cell.is_well() && cell.tps > 0.0 && cell.gbit_per_s > 0.0, "{cell:?}");
        assert!(is_seen(cell.cpu_percent, |cpu| cpu > 0.0) && is_seen(cell.rss_mib, |mib| mib > 0.0));
        let us = &cell.service_us;
        assert!(us.p50.is_some_and(|p50| p50 > 0.0 && p50 <= us.max), "{cell:?}");
        assert_eq!(us.count, cell.requests);
        assert!(cell.littles_law.off_by() < 0.2, "{cell:?}");
    }
    assert!(run.env.cores > 0 && run.env.command.starts_with("bench-cli run"));
}

#[test]
fn each_end_is_a_process_of_its_own_and_both_are_charged() {
    // LR39: the original measured both ends in one process, one row after the other.
    let run = measured(
        "run --placement same,split --stack bare,listenrain --parallel 4 --duration 300ms --warmup 50ms \
                      --launches 2 --json -",
    );
    assert_eq!(run.cells.len(), 4);
    for cell in &run.cells {
        assert!(cell.is_well() && cell.launches.len() == 2 && cell.tps_interval.is_some(), "{cell:?}");
        let both = cell.usage.both.unwrap();
        assert!(both.user_s + both.system_s > 0.0 && both.cpu_us_per_request > 0.0, "{cell:?}");
        match cell.placement.as_str() {
            "split" => {
                let (client, server) = (cell.usage.client.unwrap(), cell.usage.server.unwrap());
                assert!(client.cpu_percent > 0.0 && server.cpu_percent > 0.0, "{cell:?}");
                assert!((client.cpu_percent + server.cpu_percent - both.cpu_percent).abs() < 1e-6);
                assert_eq!(cell.series.server_cpu_percent.len(), cell.series.tps.len());
            }
            _ => assert!(cell.usage.client.is_none() && cell.usage.server.is_none(), "{cell:?}"),
        }
    }
    let orders: std::collections::BTreeSet<_> =
        run.cells.iter().flat_map(|cell| cell.launches.iter().map(|launch| launch.order)).collect();
    assert_eq!(orders, (0..8).collect());
}

#[cfg(unix)]
#[test]
fn transports_that_live_in_files_leave_none_behind() {
    // The cell's process ended while other threads of its runtime still held the listener.
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let output = tool(
            "run --transport unix,fifo --stack bare,listenrain --runtime current,multi:2 --parallel 4 \
             --placement same,split --duration 40ms --warmup 10ms --json -",
        )
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let left: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_table_alone_has_the_originals_twelve_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.json");
    let output = tool("--duration 250ms --warmup 20ms --json").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = Run::from_json(&std::fs::read_to_string(file).unwrap(), "out.json").unwrap();
    assert_eq!(listenrain_results::rows(&run).len(), 12);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("27,500") && text.contains("Apple M1") && text.contains("one process a row"),
        "{text}"
    );
}

#[test]
fn every_transport_is_measured_beside_its_bare() {
    let run = measured("run --transport all --duration 50ms --warmup 20ms --json -");
    let measured: Vec<_> =
        run.cells.iter().filter(|cell| cell.stack == "listenrain").map(|cell| &*cell.transport).collect();
    let registry = listenrain_transports::all();
    let single = registry.list().filter(|transport| !transport.scratch_endpoint().is_list());
    assert_eq!(measured, single.map(|transport| transport.scheme()).collect::<Vec<_>>());
    assert!(run.cells.iter().all(listenrain_results::Cell::is_well));
    for row in listenrain_results::rows(&run) {
        assert!(row.of_bare.is_some_and(|share| share > 0.0), "{row:?}");
    }
}

#[test]
fn every_transport_carries_the_floor_and_a_row_says_what_the_tool_itself_costs() {
    let run = measured(
        "run --transport all --stack bare,floor --parallel 4 --runtime current,multi:2 --duration 60ms --warmup 20ms \
         --json -",
    );
    for cell in &run.cells {
        assert!(cell.is_well(), "{cell:?}");
        let is_right = match &*cell.stack {
            "floor" => is_seen(cell.tool_us_per_request, |us| us > 0.0),
            _ => cell.tool_us_per_request.is_none(),
        };
        assert!(is_right, "{cell:?}");
    }
    assert!(run.cells.iter().any(|cell| listenrain_results::of_floor(&run, cell) == Some(1.0)));
}

#[test]
fn a_thousand_large_requests_stay_within_their_window_of_memory() {
    let output =
        run("run --stack bare --parallel 1000 --payload 4MiB --duration 200ms --warmup 50ms --json -");
    let run = cells(&output);
    let cell = &run.cells[0];
    assert!(cell.is_well() && is_seen(cell.rss_mib, |mib| mib <= 512.0), "{:?}", run.cells);
}

#[test]
fn the_largest_payload_goes_over_every_protocol() {
    let output = run(
        "run --stack listenrain --payload 64MiB --protocol native,original --duration 1s --warmup 0s --json -",
    );
    let run = cells(&output);
    assert_eq!(run.cells.len(), 2);
    for cell in &run.cells {
        assert!(cell.errors == 0, "{cell:?}");
    }
}

#[test]
fn wrong_usage_is_code_2_and_says_what_is_allowed() {
    for (line, says) in [
        ("table --transport smoke", "allowed: all, tcp"),
        ("run --placement split --transport channel", "lives inside one process"),
        ("run --placement split --target tcp://127.0.0.1:1", "does not go with --target"),
        ("run --pin server=0", "needs --placement split"),
        ("run --rate 20k --parallel 4", "does not go with --rate"),
        ("run --inject-stall 1ms@1s --target tcp://127.0.0.1:1", "that one is elsewhere"),
        ("run --rate fast", "20k or 1.5M"),
        ("run --inject-stall 2s@2s", "its end would not be seen"),
        ("serve --listen smoke", "no scheme"),
        ("serve --listen smoke://x", "no transport has scheme `smoke`; there are: tcp"),
        (
            "serve --listen tcp://localhost",
            "--listen: endpoint `tcp://localhost`: has no port; write it like",
        ),
        // The whole text: nothing of it is a secret, and all of it says what to change.
        (
            "run --target tcp://localhost",
            "--target: endpoint `tcp://localhost`: has no port; write it like tcp://127.0.0.1:7000 or tcp://[::1]:7000",
        ),
        (
            "run --target tcp://localhost:1/path",
            "--target: endpoint `tcp://localhost:1/path`: port `1/path` must be",
        ),
        ("run --target tcp://me@localhost:1", "host `me@localhost` is neither a name nor an address"),
        ("dance", "unrecognized"),
    ] {
        let output = run(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    // Nothing can lie below a file, whoever asks.
    let below = file.join("below");
    for flag in [format!("--json={}", below.display()), format!("--record={}", below.display())] {
        let output = tool("run --stack bare --duration 1h").arg(flag).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&*below.to_string_lossy()) && said.contains("os error"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}

#[test]
fn a_target_that_is_not_there_fails_its_row() {
    let (listener, address) = listen();
    drop(listener);
    let output =
        run(&format!("run --stack bare --target tcp://{address} --duration 50ms --warmup 0s --json -"));
    assert_eq!(output.status.code(), Some(1));
    let run = cells(&output);
    let said = &run.cells[0].error_samples[0];
    assert!(said.contains("cannot be reached: connection refused"), "{said}");
}

#[test]
fn a_server_that_hangs_up_fails_the_row_with_the_reason() {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The first request is answered, the load is not.
        let mut first = [0; 4096];
        stream.read_exact(&mut first).unwrap();
        stream.write_all(&first).unwrap();
        stream.read_exact(&mut [0; 4096]).unwrap();
    });
    let output =
        run(&format!("run --stack bare --target tcp://{address} --duration 50ms --warmup 0s --json -"));
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(cells(&output).cells[0].error_kinds.contains_key("channel"), "{output:?}");
}

#[test]
fn a_server_takes_every_scheme_that_a_transport_understands() {
    for scheme in ["quic+selfsigned", "tls+selfsigned", "tcp"] {
        let mut server =
            tool(&format!("serve --listen {scheme}://127.0.0.1:0")).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = io::BufReader::new(server.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let (_, target) =
            line.trim().split_once("listens at ").unwrap_or_else(|| panic!("{scheme}: `{line}`"));
        let run = measured(&format!("run --target {target} --duration 100ms --warmup 10ms --json -"));
        assert!(run.cells[0].requests > 0, "{scheme}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

#[test]
fn a_recorded_run_has_its_table_and_its_conditions() {
    let folder = tempfile::tempdir().unwrap();
    let record = format!("--record={}", folder.path().display());
    let output = tool("run --stack bare --duration 50ms --warmup 0s").arg(record).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let store = listenrain_results::Store::new(folder.path());
    let id = store.ids().unwrap().pop().unwrap();
    assert_eq!(store.load(&id).unwrap().cells.len(), 1);
    assert!(
        std::fs::read_to_string(folder.path().join(id).join("README.md"))
            .unwrap()
            .contains("Command: `bench-cli run")
    );
}

/// Waits until the other side's process has ended, under a watchdog.
#[cfg(unix)]
fn assert_gone(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    if let Err(error) = stream.read_to_end(&mut Vec::new()) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
}

#[cfg(unix)]
fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

#[cfg(unix)]
#[test]
fn a_cell_dies_with_its_parent() {
    let (listener, address) = listen();
    let mut parent =
        tool(&format!("run --stack bare --target tcp://{address} --duration 1h")).spawn().unwrap();
    // The cell's process is up when it has dialled; it is gone when its connection ends.
    let (mut stream, _) = listener.accept().unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_gone(&mut stream);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_measured_and_ends_the_cell() {
    let (listener, address) = listen();
    let line = format!(
        "run --stack bare --parallel 1,2 --target tcp://{address} --duration 100ms --warmup 0s --json -"
    );
    let child = tool(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (first, _) = listener.accept().unwrap();
    // The first cell may reset its connection when it ends.
    let _ = echo(first);
    let (mut second, _) = listener.accept().unwrap();
    // The second is never answered: it is under way when the signal comes.
    signal(&child, nix::sys::signal::Signal::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let run = cells(&output);
    assert!(run.env.interrupted && run.cells.len() == 1 && run.cells[0].is_well(), "{:?}", run.cells);
    assert_gone(&mut second);
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_anything_was_measured_says_so() {
    let (listener, address) = listen();
    let folder = tempfile::tempdir().unwrap();
    let child = tool(&format!("run --stack bare --target tcp://{address} --duration 1h"))
        .arg(format!("--record={}", folder.path().display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut cell, _) = listener.accept().unwrap();
    signal(&child, nix::sys::signal::Signal::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "nothing was measured: interrupted before the first cell was over\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing to record");
    assert_gone(&mut cell);
}

#[test]
fn a_reader_that_had_enough_is_no_failure() {
    let mut child = tool("transports").stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("tcp://") && text.contains("half-close") && text.contains("stack bare"), "{text}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn progress_is_a_line_a_cell_where_nobody_watches_and_nothing_when_quiet() {
    let line = "run --stack bare --parallel 1,2 --duration 50ms --warmup 0s";
    let said = |line: &str| String::from_utf8(run(line).stderr).unwrap();
    let loud = said(line);
    let lines: Vec<_> = loud.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("1/2  tcp bare 1 x 4KiB on current: "), "{loud}");
    assert!(lines[1].starts_with("2/2  tcp bare 2 x ") && lines[1].ends_with(" tps"), "{loud}");
    assert_eq!(said(&format!("{line} --quiet")), "");
}

#[test]
fn the_doctor_fails_only_when_strict_and_only_for_what_may_spoil() {
    let output = run("doctor --json --strict");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let may_spoil = findings.iter().filter(|finding| finding["verdict"] == "may_spoil").count();
    assert_eq!(report["may_spoil"], may_spoil);
    assert_eq!(output.status.code(), Some(if may_spoil > 0 { 4 } else { 0 }), "{output:?}");
    let names: std::collections::BTreeSet<_> =
        findings.iter().map(|finding| finding["name"].as_str()).collect();
    assert_eq!(names.len(), findings.len(), "every check has a name of its own");
    let output = run("doctor");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(findings.iter().all(|finding| text.contains(finding["name"].as_str().unwrap())), "{text}");
}
