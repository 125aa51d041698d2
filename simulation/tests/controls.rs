//! Every negative control is caught by the case that is there for it, for its own reason, and a sound transport by none.

use std::process::Command;

use listenrain_simulation::conformance::controls::{Symptom, controls};

#[test]
fn every_control_is_caught_by_its_own_case_and_told_from_the_others() {
    // Broken by a case that lets its control pass or fails for another reason, by two controls that only the same case
    // catches, and by a case that catches the sound transport which all of them are built upon: the tool judges all of it.
    let output = Command::new(env!("CARGO_BIN_EXE_listenrain-simulation"))
        .args(["conformance", "--negative-controls"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let count = controls().count();
    assert!(told.contains(&format!("{count} of {count} caught, each by its own case")), "{told}");
    for control in controls() {
        let mut lines = told.lines().skip_while(|line| line.split(' ').next() != Some(control.name));
        let words: Vec<_> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(words[1..3], [control.case, control.case], "{}", control.name);
        // What the tool has compared, compared once more: the verdict and what the case says.
        let says = lines.nth(1).unwrap().trim_start();
        let (verdict, words) = match control.symptom {
            Symptom::Fails(words) => ("FAIL", words),
            Symptom::Hangs(words) => ("timeout", words),
            other => panic!("{} {other}", control.name),
        };
        let reason = says.strip_prefix(&format!("{} {verdict}: ", control.case));
        assert!(reason.is_some_and(|reason| reason.contains(words)), "{}: {says}", control.name);
    }
}
