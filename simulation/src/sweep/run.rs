//! One run: a plan played on a network, and judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Cell;
use crate::allocations;
use crate::context::RunContext;
use crate::faults::{FaultKind, FaultPlan};
use crate::history::History;
use crate::network::time_limit;
use crate::oracle::judge;
use crate::panics::Panics;
use crate::scenario::{Scenario, Situation};
use crate::stack::Stack;
use crate::trace::{Event, Trace};

/// What became of one run.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Ran {
    /// What was played.
    pub plan: FaultPlan,
    /// What was not as it must be; nothing, where all is well.
    pub violations: Vec<String>,
    /// What happened.
    pub trace: Trace,
    /// The hash of the trace of the second time; `None` where it was played once.
    pub repeated: Option<u64>,
    /// Which faults happened, and how often.
    pub fired: BTreeMap<FaultKind, u64>,
    /// What happened of what scenarios are there for.
    pub situations: BTreeSet<Situation>,
    /// How many calls were made.
    pub calls: usize,
    /// How many ended in which way, by its [name](crate::history::End::name).
    pub ends: BTreeMap<&'static str, usize>,
    /// Most bytes that were allocated at once; `None` without
    /// [`AllocationCounter`](crate::allocations::AllocationCounter) as the allocator.
    pub memory: Option<usize>,
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

    /// What happened in the run of `plan` on `context`.
    fn of(plan: FaultPlan, context: &RunContext) -> Self {
        Self {
            trace: context.trace(),
            fired: context.kinds_fired(),
            situations: context.situations(),
            calls: context.with_history(|history| history.calls().len()),
            ends: context.with_history(ends),
            simulated: context.lasted(),
            ..Self::nothing(plan)
        }
    }

    /// A run of `plan` in which nothing happened.
    pub(super) fn nothing(plan: FaultPlan) -> Self {
        Self { plan, ..Self::default() }
    }
}

/// Most bytes that all parties of a run may have allocated at once, whatever a peer claims: what the simulator itself needs,
/// and several times the messages that limits let in, which also stand in buffers and on the network.
fn most_memory(scenario: &Scenario, events: u64) -> usize {
    const SIMULATOR: usize = 32 << 20;
    // A list that grows is there twice, and the larger of the two is up to half empty.
    let trace = 3 * events as usize * size_of::<Event>();
    let (request, reply) = scenario.load.largest;
    SIMULATOR + trace + 4 * scenario.server.requests.max(scenario.client.requests) * (request + reply)
}

/// Most bytes that a run may leave behind: what is set up once in a thread or a process.
const MOST_LEFT: usize = 256 << 10;

/// How long a run may take by a real clock. Those in simulated time take less than a second, those in real time a few
/// more than their own [limit](crate::network::time_limit) in the worst case; what takes longer is stuck in a loop that
/// never waits.
const STUCK_AFTER: Duration = Duration::from_secs(120);

/// Plays `plan` in `cell` on a thread of its own, with `stack` as client and servers. Where it does not end at all that is a
/// violation, and the thread is left behind.
///
/// # Panics
///
/// When the system gives no thread.
#[must_use]
pub fn run(plan: &FaultPlan, cell: &Cell, stack: &Arc<dyn Stack>) -> Ran {
    run_within(STUCK_AFTER.max(2 * time_limit(plan)), plan, cell, stack)
}

