//! The cases of the kit catch what is broken: each broken transport is caught by the case that is there for it, for the
//! reason that it names, and the sound ones that they are built upon are not.

use std::sync::Mutex;
use std::thread;

use listenrain_simulation::conformance::{Record, Verdict, cases};
use serde_json::Value;

use crate::broken::fixture::Fixture;
use crate::broken::fixtures::{SOUND, fixtures};
use crate::program::broken_tool;

/// Processes at once. Most of those that take long only wait.
const AT_ONCE: usize = 6;

/// What the cases say of the transport `name`, at an eighth of their full sizes.
fn records(name: &str, cases: &str) -> Vec<Record> {
    let line = format!("conformance --hardship none --smaller 8 --json - --transport {name} --case {cases}");
    let output = broken_tool(&line).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{name}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_value(report["records"].clone()).unwrap()
}

/// What is wrong with how the case has judged `fixture`, if anything is.
fn mistake(fixture: &Fixture) -> Option<String> {
    let records = records(fixture.name, fixture.case);
    let [record] = &records[..] else { return Some(format!("{} records", records.len())) };
    judge(fixture, record.verdict, record.reason.as_deref().unwrap_or_default())
}

fn judge(fixture: &Fixture, verdict: Verdict, reason: &str) -> Option<String> {
    // Behind it stand roles, the seed and how to run it again.
    let alone = reason.rsplit_once(" [").map_or(reason, |(alone, _)| alone);
    let is_caught = verdict == fixture.verdict && alone.contains(fixture.reason);
    (!is_caught).then(|| {
        let Fixture { name, case, verdict: due, reason: words, .. } = fixture;
        format!("{name}: {case} should end as {due} with {words:?}, and is {verdict}: {alone}")
    })
}

#[test]
fn every_broken_transport_is_caught_by_its_case_for_its_reason() {
    // Broken by a case that lets one pass, or that fails or hangs for another reason.
    let (left, mistakes) = (Mutex::new(fixtures()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(fixture) = left.lock().unwrap().next() else { return };
                    mistakes.lock().unwrap().extend(mistake(fixture));
                }
            });
        }
    });
    let mistakes = mistakes.into_inner().unwrap();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    println!("{} broken transports caught, each by its own case", fixtures().count());
}

#[test]
fn the_sound_transports_that_they_are_built_upon_pass_every_case() {
    // Broken by a case that catches something else than what is broken.
    for (name, cases, _) in SOUND {
        let records = records(name, cases);
        let bad: Vec<_> = records.iter().filter(|record| record.verdict.is_bad()).collect();
        assert!(bad.is_empty() && records.len() > if cases == "*" { 60 } else { 10 }, "{name}: {bad:#?}");
    }
}

#[test]
fn every_case_has_a_broken_transport_and_every_reason_tells_it_apart() {
    // Broken by a case that nothing can fail, and by words that any failure would have.
    for case in cases() {
        assert!(fixtures().any(|fixture| fixture.case == case.id), "nothing can fail {}", case.id);
    }
    let ids: Vec<_> = fixtures().map(|fixture| fixture.case).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| cases().any(|case| case.id == *id)), "{ids:?}");
    for fixture in fixtures() {
        let named = fixtures().filter(|other| other.name == fixture.name).count();
        assert!(named == 1 && fixture.reason.len() >= 10, "{}: {:?}", fixture.name, fixture.reason);
    }
}

#[test]
fn a_case_that_ends_otherwise_has_not_caught_it() {
    // Broken by a judge to whom any failure will do, or a hang.
    let caught = |name: &str, verdict, reason: &str| {
        let fixture = fixtures().find(|fixture| fixture.name == name).unwrap();
        judge(fixture, verdict, &format!("{reason} [near-dials, seed 1; again: cargo run --case B01]"))
            .is_none()
    };
    let missing = "those belong at 100001: 1 missing";
    assert!(caught("drops-a-byte", Verdict::Fail, missing));
    assert!(!caught("drops-a-byte", Verdict::Fail, "the dial was refused"));
    assert!(!caught("drops-a-byte", Verdict::Timeout, missing));
    assert!(!caught("drops-a-byte", Verdict::Pass, ""));
    assert!(caught("ends-once", Verdict::Timeout, "an accepted end reads (after 10 bytes)"));
    assert!(!caught("ends-once", Verdict::Fail, "an accepted end reads (after 10 bytes)"));
}
