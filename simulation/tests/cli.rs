//! The built program, as a user runs it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{broken_tool, run, text};
use serde_json::Value;

#[test]
fn a_matrix_has_every_transport_and_the_json_every_trial() {
    let output = run("conformance --case A0*,C07 --hardship none,pending-storms --seed 7 --json -");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["schema"], &report["seed"]), (&1.into(), &7.into()));
    let records = report["records"].as_array().unwrap();
    let is_of = |record: &&Value, case: &str| record["case"] == case && record["transport"] == "tcp";
    assert_eq!(records.iter().filter(|record| is_of(record, "A01")).count(), 1);
    assert_eq!(records.iter().filter(|record| is_of(record, "C07")).count(), 2);
    let aborted = records.iter().find(|record| is_of(record, "C07")).unwrap();
    assert_eq!(aborted["verdict"], "pass");
    assert_eq!(aborted["roles"], serde_json::json!(["near-dials", "near-accepts"]));
    let matrix = text(&output.stderr);
    assert!(matrix.contains("tcp") && matrix.contains("A01 connect_accept"), "{matrix}");
}

#[test]
fn a_skip_names_what_is_missing_and_the_words_of_the_documentation() {
    let output = run("conformance --transport channel --case A03 --json -");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [record] = &report["records"].as_array().unwrap()[..] else { panic!("{report}") };
    let reason = record["reason"].as_str().unwrap();
    assert!(
        record["verdict"] == "skipped" && reason.contains("a black hole, which channel does not have"),
        "{reason}"
    );
    assert!(reason.contains("A dial never waits"), "{reason}");
}

#[test]
fn a_broken_transport_fails_with_what_was_expected_and_how_to_see_it_again() {
    let output = broken_tool("conformance --transport drops-a-byte,sound --case A01,B01 --hardship none")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stdout);
    for part in [
        "B01 basic_io_1mib   pass     FAIL",
        "the rule: 1 MiB in pieces of 1 KiB each way",
        "again: cargo run -p listenrain-simulation --example broken -- conformance",
        "offset 100000 of stream 2",
        "those belong at 100001: 1 missing",
        "--transport drops-a-byte --case B01 --hardship none --seed 1",
        "drops-a-byte: 2 cases, 1 pass, 1 FAIL, 0 skipped, 0 timeout (2 trials)",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
}

#[test]
fn a_list_says_what_each_case_is() {
    let output = run("conformance --list --case C0*");
    assert_eq!(output.status.code(), Some(0));
    let listed = text(&output.stdout);
    assert_eq!(listed.lines().filter(|line| line.starts_with('C')).count(), 9);
    assert!(
        listed.contains("C07 abort_is_reset (P1, needs abort, under pending-storms, in both roles)\n    The peer of an abort"),
        "{listed}"
    );
}

#[test]
fn wrong_usage_is_told_before_anything_is_run() {
    for (line, told) in [
        ("conformance --transport pigeon", "there is no `pigeon`; there are: tcp"),
        ("conformance --case Q01", "there is no `Q01`; there are: A01"),
        ("conformance --hardship rain", "there is no `rain`; there are: none, one-byte-reads"),
        ("conformance --case E05 --hardship short-writes", "runs under one of these hardships; add `none`"),
        ("conformance --json /nowhere/at/all.json", "--json: cannot write /nowhere/at/all.json"),
        ("conformance --junit report.xml", "--junit is gone: use `cargo nextest`"),
        ("conformance --negative-controls", "--negative-controls is gone: use `cargo test"),
        ("sweep --doubles", "--doubles is gone: use `cargo test"),
        ("replay --seed 1 --double=late", "--double is gone: use the example `broken`"),
        ("conformance --patience NaN", "allowed: a number from 0.1 to 100"),
        ("conformance --smaller 0", "1..=1000"),
        ("conformance --list --json -", "cannot be used with"),
        ("", "Usage"),
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(text(&output.stderr).contains(told), "{line}: {output:?}");
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&format!("completions {shell}"));
        assert!(output.status.success() && text(&output.stdout).contains("conformance"), "{shell}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_was_run_and_ends_the_rest() {
    // The second case hangs for its twenty seconds, and the first tells when it is over.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let mut command =
        broken_tool("conformance --transport never-wakes --case D06,E04 --hardship none --json");
    command.arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(told.next().unwrap().unwrap(), "D06 waker_swap on never-wakes: FAIL");
    let start = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10), "it went on after the interrupt");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report["interrupted"], true);
    let cases: Vec<_> = report["records"].as_array().unwrap().iter().map(|record| &record["case"]).collect();
    assert_eq!(cases, ["D06"]);
}