/// As [`run`], for `limit` of real time at most.
fn run_within(limit: Duration, plan: &FaultPlan, cell: &Cell, stack: &Arc<dyn Stack>) -> Ran {
    let began = Instant::now();
    let panics = Arc::new(Panics::default());
    let (tell, told) = channel();
    let play = {
        let (plan, stack, watched) = (plan.clone(), stack.clone(), panics.clone());
        let Cell { scenario, network } = cell.clone();
        move || {
            watched.watch_this_thread();
            allocations::forget_thread_peak();
            let roles = scenario.roles(&stack);
            let context = network.play(&plan, &roles);
            let memory = allocations::thread_peak();
            let mut violations = judge(&context, &scenario, &*stack);
            let most = most_memory(&scenario, context.events());
            if let Some(memory) = memory.filter(|memory| *memory > most) {
                violations.push(format!("{memory} bytes were allocated at once, at most {most} may be"));
            }
            let before = allocations::thread_live();
            let mut ran = Ran { violations, memory, ..Ran::of(plan, &context) };
            // What was noted is kept.
            let kept = before.and_then(|before| Some(allocations::thread_live()?.saturating_sub(before)));
            drop((context, roles));
            let left = kept.and_then(|kept| Some(allocations::thread_live()?.saturating_sub(kept)));
            if let Some(left) = left.filter(|left| *left > MOST_LEFT) {
                ran.violations
                    .push(format!("{left} bytes were left after the run, at most {MOST_LEFT} may be"));
            }
            // The receiver is gone where it took too long.
            let _ = tell.send(ran);
        }
    };
    // A thread of its own: what is random once a thread, such as the keys of a hash map, is fresh in each run.
    let thread = thread::Builder::new().name("run".to_owned()).spawn(play).expect("a thread for a run");
    let mut ran = Ran::nothing(plan.clone());
    match told.recv_timeout(limit) {
        Ok(told) => {
            // It may panic yet, when what belongs to the thread goes.
            let _ = thread.join();
            ran = told;
        }
        Err(RecvTimeoutError::Timeout) => {
            ran.violations.push(format!("the run had not ended after {limit:?} of real time"));
        }
        // It panicked, and what it said was noted.
        Err(RecvTimeoutError::Disconnected) => {
            let _ = thread.join();
        }
    }
    ran.violations.extend(panics.describe());
    ran.took = began.elapsed();
    ran
}

fn ends(history: &History) -> BTreeMap<&'static str, usize> {
    let ends = history.calls().values().flat_map(|call| &call.ends);
    ends.fold(BTreeMap::new(), |mut counts, (_, end)| {
        *counts.entry(end.name()).or_default() += 1;
        counts
    })
}

/// Plays `plan` in `cell` twice; where its network is deterministic both must be the same, event by event.
#[must_use]
pub fn run_twice(plan: &FaultPlan, cell: &Cell, stack: &Arc<dyn Stack>) -> Ran {
    let mut first = run(plan, cell, stack);
    if cell.network.is_deterministic() {
        let second = run(plan, cell, stack);
        first.repeated = Some(second.trace.hash());
        if let Some(difference) = first.trace.first_difference(&second.trace) {
            first.violations.push(format!("the same plan gave another run: {difference}"));
        }
        let fresh: Vec<_> =
            second.violations.into_iter().filter(|one| !first.violations.contains(one)).collect();
        first.violations.extend(fresh.into_iter().map(|one| format!("the second time: {one}")));
        first.took += second.took;
    }
    first
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::Receiver;

    use super::*;
    use crate::faults::Family;
    use crate::network::{Network, Roles};
    use crate::stack::Library;

    /// A network in which nothing ends until the test says so, or in which it panics.
    #[derive(Debug)]
    struct Odd(Option<Mutex<Receiver<()>>>);

    impl Network for Odd {
        fn name(&self) -> &str {
            "odd"
        }

        fn meaning(&self) -> &str {
            "odd"
        }

        fn families(&self) -> &[Family] {
            &[]
        }

        fn play(&self, plan: &FaultPlan, _roles: &Roles) -> RunContext {
            let Some(over) = &self.0 else { panic!("an odd network") };
            let _ = over.lock().unwrap().recv();
            RunContext::new(plan.clone(), Arc::new(|| Duration::ZERO))
        }
    }

    fn violations(odd: Odd) -> Vec<String> {
        let scenario = Arc::new(Scenario::quiet("quiet", "quiet"));
        let (cell, stack) = (Cell { scenario, network: Arc::new(odd) }, Arc::new(Library::native()));
        run_within(Duration::from_millis(100), &cell.plan(1), &cell, &(stack as Arc<dyn Stack>)).violations
    }

    #[test]
    fn a_run_that_never_ends_or_panics_is_a_violation() {
        // Broken by a sweep that waits for ever, and never says for which seed.
        let (over, wait) = channel();
        assert_eq!(
            violations(Odd(Some(Mutex::new(wait)))),
            ["the run had not ended after 100ms of real time"]
        );
        drop(over);
        let said = violations(Odd(None));
        assert!(said.len() == 1 && said[0].starts_with("panicked: an odd network at "), "{said:?}");
    }
}
