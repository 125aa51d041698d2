//! The repository keeps its shape: which room may depend on which, what lies at the top, how long a file gets, and that
//! facts which stand in two places are the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every package, and the packages of this workspace that it may depend on, in tests too.
const ROOMS: [(&str, &[&str]); 7] = [
    ("listenrain-results", &[]),
    ("listenrain", &[]),
    ("listenrain-transports", &["listenrain"]),
    ("listenrain-simulation", &["listenrain", "listenrain-transports"]),
    ("bench-load", &["listenrain-results", "listenrain", "listenrain-transports", "listenrain-simulation"]),
    ("bench-peers", &["bench-load", "listenrain"]),
    (
        "bench-cli",
        &[
            "bench-load",
            "bench-peers",
            "listenrain-results",
            "listenrain",
            "listenrain-transports",
            "listenrain-simulation",
        ],
    ),
];

/// What lies at the top of the repository, tool settings included.
const TOP: [&str; 20] = [
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "bench-cli",
    "clippy.toml",
    "deny.toml",
    "docs",
    "justfile",
    "listenrain",
    "results",
    "rustfmt.toml",
    "simulation",
    "transports",
];

/// Longest file below a `src`, in lines, its unit tests included.
const MAX_LINES: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 4] = ["utils", "helpers", "common", "misc"];

#[test]
fn no_room_depends_on_another_than_it_may_and_none_but_in_tests_on_the_model_checker() {
    // Broken by any new path dependency, a dev-dependency for one test included.
    let packages = packages();
    let names: BTreeSet<_> = packages.iter().map(name).collect();
    assert_eq!(names, ROOMS.iter().map(|(room, _)| *room).collect(), "the packages");
    for package in &packages {
        let allowed = ROOMS.iter().find(|(room, _)| *room == name(package)).unwrap().1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = name(dependency);
            let stays_inside = !names.contains(to) || to == name(package) || allowed.contains(&to);
            assert!(stays_inside, "{} must not depend on {to}", name(package));
            // The model checker's types would be in every build.
            assert!(to != "loom" || dependency["kind"] == "dev", "{} depends on loom", name(package));
        }
    }
}

#[test]
fn nothing_lies_at_the_top_but_what_belongs_there() {
    let allowed: BTreeSet<_> = TOP.into_iter().collect();
    let there = tracked();
    let top = there.iter().map(|path| path.split('/').next().unwrap());
    let strays: BTreeSet<_> = top.filter(|name| !allowed.contains(name)).collect();
    assert!(strays.is_empty(), "{strays:?} should lie in a room");
}

#[test]
fn a_source_file_is_short_and_its_name_says_what_it_is() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{path} has {lines} lines, allowed are {MAX_LINES}");
        let path = Path::new(&path);
        let parts = [path.file_stem(), path.parent().and_then(Path::file_name)];
        let says_nothing =
            parts.into_iter().flatten().any(|part| EMPTY_NAMES.iter().any(|name| part == *name));
        assert!(!says_nothing, "{} says nothing by its name", path.display());
    }
}

#[test]
fn the_packet_header_in_the_architecture_page_is_the_one_in_the_code() {
    let code = fs::read_to_string(root().join("listenrain/src/packet/native.rs")).unwrap();
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table: Vec<_> = code.lines().filter_map(|line| line.strip_prefix("/// |")).collect();
    assert!(table.len() > 3, "the table of native.rs");
    assert!(page.contains(&format!("|{}\n", table.join("\n|"))), "ARCHITECTURE.md has another table");
}

