//! `compare`, `aa` and `search` on real transports, as a user runs them.

use std::process::{Command, Output};

use listenrain_results::{Run, Verdict};

fn tool(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-cli")).args(line.split_whitespace()).output().unwrap()
}

fn written(output: &Output) -> Run {
    Run::from_json(&String::from_utf8_lossy(&output.stdout), "stdout").unwrap()
}

#[test]
fn a_comparison_has_every_block_and_says_what_it_can_not_show() {
    let output = tool(
        "compare --transport tcp,unix --parallel 1,4 --blocks 2 --duration 120ms --warmup 20ms --json -",
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = written(&output);
    let comparison = run.comparison.as_ref().unwrap();
    assert_eq!((comparison.factor.as_str(), comparison.blocks), ("transport", 2));
    assert_eq!(comparison.values, ["tcp", "unix"]);
    assert_eq!(comparison.samples.len(), 2 * 2 * 2);
    // A cell of both launches for each value at each place.
    assert_eq!(run.cells.len(), 4);
    assert!(run.cells.iter().all(|cell| cell.launches.len() == 2 && cell.is_well()), "{:?}", run.cells);
    for row in comparison.rows.iter().filter(|row| row.metric == "tps") {
        let [ratio, low, high] = [row.ratio, row.low, row.high].map(Option::unwrap);
        assert!(low <= ratio && ratio <= high && row.p.is_some_and(|p| p >= 0.5), "{row:?}");
        // Two blocks show nothing, however different.
        assert_eq!(row.verdict, Verdict::NoDifference);
    }
    assert!(
        run.warnings.iter().any(|warning| warning.contains("2 blocks are too few")),
        "{:?}",
        run.warnings
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("x tcp in tps at 4 x 4KiB"), "{output:?}");
}

#[test]
fn two_binaries_are_compared_and_one_that_cannot_run_is_invalid() {
    let this = env!("CARGO_BIN_EXE_bench-cli");
    let output = tool(&format!(
        "compare --binary {this},/bin/false --blocks 2 --duration 120ms --warmup 20ms --json -"
    ));
    // A row failed.
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let comparison = written(&output).comparison.unwrap();
    assert!(!comparison.rows.is_empty());
    assert!(comparison.rows.iter().all(|row| row.verdict == Verdict::Invalid), "{:?}", comparison.rows);
}

#[test]
fn aa_says_whether_its_interval_holds_1() {
    let output = tool("aa --transport unix --blocks 3 --duration 120ms --warmup 20ms --json -");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let comparison = written(&output).comparison.unwrap();
    let of = |holds: bool| {
        let ends = comparison.rows.iter().filter_map(|row| row.low.zip(row.high));
        ends.filter(|(low, high)| (low..=high).contains(&&1.0) == holds).count()
    };
    assert_eq!(text.matches("holds 1, as it should").count(), of(true), "{text}");
    assert_eq!(text.matches("does NOT hold 1").count(), of(false), "{text}");
    assert!(text.contains("the smallest difference that 3 blocks show"), "{text}");
}
