//! `docs/flaws.md` names a test for every flaw of the original, and every test that it names is there.

use std::collections::BTreeMap;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// The last column of each row, by id.
fn table() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("docs/flaws.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| LR"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (cells[1].to_owned(), cells[3].to_owned())
    })
    .collect()
}

/// Whether `file` has a test `name` whose first comment cites `id`.
fn cites(file: &str, name: &str, id: &str) -> bool {
    let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let Some((before, body)) = source.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    let comment = body.lines().nth(1).map(str::trim).unwrap_or_default();
    let ids = comment.strip_prefix("//").and_then(|comment| comment.split_once(':'));
    let is_test = attributes.contains("test") || before.contains("proptest!");
    is_test && ids.is_some_and(|(ids, _)| ids.split(',').any(|other| other.trim() == id))
}

#[test]
fn every_flaw_has_its_tests_and_they_are_there() {
    let table = table();
    for number in 1..=40 {
        let id = format!("LR{number:02}");
        let held = table.get(&id).unwrap_or_else(|| panic!("{id} is not in the table"));
        for test in held.split("<br>") {
            let (file, name) =
                test.trim_matches('`').split_once("::").unwrap_or_else(|| panic!("{id}: {test}"));
            assert!(cites(file, name, &id), "{id}: {file} has no test {name} that cites it");
        }
    }
    assert_eq!(table.len(), 40);
}
