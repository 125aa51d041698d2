//! Scenarios notice what they are there for: each faulty stack, which is the library with one mistake around it, fails in its
//! scenario for the reason that it names, by a plan of few faults which the library itself passes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;

use listenrain_simulation::FaultPlan;
use listenrain_simulation::network::Local;
use listenrain_simulation::scenario;
use listenrain_simulation::stack::{Library, Stack};
use listenrain_simulation::sweep::{Cell, run, run_twice};

use crate::faulty::list;
use crate::faulty::stack::Faulty;

/// Within how many seeds a mistake must be noticed.
const SEEDS: u64 = 60;
/// How many faults a plan that shows it needs, at most.
const FAULTS: usize = 3;

/// Where the mistake of `faulty` must show.
fn cell(faulty: &Faulty) -> Cell {
    let scenario = scenario::named(faulty.scenario).unwrap_or_else(|| panic!("{faulty:?}"));
    Cell { scenario, network: Arc::new(Local::memory()) }
}

/// `plan` without the faults that are not needed to show the mistake.
fn shrink(mut plan: FaultPlan, shows: impl Fn(&FaultPlan) -> bool) -> FaultPlan {
    let mut at = 0;
    while at < plan.faults.len() {
        let mut faults = plan.faults.clone();
        faults.remove(at);
        let fewer = plan.with_faults(faults);
        if shows(&fewer) {
            plan = fewer;
        } else {
            at += 1;
        }
    }
    plan
}

/// What is wrong with how the scenario has judged `faulty`, if anything is.
fn mistake(faulty: &'static Faulty) -> Option<String> {
    let (cell, stack) = (cell(faulty), faulty.stack());
    let shows = |plan: &FaultPlan| faulty.shown_by(&run(plan, &cell, &stack).violations).is_some();
    let Some(caught) = (1..=SEEDS).map(|seed| cell.plan(seed)).find(shows) else {
        let said = (1..=SEEDS).flat_map(|seed| run(&cell.plan(seed), &cell, &stack).violations);
        let said: BTreeSet<_> = said.take(20).collect();
        return Some(format!(
            "{faulty:?} passes {} for {SEEDS} seeds, which say: {said:#?}",
            faulty.scenario
        ));
    };
    let least = shrink(caught, shows);
    println!("{faulty:?}: {least}");
    if least.faults.len() > FAULTS {
        return Some(format!("{faulty:?} takes {} faults, at most {FAULTS} are allowed", least.faults.len()));
    }
    let sound = run(&least, &cell, &sound()).violations;
    (!sound.is_empty()).then(|| format!("the library fails by what shows {faulty:?}: {sound:?}"))
}

fn sound() -> Arc<dyn Stack> {
    Arc::new(Library::native())
}

#[test]
fn every_faulty_stack_is_noticed_by_its_scenario_with_few_faults() {
    // Broken by a scenario that never brings its situation about, and by an oracle that looks away.
    let (left, mistakes) = (Mutex::new(list::all()), Mutex::new(Vec::new()));
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let Some(faulty) = left.lock().unwrap().next() else { return };
                    mistakes.lock().unwrap().extend(mistake(faulty));
                }
            });
        }
    });
    let mistakes = mistakes.into_inner().unwrap();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    println!("{} faulty stacks noticed, each by a plan of at most {FAULTS} faults", list::all().count());
}

#[test]
fn what_else_a_scenario_says_is_no_reason() {
    // Broken by a comparison to which any violation will do.
    let faulty = list::all().next().unwrap();
    let said = ["call 7 was answered, and never executed".to_owned()];
    assert_eq!(faulty.shown_by(&said), None);
    let cell = cell(faulty);
    assert!((1..=20).all(|seed| run(&cell.plan(seed), &cell, &sound()).is_good()));
}

#[test]
fn a_faulty_stack_does_the_same_for_the_same_plan() {
    // Broken by a wrapper that goes by the order of a hash map, or by a clock of its own.
    for faulty in list::all() {
        let cell = cell(faulty);
        let ran = run_twice(&cell.plan(7), &cell, &faulty.stack());
        let differs = ran.violations.iter().find(|violation| violation.contains("gave another run"));
        assert_eq!(differs, None, "{faulty:?}");
    }
}

#[test]
fn every_flaw_of_the_original_has_a_scenario_and_a_faulty_stack() {
    // Broken by a flaw that is added to the list of severe ones, and not here.
    for number in 1..=16 {
        let flaw = format!("LR{number:02}");
        let faulty = list::all().find(|faulty| faulty.flaw == flaw).unwrap_or_else(|| panic!("{flaw}"));
        assert!(faulty.scenario.starts_with(&format!("lr{number:02}-")), "{flaw}: {}", faulty.scenario);
    }
    let names: BTreeSet<_> = list::all().map(|faulty| faulty.name).collect();
    assert!(names.len() == list::all().count() && names.len() >= 30, "each has a name of its own");
    assert!(list::all().all(|faulty| faulty.says.len() > 10), "each names a reason");
}
