//! What a test that [`conformance!`](crate::conformance!) made does.

use std::env;
use std::io::{self, Write};
use std::process::Command;
use std::sync::Arc;

use super::alone::{Alone, answer};
use super::cases::cases;
use super::record::Verdict;
use super::subject::Subject;
use super::trial::{Settings, Trial};
use crate::command::this_test;
use crate::hardship::Hardship;

/// Set in a process that was started for one test alone.
const ALONE: &str = "LISTENRAIN_CONFORMANCE_ALONE";

/// Runs the case called `case` under the hardship called `hardship`, or `none`, on what `make` makes, and panics unless it
/// passes or is skipped. `path` is the test's module and name.
///
/// # Panics
///
/// With the reason, when the transport does not pass; and when there is no such case or hardship.
pub fn check(transport: &str, path: &str, case: &str, hardship: &str, make: fn() -> Subject) {
    // The test's name for its harness has no crate in front.
    let test = path.split_once("::").map_or(path, |(_, test)| test).to_owned();
    let found = cases().find(|known| known.test_name() == case);
    let case = found.unwrap_or_else(|| panic!("no case is called {case}"));
    let under = Hardship::named(&hardship.replace('_', "-"));
    assert!(under.is_some() || hardship == "none", "no hardship is called {hardship}");
    let is_alone = env::var_os(ALONE).is_some();
    let trial = Trial {
        transport: transport.to_owned(),
        make: Arc::new(make),
        case,
        hardship: under,
        settings: Settings::default(),
        replay: this_test(&test),
        alone: if is_alone { Alone::Here } else { alone(test.clone()) },
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime to watch from");
    let record = runtime.block_on(trial.run());
    if is_alone {
        // Whoever started this process judges it.
        println!("{}", answer(&record));
        return;
    }
    record.notes.iter().for_each(|note| println!("note: {note}"));
    let reason = record.reason.unwrap_or_default();
    match record.verdict {
        Verdict::Pass => {}
        // Past the test harness, which keeps what a test prints to itself as long as it passes.
        Verdict::Skipped => {
            let _ = writeln!(io::stderr(), "skipped: {test} on {transport}: {reason}");
        }
        verdict => panic!("{verdict}: {} {}: {reason}\nthe rule: {}", case.id, case.name, case.checks),
    }
}

fn alone(test: String) -> Alone {
    Alone::Process(Arc::new(move |_| process(&test)))
}

/// This program again, for one test.
fn process(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program knows where it is"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    command
}
