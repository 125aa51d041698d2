//! The example that puts a user's transport and protocol through scenarios is run, and stays short.

use std::fs;
use std::path::Path;

#[allow(dead_code, reason = "an example has a main of its own, which is called here")]
#[path = "../examples/own_sweep/main.rs"]
mod example;

#[test]
fn the_example_finds_nothing_and_takes_under_fifty_lines() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own_sweep/main.rs");
    let lines = fs::read_to_string(file).unwrap().lines().count();
    assert!(lines < 50, "{lines} lines");
    assert_eq!(format!("{:?}", example::main()), format!("{:?}", std::process::ExitCode::SUCCESS));
}
