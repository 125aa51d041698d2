//! The README's tables are those of recorded runs, not typed in.

use std::fs;
use std::path::Path;

use listenrain_results::{Store, markdown};

#[test]
fn every_table_in_the_readme_is_the_one_of_its_recorded_run() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(readme) = fs::read_to_string(results.join("../README.md")) else {
        return;
    };
    let store = Store::new(results.join("runs"));
    for part in readme.split("<!-- table:").skip(1) {
        let (id, rest) = part.split_once(" -->").expect("`<!-- table:RUNID -->` is closed");
        let (table, _) = rest.split_once("<!-- /table -->").expect("a table ends with `<!-- /table -->`");
        let run = store.load(id).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(table.trim(), markdown(&run).trim(), "the README's table of {id}");
    }
}

#[test]
fn every_recorded_run_can_be_read() {
    let store = Store::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("runs"));
    for id in store.ids().unwrap_or_default() {
        store.load(&id).unwrap_or_else(|error| panic!("{id}: {error}"));
    }
}
