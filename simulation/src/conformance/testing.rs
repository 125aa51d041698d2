//! The body of the tests that [`conformance!`](crate::conformance!) makes.

use std::env;
use std::io::{self, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::alone::{Alone, answer};
use super::cases::cases;
use super::record::Verdict;
use super::subject::Subject;
use super::trial::{Settings, Trial};
use crate::command::this_test;
use crate::faults::Hardship;

/// Decides every random choice of a test. Without it each run of a test has another seed, which a failure names.
const SEED: &str = "LISTENRAIN_CONFORMANCE_SEED";

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
    let settings = Settings { seed: seed(), ..Settings::default() };
    let trial = Trial {
        transport: transport.to_owned(),
        make: Arc::new(make),
        case,
        hardship: under,
        replay: format!("{SEED}={} {}", settings.seed, this_test(&test)),
        alone: if is_alone { Alone::Here } else { alone(test.clone(), settings.seed) },
        settings,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime to watch from");
    let record = runtime.block_on(trial.run());
    if is_alone {
        // The process that started this one judges it.
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

/// The seed that the environment asks for, or a fresh one.
fn seed() -> u64 {
    let asked =
        env::var(SEED).ok().map(|seed| seed.parse().unwrap_or_else(|_| panic!("{SEED}={seed} is no number")));
    asked.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()))
    })
}

fn alone(test: String, seed: u64) -> Alone {
    Alone::Process(Arc::new(move |_| process(&test, seed)))
}

/// This program again, for one test.
fn process(test: &str, seed: u64) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program knows where it is"));
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .env(SEED, seed.to_string());
    command
}
