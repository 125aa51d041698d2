//! The README's tables and the list of runs are those of recorded runs, not typed in.

use std::fs;
use std::path::{Path, PathBuf};

use listenrain_results::{Run, Store, update};

const HOW_TO: &str =
    "write it anew with `cargo run -p bench-cli -- report --update README.md results/README.md`";

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every recorded run, by its name.
fn recorded() -> Vec<(String, Run)> {
    let store = Store::new(home().join("runs"));
    let runs = store.all().unwrap_or_else(|error| panic!("{error}"));
    assert!(!runs.is_empty(), "no run in results/runs");
    runs
}

#[test]
fn every_table_in_the_readmes_is_the_one_of_its_recorded_run() {
    for (file, marker) in [("../README.md", "<!-- table:"), ("README.md", "<!-- runs -->")] {
        let text = fs::read_to_string(home().join(file)).expect(file);
        assert!(text.contains(marker), "results/{file} has no {marker}; {HOW_TO}");
        let updated = update(&text, &recorded()).unwrap_or_else(|error| panic!("results/{file}: {error}"));
        assert!(updated == text, "results/{file} differs from the recorded runs; {HOW_TO}");
    }
}

#[test]
fn what_docs_say_admission_costs_is_what_the_recorded_comparison_found() {
    let text = fs::read_to_string(home().join("../docs/performance.md")).expect("docs/performance.md");
    let (_, text) = text.split_once("What admission, hello and goodbye cost").expect("what they cost");
    let (_, text) = text.split_once("`results/runs/").expect("the run it comes from");
    let (id, text) = text.split_once('`').expect("its name");
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let run = Store::new(home().join("runs")).load(id).unwrap();
    let rows = run.comparison.expect("a comparison").rows;
    let costs: Vec<_> = rows.iter().filter(|row| row.metric == "cpu_us_per_request").collect();
    assert_eq!(costs.len(), 4);
    for row in costs {
        let (kib, Some((low, high))) = (row.payload_bytes >> 10, row.low.zip(row.high)) else {
            panic!("{row:?}")
        };
        let cost = format!("{} x {kib} KiB {:.2} [{low:.2}, {high:.2}]", row.parallel, row.ratio.unwrap());
        assert!(said.contains(&cost), "docs/performance.md says nothing of {cost}");
    }
}

#[test]
fn every_recorded_run_can_be_read_and_is_well() {
    for (id, run) in recorded() {
        assert!(!run.cells.is_empty(), "{id}: no cell");
        for cell in &run.cells {
            assert!(cell.is_well(), "{id}: {cell:?}");
        }
    }
}

#[test]
fn the_first_run_of_schema_1_is_readable_for_ever() {
    let run = Store::new(home().join("runs")).load("2026-11-22-linux-amd-epyc-1").unwrap();
    assert_eq!((run.schema, run.cells.len()), (1, 24));
    let cell = &run.cells[0];
    assert_eq!((cell.requests, cell.service_us.p99), (243_536, Some(19.951)));
    assert!(cell.open_loop.is_none() && cell.launches.is_empty() && cell.usage.both.is_none());
}