#[test]
fn every_file_that_the_architecture_page_names_is_there_and_every_test_in_it() {
    // Broken by a file that is renamed or split, and stays on the map.
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (files, mut named) = (rust_files(""), 0);
    for word in page.split('`').skip(1).step_by(2) {
        let (file, test) = word.split_once(".rs::").map_or((word, None), |(file, test)| (file, Some(test)));
        let file = file.strip_suffix(".rs").unwrap_or(file);
        let is_path = |c: char| c.is_ascii_lowercase() || "_/-".contains(c);
        if (!word.ends_with(".rs") && test.is_none()) || !file.chars().all(is_path) {
            continue;
        }
        let ending = format!("/{file}.rs");
        let found: Vec<_> = files.iter().filter(|path| path.ends_with(&ending)).collect();
        assert!(!found.is_empty(), "there is no file {file}.rs");
        let has_it = |test: &str| {
            let is_in = |path: &&String| fs::read_to_string(path).unwrap().contains(test);
            found.iter().any(is_in)
        };
        assert!(test.is_none_or(|test| has_it(&format!("fn {test}("))), "there is no test {word}");
        named += 1;
    }
    assert!(named > 50, "{named} files");
}

#[test]
fn the_page_about_writing_a_transport_shows_the_example_in_under_150_lines() {
    // Broken by an example that is changed, and a page that stays.
    let page = fs::read_to_string(root().join("docs/write-a-transport.md")).unwrap();
    let example = fs::read_to_string(root().join("bench-cli/examples/custom_transport.rs")).unwrap();
    let blocks: Vec<_> =
        page.split("```rust\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 3, "{} blocks", blocks.len());
    let mut rest = &example[..];
    for block in blocks {
        rest = rest
            .split_once(block)
            .unwrap_or_else(|| panic!("not in the example, or not behind what is above it:\n{block}"))
            .1;
    }
    assert!(page.lines().count() < 150, "{} lines", page.lines().count());
}

#[test]
fn the_page_about_dependencies_lists_those_of_the_manifests() {
    // Broken by a dependency that is added, dropped or moved into tests without a word about it.
    let page = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<_> = rows
        .flat_map(|row| {
            let mut cells = row.split(" | ");
            let name = cells.next().unwrap().trim_end_matches('`');
            cells.next().unwrap().split(", ").map(move |user| format!("{name}: {user}"))
        })
        .collect();
    let packages = packages();
    let rooms: BTreeSet<_> = packages.iter().map(name).collect();
    let mut used = BTreeSet::new();
    for package in &packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().strip_prefix(root().canonicalize().unwrap()).unwrap();
        let folder = folder.to_str().unwrap();
        let dependencies = package["dependencies"].as_array().unwrap();
        let is_in_tests = |dependency: &&Value| dependency["kind"] == "dev";
        let shipped: BTreeSet<_> = dependencies.iter().filter(|one| !is_in_tests(one)).map(name).collect();
        for dependency in dependencies.iter().map(name).filter(|dependency| !rooms.contains(dependency)) {
            let only_in_tests = if shipped.contains(dependency) { "" } else { " (tests)" };
            used.insert(format!("{dependency}: `{folder}`{only_in_tests}"));
        }
    }
    assert_eq!(listed, used, "docs/dependencies.md, then the manifests");
}

#[test]
fn the_readme_names_the_oldest_rust_that_the_manifest_allows() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for package in &packages() {
        let rust = package["rust_version"].as_str().unwrap();
        assert!(readme.contains(&format!("Rust {rust} or later")), "README.md, {rust}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Every file that git knows of; without git, every file but what building leaves behind.
fn tracked() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output();
    match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
        }
        _ => {
            let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
            let names = entries.map(|name| name.to_string_lossy().into_owned());
            names.filter(|name| !["target", ".git"].contains(&name.as_str())).collect()
        }
    }
}

/// Every Rust file below the `src` of a room.
fn sources() -> Vec<String> {
    rust_files("src")
}

/// Every Rust file below this folder of a room.
fn rust_files(below: &str) -> Vec<String> {
    let mut sources = Vec::new();
    for package in &packages() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let mut folders = vec![manifest.parent().unwrap().join(below)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources.push(path.to_string_lossy().into_owned());
                }
            }
        }
    }
    assert!(sources.len() > 5, "the sources were not found");
    sources
}
