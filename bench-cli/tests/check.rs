//! `check` on files of constructed runs, as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use listenrain_results::{Cell, Env, Launch, OpenLoop, Run, Times, Workers};

/// Five launches around `tps` and `p99_us`, one in `spread` apart.
fn run(tps: f64, p99_us: f64, spread: f64) -> Run {
    let launch = |at: i32| {
        let off = 1.0 + spread * f64::from(at - 2);
        let service_us = Times { p99: Some(p99_us / off), p50: Some(50.0), max: 3_000.0, ..Times::default() };
        Launch {
            order: at as u64,
            requests: 100_000,
            tps: tps * off,
            cpu_us_per_request: Some(20.0 / off),
            service_us,
            ..Launch::default()
        }
    };
    let cell = Cell {
        transport: "tcp".to_owned(),
        stack: "listenrain".to_owned(),
        runtime: "current".to_owned(),
        protocol: "native".to_owned(),
        placement: "same".to_owned(),
        parallel: 16,
        payload_bytes: 4096,
        requests: 500_000,
        tps,
        duration_s: 3.0,
        warmup_s: 1.0,
        lanes: 1,
        connections: 1,
        window_bytes: 64 << 20,
        service_us: Times { p99: Some(p99_us), ..Times::default() },
        launches: (0..5).map(launch).collect(),
        ..Cell::default()
    };
    let env = Env { cpu: "a processor".to_owned(), cores: 2, kernel: "6.1".to_owned(), ..Env::default() };
    Run::new(env, vec![cell])
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// What a check says that ends with `code`.
    fn check(&self, baseline: &Run, candidate: &Run, flags: &[&str], code: i32) -> String {
        let baseline = self.write("baseline.json", &baseline.to_json());
        let candidate = self.write("candidate.json", &candidate.to_json());
        check(&baseline, Some(&candidate), flags, code)
    }
}

