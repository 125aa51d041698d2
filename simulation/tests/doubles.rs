//! Scenarios notice what they are there for: each faulty double fails in its scenario, and the sound model passes.

use std::collections::BTreeSet;
use std::sync::Arc;

use listenrain_simulation::doubles::{self, Double};
use listenrain_simulation::gauge::Counted;
use listenrain_simulation::scenario::{self, Scenario};
use listenrain_simulation::stack::Stack;
use listenrain_simulation::sweep::{Ran, run, run_twice};
use listenrain_simulation::world::Local;
use listenrain_simulation::{FaultPlan, World};

// Some mistakes show in memory.
#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Within how many seeds a double must be caught.
const SEEDS: u64 = 60;
/// How many faults a plan that catches a double needs, at most.
const FAULTS: usize = 3;

struct Bed {
    scenario: Arc<Scenario>,
    world: Arc<dyn World>,
}

impl Bed {
    fn of(double: &Double) -> Self {
        let scenario = scenario::named(double.scenario).unwrap_or_else(|| panic!("{double:?}"));
        Self { scenario, world: Arc::new(Local::memory()) }
    }

    fn plan(&self, seed: u64) -> FaultPlan {
        FaultPlan::draw(seed, &self.scenario, &*self.world)
    }

    fn play(&self, plan: &FaultPlan, stack: &Arc<dyn Stack>) -> Ran {
        run(plan, &self.scenario, &self.world, stack)
    }

    /// Whether `plan` shows the mistake of `double`.
    fn shows(&self, plan: &FaultPlan, double: &Double) -> bool {
        double.shown_by(&self.play(plan, &double.stack).violations).is_some()
    }

    /// `plan` without the faults that are not needed to show the mistake.
    fn shrink(&self, mut plan: FaultPlan, double: &Double) -> FaultPlan {
        let mut at = 0;
        while at < plan.faults.len() {
            let mut faults = plan.faults.clone();
            faults.remove(at);
            let fewer = plan.with_faults(faults);
            if self.shows(&fewer, double) {
                plan = fewer;
            } else {
                at += 1;
            }
        }
        plan
    }
}

#[test]
fn every_double_is_caught_by_its_scenario_with_few_faults() {
    // Broken by a scenario that never brings its situation about, and by an oracle that looks away.
    for double in doubles::all() {
        let bed = Bed::of(&double);
        let caught = (1..=SEEDS).map(|seed| bed.plan(seed)).find(|plan| bed.shows(plan, &double));
        let Some(caught) = caught else {
            panic!("{} ({}) passes {} for {SEEDS} seeds", double.name, double.flaw, double.scenario);
        };
        let least = bed.shrink(caught, &double);
        let said = bed.play(&least, &double.stack).violations;
        println!("{} ({}): {least}\n  {said:?}", double.name, double.flaw);
        assert!(
            double.shown_by(&said).is_some(),
            "{} is to be told by {:?}: {said:?}",
            double.name,
            double.says
        );
        assert!(least.faults.len() <= FAULTS, "{}: {least}", double.name);
        let sound = bed.play(&least, &double.sound).violations;
        assert!(sound.is_empty(), "the sound stack in {least}: {sound:?}");
    }
}

#[test]
fn the_sound_model_passes_every_scenario_of_a_double() {
    // Broken by a model that fails for another reason than the mistake of the double.
    let mut played = BTreeSet::new();
    for double in doubles::all() {
        // The library itself has its own tests.
        if double.flaw == "library" || !played.insert(double.scenario) {
            continue;
        }
        let bed = Bed::of(&double);
        for seed in 1..=SEEDS {
            let ran = bed.play(&bed.plan(seed), &doubles::sound());
            assert!(ran.is_good(), "{}: {:?}", ran.plan, ran.violations);
        }
    }
}

#[test]
fn a_double_does_the_same_for_the_same_plan() {
    // Broken by a model that goes by the order of a hash map, or by a clock of its own.
    for double in doubles::all() {
        let bed = Bed::of(&double);
        for stack in [&double.stack, &double.sound] {
            let ran = run_twice(&bed.plan(7), &bed.scenario, &bed.world, stack);
            let differs = ran.violations.iter().find(|violation| violation.contains("gave another run"));
            assert_eq!(differs, None, "{}", double.name);
        }
    }
}

#[test]
fn every_flaw_of_the_original_has_a_scenario_and_a_double() {
    // Broken by a flaw that is added to the list of severe ones, and not here.
    let all = doubles::all();
    for number in 1..=16 {
        let flaw = format!("LR{number:02}");
        let double = all.iter().find(|double| double.flaw == flaw).unwrap_or_else(|| panic!("{flaw}"));
        assert!(double.scenario.starts_with(&format!("lr{number:02}-")), "{flaw}: {}", double.scenario);
    }
    let names: BTreeSet<_> = all.iter().map(|double| double.name).collect();
    assert_eq!(names.len(), all.len(), "each has a name of its own");
}
