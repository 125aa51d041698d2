//! Scenarios notice what they are there for: each faulty double fails in its scenario, and the sound model passes.

use std::sync::Arc;

use listenrain_simulation::doubles::{self, Double};
use listenrain_simulation::scenario::{self, Scenario};
use listenrain_simulation::stack::Stack;
use listenrain_simulation::sweep::{Ran, run};
use listenrain_simulation::world::Local;
use listenrain_simulation::{FaultPlan, World};

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
        let ran = self.play(plan, &double.stack);
        ran.violations.iter().any(|violation| violation.contains(double.says))
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
        assert!(least.faults.len() <= FAULTS, "{}: {least}", double.name);
        let sound = bed.play(&least, &doubles::sound()).violations;
        assert!(sound.is_empty(), "the sound model in {least}: {sound:?}");
    }
}

#[test]
fn the_sound_model_passes_every_scenario_of_a_double() {
    // Broken by a model that fails for another reason than the mistake of the double.
    let mut scenarios: Vec<_> = doubles::all().iter().map(|double| double.scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    for double in doubles::all() {
        if !scenarios.contains(&double.scenario) {
            continue;
        }
        scenarios.retain(|name| *name != double.scenario);
        let bed = Bed::of(&double);
        for seed in 1..=SEEDS {
            let ran = bed.play(&bed.plan(seed), &doubles::sound());
            assert!(ran.is_good(), "{}: {:?}", ran.plan, ran.violations);
        }
    }
}