fn check(baseline: &Path, candidate: Option<&Path>, flags: &[&str], code: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.arg("check").arg("--baseline").arg(baseline).args(candidate).args(flags);
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn base() -> Run {
    run(50_000.0, 800.0, 0.002)
}

#[test]
fn what_is_as_it_was_passes_with_0() {
    let said =
        Files::new().check(&base(), &run(50_100.0, 801.0, 0.002), &["--limit", "p99<2ms,errors<0.01%"], 0);
    assert!(said.starts_with("passed against"), "{said}");
}

#[test]
fn what_got_worse_beyond_its_threshold_is_a_regression_with_3() {
    let files = Files::new();
    let json = files.write("judged.json", "");
    files.check(&base(), &run(45_000.0, 800.0, 0.002), &["--json", json.to_str().unwrap()], 3);
    let judged = std::fs::read_to_string(json).unwrap();
    let judged = Run::from_json(&judged, "judged").unwrap().check.unwrap();
    assert_eq!(judged.verdict, "regression");
    let tps = judged.rows.iter().find(|row| row.metric == "tps").unwrap();
    assert!(tps.change.is_some_and(|change| (change + 0.1).abs() < 0.001), "{tps:?}");
    assert!(tps.high.is_some_and(|high| high < -0.03) && tps.verdict == "regression");
    // A fall within the threshold that was asked for is none.
    files.check(&base(), &run(45_000.0, 800.0, 0.002), &["--fail-on", "tps<-20%"], 0);
    // One that got slower by its latency alone is one too, and one that got faster is not.
    files.check(&base(), &run(50_000.0, 900.0, 0.002), &[], 3);
    files.check(&base(), &run(60_000.0, 500.0, 0.002), &[], 0);
}

#[test]
fn a_limit_that_does_not_hold_is_missed_with_4_however_the_baseline_was() {
    let files = Files::new();
    let said = files.check(&base(), &base(), &["--limit", "p99<0.5ms"], 4);
    assert!(said.starts_with("limit-missed against"), "{said}");
    // A regression is graver.
    files.check(&base(), &run(45_000.0, 800.0, 0.002), &["--limit", "p99<0.5ms"], 3);
}

#[test]
fn what_varies_too_much_or_was_launched_once_is_inconclusive_with_5() {
    let files = Files::new();
    let said = files.check(&base(), &run(49_000.0, 800.0, 0.1), &[], 5);
    assert!(said.contains("lies on both sides"), "{said}");
    let mut once = base();
    once.cells[0].launches.truncate(1);
    let said = files.check(&base(), &once, &[], 5);
    assert!(said.contains("it takes 2 or more"), "{said}");
}

#[test]
fn errors_where_there_were_none_are_a_regression() {
    let mut failing = base();
    failing.cells[0].errors = 3;
    failing.cells[0].error_samples = vec!["a reply that was not asked for".to_owned()];
    let files = Files::new();
    let said = files.check(&base(), &failing, &[], 3);
    assert!(said.contains("a reply that was not asked for"));
    files.check(&base(), &failing, &["--limit", "errors<0.01%"], 0);
}

#[test]
fn a_load_that_broke_passes_nothing_whatever_errors_are_allowed() {
    // 64 calls that a stopped server never answers are few beside all those before, and the end of the measurement.
    let files = Files::new();
    for kind in ["unfinished", "channel", "panic", "ended early", "not measured"] {
        let mut broken = base();
        broken.cells[0].errors = 1;
        broken.cells[0].error_kinds = [(kind.to_owned(), 1)].into();
        broken.cells[0].error_samples = vec!["requests without a reply".to_owned()];
        let said = files.check(&base(), &broken, &["--limit", "errors<50%,p99<2ms"], 3);
        assert!(said.contains("requests without a reply") && !said.contains("passed  "), "{kind}: {said}");
    }
    let mut timeouts = base();
    timeouts.cells[0].errors = 1;
    timeouts.cells[0].error_kinds = [("timeout".to_owned(), 1)].into();
    files.check(&base(), &timeouts, &["--limit", "errors<50%"], 0);
}

#[test]
fn what_was_dropped_is_lost_as_what_failed_is() {
    let open = |dropped| {
        let mut run = base();
        let open = OpenLoop { rate: 50_000.0, intended: 500_000, dropped, ..OpenLoop::default() };
        run.cells[0].open_loop = Some(open);
        run
    };
    let files = Files::new();
    // Whatever the times of the others are.
    let said = files.check(&open(0), &open(40_000), &[], 3);
    assert!(said.contains("40000 dropped"), "{said}");
    // 40,000 of 540,000 are 7.4 %. A p99 that lies among them is worse as well, which would be graver than a limit.
    files.check(&open(0), &open(40_000), &["--limit", "errors<7%", "--fail-on", "tps<-3%"], 4);
    files.check(&open(0), &open(40_000), &["--limit", "errors<8%", "--fail-on", "tps<-3%"], 0);
    // A baseline that dropped as many is no better.
    files.check(&open(40_000), &open(40_000), &["--fail-on", "tps<-3%"], 0);
}

#[test]
fn unlike_configurations_are_refused_by_name() {
    type Change = fn(&mut Cell);
    let files = Files::new();
    let changes: [(&str, Change); 9] = [
        ("parallel (16 and 1)", |cell| cell.parallel = 1),
        ("payload (4096 and 64)", |cell| cell.payload_bytes = 64),
        ("duration (3.00 s and 5.00 s)", |cell| cell.duration_s = 5.0),
        ("rate (closed loop and exp 100/s)", |cell| {
            cell.open_loop = Some(OpenLoop { rate: 100.0, arrivals: "exp".to_owned(), ..Default::default() });
        }),
        ("placement (same and split)", |cell| cell.placement = "split".to_owned()),
        ("runtime (current and multi:2)", |cell| cell.runtime = "multi:2".to_owned()),
        ("protocol (native and original)", |cell| cell.protocol = "original".to_owned()),
        ("options (none and tcp.nodelay=false)", |cell| cell.options = vec!["tcp.nodelay=false".to_owned()]),
        ("stack (listenrain and bare)", |cell| cell.stack = "bare".to_owned()),
    ];
    for (told, change) in changes {
        let mut other = base();
        change(&mut other.cells[0]);
        let said = files.check(&base(), &other, &["--force"], 2);
        assert!(said.contains(told), "{told}: {said}");
    }
}

#[test]
fn another_machine_is_refused_unless_forced() {
    let mut other = base();
    other.env.kernel = "6.9".to_owned();
    let files = Files::new();
    let said = files.check(&base(), &other, &[], 2);
    assert!(said.contains("kernel (6.1 and 6.9)") && said.contains("--force"));
    files.check(&base(), &other, &["--force"], 0);
    // So it is where the candidate would be measured here.
    let said = check(&files.write("elsewhere.json", &base().to_json()), None, &[], 2);
    assert!(said.contains("another machine: cpu"), "{said}");
}

#[test]
fn what_is_no_baseline_is_refused() {
    let files = Files::new();
    let mut failed = base();
    failed.cells[0].errors = 1;
    let (mut interrupted, mut missing) = (base(), base());
    interrupted.env.interrupted = true;
    missing.workers = Some(Workers { count: 3, missing: vec![1], ..Workers::default() });
    for void in [&interrupted, &missing] {
        files.check(&base(), void, &["--force"], 2);
    }
    let newer = base().to_json().replacen("\"schema\": 2", "\"schema\": 99", 1);
    for (name, content, told) in [
        ("corrupt.json", "{\"schema\": 2, \"env\"".to_owned(), "not a run file"),
        ("newer.json", newer, "schema 99"),
        ("failed.json", failed.to_json(), "it is no baseline"),
        ("interrupted.json", interrupted.to_json(), "it was interrupted"),
        ("missing.json", missing.to_json(), "workers [1] of 3 are missing"),
        ("empty.json", Run::new(Env::default(), Vec::new()).to_json(), "has no cells"),
    ] {
        let said = check(&files.write(name, &content), None, &["--force"], 2);
        assert!(said.contains(told) && said.contains(name), "{name}: {said}");
    }
    assert!(check(Path::new("no-such-file.json"), None, &[], 2).contains("no-such-file.json"));
    for flags in [["--fail-on", "speed<-3%"], ["--limit", "p99<2"]] {
        let said = files.check(&base(), &base(), &flags, 2);
        assert!(said.contains(flags[0]), "{said}");
    }
}
