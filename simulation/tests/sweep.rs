//! A few seeds of every scenario on every network, and what a sweep promises whatever it plays.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use listenrain_simulation::network::{self, Local};
use listenrain_simulation::scenario::{self, Scenario, Situation};
use listenrain_simulation::stack::{Library, Stack};
use listenrain_simulation::sweep;
use listenrain_simulation::sweep::{Cell, Missing, Ran, Stop, run};

use crate::faulty;
use crate::faulty::stack::Faulty;

/// How many seeds each scenario has on each network.
const SEEDS: u64 = 2;

#[test]
fn a_few_seeds_of_every_scenario_find_nothing_on_any_network() {
    // The same seeds each time: what they find was broken by the last change.
    for network in network::all() {
        for scenario in scenario::all().into_iter().filter(|scenario| scenario.applies_to(&*network)) {
            let swept =
                sweep(0..SEEDS).networks([network.clone()]).scenarios([scenario.clone()]).partial().run();
            assert_eq!(swept.runs, SEEDS);
            assert!(swept.is_good(), "{} on {}: {swept}", scenario.name, network.name());
        }
    }
}

#[test]
fn what_is_found_does_not_depend_on_how_many_jobs_look() {
    let batch = |jobs| {
        let swept = sweep(0..60).network(Local::memory()).jobs(jobs).partial().run();
        let failed: Vec<_> = swept.failures.iter().map(|failure| failure.plan.seed).collect();
        (swept.coverage.clone(), swept.calls, swept.simulated, failed)
    };
    assert_eq!(batch(1), batch(5));
}

#[test]
fn a_seed_is_played_in_the_same_place_whatever_range_it_is_part_of() {
    let plans = |seeds: std::ops::Range<u64>| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        let watch = move |ran: &Ran| noted.lock().unwrap().push(ran.plan.clone());
        let _ = sweep(seeds).network(Local::memory()).watched_by(watch).partial().run();
        let mut plans = std::mem::take(&mut *seen.lock().unwrap());
        plans.sort_by_key(|plan| plan.seed);
        plans
    };
    assert_eq!(plans(0..9)[5..], plans(5..9));
}

#[test]
fn a_failure_is_kept_with_its_smallest_plan_and_the_rest_is_counted() {
    // One that is sure to fail, in the place of the library.
    let faulty = faulty::list::all().find(|faulty| faulty.flaw == "LR03").unwrap();
    let scenario = scenario::named(faulty.scenario).unwrap();
    let swept = sweep(0..60)
        .network(Local::memory())
        .scenarios([scenario.clone()])
        .shared_stack(faulty.stack())
        .partial()
        .run();
    assert!(!swept.is_good() && swept.failed > 0);
    assert!(swept.failures.is_sorted_by_key(|failure| failure.plan.seed));
    let cell = Cell { scenario, network: network::all().swap_remove(0) };
    for failure in &swept.failures {
        let smallest = &failure.smallest.as_ref().unwrap().plan;
        assert!(smallest.faults.len() <= failure.plan.faults.len() && smallest.calls <= failure.plan.calls);
        let again = run(smallest, &cell, &faulty.stack());
        assert_eq!(again.violations, failure.smallest_violations, "{smallest}");
        let text = failure.to_string();
        assert!(text.contains(&failure.replay) && text.contains(&failure.plan.to_string()), "{text}");
    }
}

#[test]
fn what_was_enabled_and_never_happened_fails_a_batch_unless_it_is_a_part() {
    // Broken by a batch that looks only at what happened.
    const NEVER: Situation = Situation::Seen("a blue moon");
    let scenario = Scenario { situations: &[NEVER], ..Scenario::quiet("moon", "waits for what never comes") };
    let batch = sweep(0..3).network(Local::memory()).scenario(scenario);
    let whole = batch.run();
    assert_eq!((whole.failed, whole.lacks()), (0, vec![Missing::Situation("moon", NEVER)]));
    assert!(!whole.is_good() && whole.to_string().contains("the situation `a blue moon` of moon"), "{whole}");
    assert!(batch.partial().run().is_good());
}

#[test]
fn a_sweep_that_is_ended_early_says_what_it_covered() {
    let stop = Stop::default();
    let ends = stop.clone();
    let watch = move |_: &Ran| ends.set();
    let swept = sweep(0..1_000_000).network(Local::memory()).jobs(2).watched_by(watch).until(stop).run();
    assert!(swept.is_interrupted && swept.runs > 0 && swept.runs < 100, "{} runs", swept.runs);
    assert_eq!(swept.coverage.cells.values().sum::<u64>(), swept.runs);
}

#[test]
fn a_panic_that_nobody_planned_fails_the_run() {
    // In a task of the library's, where tokio catches it and nobody joins it.
    let panics = |body: bytes::Bytes| -> bytes::Bytes { panic!("over {} bytes", body.len()) };
    let protocol = |name: &str| {
        let packets = listenrain::NativePackets::default();
        listenrain::Protocol::builder(name, listenrain::RawBytes).packets(packets).build().unwrap()
    };
    let stack = Library::speaking("panics", protocol, |body| body, panics);
    let quiet = Scenario::quiet("quiet", "nothing goes wrong");
    let swept = sweep(0..1).network(Local::memory()).scenario(quiet).stack(stack).partial().run();
    let said: Vec<_> = swept.failures.iter().flat_map(|failure| &failure.violations).collect();
    assert!(said.iter().any(|said| said.contains("panicked: over ")), "{said:?}");
}

/// The library, with a client that is another one each time.
static RESTLESS: Faulty =
    Faulty::new("restless", "none", "none").client(|library, node, setup, reach, servers| {
        static CLIENTS: AtomicU64 = AtomicU64::new(0);
        node.context.note(node.who, "restless", CLIENTS.fetch_add(1, Ordering::Relaxed), 0);
        library.client(node, setup, reach, servers)
    });

#[test]
fn what_does_not_repeat_fails_and_the_first_other_event_is_named() {
    // Broken by playing once what is said to be played twice, and counting it as compared.
    let quiet = Scenario::quiet("quiet", "nothing goes wrong");
    let batch = sweep(0..1).network(Local::memory()).scenario(quiet).partial();
    let swept = batch.clone().shared_stack(RESTLESS.stack()).twice_every(1).run();
    assert_eq!((swept.compared, swept.failed), (1, 1));
    let said = &swept.failures[0].violations[0];
    assert!(
        said.contains("another run") && said.contains("restless 0 0") && said.contains("restless 1 0"),
        "{said}"
    );
    let once = batch.shared_stack(RESTLESS.stack()).twice_every(0).run();
    assert_eq!((once.compared, once.failed), (0, 0));
}
