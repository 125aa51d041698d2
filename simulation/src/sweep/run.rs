//! One run: a plan played on a world, and judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::fault::{FaultKind, FaultPlan};
use crate::oracle::judge;
use crate::panics::Panics;
use crate::scenario::{Scenario, Situation};
use crate::stack::Stack;
use crate::trace::Trace;
use crate::world::World;

/// What became of one run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ran {
    /// What was played.
    pub plan: FaultPlan,
    /// What was not as it must be; nothing, where all is well.
    pub violations: Vec<String>,
    /// What happened.
    pub trace: Trace,
    /// Which faults happened, and how often.
    pub fired: BTreeMap<FaultKind, u64>,
    /// What happened of what scenarios are there for.
    pub situations: BTreeSet<Situation>,
    /// How many calls were made.
    pub calls: usize,
    /// How long it lasted by its own clock.
    pub simulated: Duration,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Whether all is as it must be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Plays `plan` on a thread of its own, with `stack` as client and servers.
///
/// # Panics
///
/// When the system gives no thread.
#[must_use]
pub fn run(
    plan: &FaultPlan,
    scenario: &Arc<Scenario>,
    world: &Arc<dyn World>,
    stack: &Arc<dyn Stack>,
) -> Ran {
    let began = Instant::now();
    let (played, panics) = {
        let (plan, scenario) = (plan.clone(), scenario.clone());
        let (world, stack) = (world.clone(), stack.clone());
        let panics = Arc::new(Panics::default());
        let watched = panics.clone();
        // A thread of its own: what is random once a thread, such as the keys of a hash map, is fresh in each run.
        let play = thread::Builder::new().name("run".to_owned()).spawn(move || {
            watched.watch_this_thread();
            let cast = scenario.cast(&stack);
            let stage = world.play(&plan, &cast);
            let violations = judge(&stage, &scenario);
            (stage, violations)
        });
        (play.expect("a thread for a run").join(), panics)
    };
    let mut ran = match played {
        Ok((stage, violations)) => Ran {
            violations,
            trace: stage.trace(),
            fired: stage.kinds_fired(),
            situations: stage.situations(),
            calls: stage.with_history(|history| history.calls().len()),
            simulated: stage.lasted(),
            took: began.elapsed(),
            plan: plan.clone(),
        },
        Err(_) => Ran {
            violations: Vec::new(),
            trace: Trace::new(),
            fired: BTreeMap::new(),
            situations: BTreeSet::new(),
            calls: 0,
            simulated: Duration::ZERO,
            took: began.elapsed(),
            plan: plan.clone(),
        },
    };
    ran.violations.extend(panics.describe());
    ran
}

/// Plays `plan` twice; where the world is deterministic both must be the same, event by event.
#[must_use]
pub fn run_twice(
    plan: &FaultPlan,
    scenario: &Arc<Scenario>,
    world: &Arc<dyn World>,
    stack: &Arc<dyn Stack>,
) -> Ran {
    let mut first = run(plan, scenario, world, stack);
    if world.is_deterministic() {
        let second = run(plan, scenario, world, stack);
        if let Some(difference) = first.trace.first_difference(&second.trace) {
            first.violations.push(format!("the same plan gave another run: {difference}"));
        }
        first.took += second.took;
    }
    first
}
