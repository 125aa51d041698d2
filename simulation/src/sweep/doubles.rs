//! Whether a double is caught: a faulty stack fails in its scenario, by a small plan, and a sound one does not.

use std::ops::Range;
use std::sync::Arc;

use super::{Cell, Failure, Stop, Within, run};
use crate::doubles::Double;
use crate::fault::FaultPlan;
use crate::scenario::Scenario;
use crate::world::World;

/// What became of one double.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Caught {
    /// The double.
    pub double: Double,
    /// How many runs it passed before it failed, or all of them.
    pub passed: u64,
    /// How it was caught, with the smallest plan; `None` where it was not.
    pub failure: Option<Failure>,
    /// What the sound stack is found to do wrong by the same plans. Nothing may be.
    pub sound: Vec<String>,
}

impl Caught {
    /// Most faults of the smallest plan.
    pub const MOST_FAULTS: usize = 3;

    /// What is not as it must be with it; `None` where it was caught by a small plan and the sound stack was not.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        let Double { name, scenario, says, .. } = &self.double;
        let Some(Failure { smallest: Some(smallest), smallest_violations, .. }) = &self.failure else {
            return Some(format!("{name} was not caught by {scenario} in {} runs, as `{says}`", self.passed));
        };
        if self.double.shown_by(smallest_violations).is_none() {
            return Some(format!(
                "{name} fails by its smallest plan, but not as `{says}`: {smallest_violations:?}"
            ));
        }
        let faults = smallest.plan.faults.len();
        if faults > Self::MOST_FAULTS {
            return Some(format!("{name} takes {faults} faults, at most {} are allowed", Self::MOST_FAULTS));
        }
        self.sound.first().map(|why| format!("the sound stack fails by the plan that catches {name}: {why}"))
    }
}

/// Plays `double` in `scenario`, on each world of `worlds` that it applies to, with `seeds`, until it fails as it says.
#[must_use]
pub fn catch(
    double: Double,
    scenario: &Arc<Scenario>,
    worlds: &[Arc<dyn World>],
    seeds: &Range<u64>,
    stop: &Stop,
) -> Caught {
    let mut caught = Caught { double, passed: 0, failure: None, sound: Vec::new() };
    for world in worlds.iter().filter(|world| scenario.applies_to(&***world)) {
        let cell = Cell { scenario: scenario.clone(), world: world.clone() };
        for seed in seeds.clone() {
            if stop.is_set() {
                return caught;
            }
            if try_one(&mut caught, &cell, seed, stop) {
                check_sound(&mut caught, &cell);
                return caught;
            }
            caught.passed += 1;
        }
    }
    caught
}

/// Whether the double fails with `seed`; if so, its plan is shrunk.
fn try_one(caught: &mut Caught, cell: &Cell, seed: u64, stop: &Stop) -> bool {
    let Double { name, stack, .. } = &caught.double;
    let is_it = |violations: &[String]| caught.double.shown_by(violations).is_some();
    let ran = run(&cell.plan(seed), &cell.scenario, &cell.world, stack);
    if !is_it(&ran.violations) {
        return false;
    }
    let command = format!("cargo run --release -p listenrain-simulation -- replay --double {name}");
    let mut failure = Failure::new(ran, false, &command);
    failure.shrink(cell, stack, Within::default(), stop, is_it);
    caught.failure = Some(failure);
    true
}

/// Has the sound stack play what the double failed by.
fn check_sound(caught: &mut Caught, cell: &Cell) {
    let Some(failure) = &caught.failure else { return };
    let smallest = failure.smallest.as_ref().map(|smallest| &smallest.plan);
    let sound = &caught.double.sound;
    let play = |plan: &FaultPlan| run(plan, &cell.scenario, &cell.world, sound).violations;
    caught.sound = [Some(&failure.plan), smallest].into_iter().flatten().flat_map(play).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles;
    use crate::world::Local;

    fn caught(double: Double) -> Caught {
        let scenario = crate::scenario::named(double.scenario).unwrap();
        let worlds = [Arc::new(Local::memory()) as Arc<dyn World>];
        catch(double, &scenario, &worlds, &(0..20), &Stop::default())
    }

    #[test]
    fn a_double_is_caught_and_a_stack_without_its_flaw_is_not() {
        let double = doubles::all().swap_remove(0);
        let found = caught(double.clone());
        assert_eq!(found.mistake(), None, "{found:?}");
        let replay = &found.failure.as_ref().unwrap().replay;
        assert!(replay.contains(&format!("--double {} --seed ", double.name)), "{replay}");

        let sound = Double { stack: doubles::sound(), ..double.clone() };
        let missed = caught(sound);
        assert!(missed.passed == 20 && missed.mistake().unwrap().contains("was not caught"), "{missed:?}");

        // Whatever else the scenario says of it is no catch.
        let misread = Double { says: "call # was answered, and never executed", ..double.clone() };
        let missed = caught(misread);
        assert!(missed.passed == 20 && missed.mistake().unwrap().contains("was not caught"), "{missed:?}");

        let faulty = caught(Double { sound: double.stack.clone(), ..double.clone() });
        assert!(faulty.mistake().unwrap().contains("the sound stack fails"), "{faulty:?}");
    }

    #[test]
    fn too_many_faults_are_a_mistake() {
        let mut found = caught(doubles::all().swap_remove(0));
        let fault = crate::fault::Fault::new(
            crate::fault::FaultKind::Reset,
            std::time::Duration::ZERO,
            std::time::Duration::ZERO,
        );
        let smallest = found.failure.as_mut().unwrap().smallest.as_mut().unwrap();
        smallest.plan.faults = vec![fault; 4];
        assert!(found.mistake().unwrap().contains("takes 4 faults, at most 3"), "{found:?}");
    }
}
