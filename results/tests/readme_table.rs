//! The README's tables are those of recorded runs, not typed in.

use std::fs;
use std::path::Path;

use listenrain_results::{Run, Store, markdown};

const HOW_TO: &str = "record one with `cargo run -p bench-cli -- table --record`";

fn store() -> Store {
    Store::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("runs"))
}

/// Every recorded run, by its name.
fn recorded() -> Vec<(String, Run)> {
    let store = store();
    let ids = store.ids().unwrap_or_else(|error| panic!("{error}; {HOW_TO}"));
    assert!(!ids.is_empty(), "no run in results/runs; {HOW_TO}");
    ids.into_iter()
        .map(|id| {
            let run = store.load(&id).unwrap_or_else(|error| panic!("{id}: {error}"));
            (id, run)
        })
        .collect()
}

/// What README.md holds of a run.
fn block(id: &str, run: &Run) -> String {
    format!("<!-- table:{id} -->\n{}<!-- /table -->\n", markdown(run))
}

#[test]
fn every_table_in_the_readme_is_the_one_of_its_recorded_run() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).expect("README.md at the top");
    let runs = recorded();
    let parts: Vec<_> = readme.split("<!-- table").skip(1).collect();
    let blocks: String = runs.iter().map(|(id, run)| block(id, run)).collect();
    assert!(!parts.is_empty(), "README.md shows no recorded run; paste one of these:\n\n{blocks}");
    for part in parts {
        let (id, rest) = part.split_once(" -->").expect("`<!-- table:RUNID -->` is closed");
        let id = id.strip_prefix(':').unwrap_or_default();
        let Some((_, run)) = runs.iter().find(|(known, _)| known == id) else {
            panic!(
                "README.md has a table of `{id}`, which is no run in results/runs; paste one of these:\n\n{blocks}"
            );
        };
        let (table, _) = rest.split_once("<!-- /table -->").expect("a table ends with `<!-- /table -->`");
        let expected = block(id, run);
        assert!(
            table.trim() == markdown(run).trim(),
            "README.md differs from {id}; paste this:\n\n{expected}"
        );
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
