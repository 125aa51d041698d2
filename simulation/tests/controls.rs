//! Every negative control is caught by the case that is there for it, and a sound transport by none.

use std::process::Command;

use listenrain_simulation::conformance::controls::controls;

#[test]
fn every_control_is_caught_by_its_own_case_and_told_from_the_others() {
    // Broken by a case that lets its control pass, by two controls that only the same case catches, and by a case that
    // catches the sound transport which all of them are built upon: the tool judges all three.
    let output = Command::new(env!("CARGO_BIN_EXE_listenrain-simulation"))
        .args(["conformance", "--negative-controls"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let count = controls().count();
    assert!(told.contains(&format!("{count} of {count} caught, each by its own case")), "{told}");
    for control in controls() {
        let line = told.lines().find(|line| line.starts_with(control.name)).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[1..3], [control.case, control.case], "{line}");
    }
}
