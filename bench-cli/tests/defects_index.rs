//! docs/measuring.md names a test for every defect of other tools, and every test that it names is there.

use std::fs;
use std::path::{Path, PathBuf};

const DEFECTS: usize = 19;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Number and last column of each row of the table of defects.
fn rows() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/measuring.md")).unwrap();
    let (_, table) = page.split_once("| # | what goes wrong |").expect("the table of defects");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "{row}");
        assert!(!cells[2].is_empty() && !cells[3].is_empty(), "{row}");
        (cells[1].to_owned(), cells[4].to_owned())
    })
    .collect()
}

/// Whether `source` has a test `name` that runs with all others.
fn has_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    // What stands between the end of the item before and this one, comments left out.
    let above = before.rsplit(['}', ';', '{']).next().unwrap_or_default();
    let above: Vec<_> = above.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    let is = |attribute: &str| above.iter().any(|line| line.starts_with(attribute));
    (is("#[test]") || is("#[tokio::test")) && !is("#[ignore")
}

#[test]
fn every_defect_has_its_test_and_it_is_there() {
    let rows = rows();
    let numbers: Vec<_> = rows.iter().map(|(number, _)| number.clone()).collect();
    assert_eq!(numbers, (1..=DEFECTS).map(|number| number.to_string()).collect::<Vec<_>>());
    for (number, held) in &rows {
        let test = held.strip_prefix('`').and_then(|held| held.strip_suffix('`'));
        let (file, name) =
            test.and_then(|test| test.split_once("::")).unwrap_or_else(|| panic!("{number}: {held}"));
        let source =
            fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{number}: {file}: {error}"));
        assert!(has_test(&source, name), "{number}: {file} has no test {name}");
    }
    let tests: std::collections::BTreeSet<_> = rows.iter().map(|(_, held)| held).collect();
    assert_eq!(tests.len(), DEFECTS, "each has a test of its own");
}

#[test]
fn only_what_runs_counts_as_a_test() {
    assert!(has_test("fn a() {}\n\n#[test]\nfn b() {}\n", "b"));
    assert!(has_test("#[tokio::test(start_paused = true)]\nasync fn b() {}\n", "b"));
    assert!(!has_test("#[test]\nfn a() {}\n\nfn b() {}\n", "b"));
    assert!(!has_test("#[test]\n#[ignore]\nfn b() {}\n", "b"));
    assert!(!has_test("// #[test]\nfn b() {}\n", "b"));
}
