//! Coverage of a batch of runs.

use std::collections::BTreeMap;
use std::fmt;

use super::{Cell, Ran};
use crate::faults::FaultKind;
use crate::scenario::Situation;

/// In how many runs something could have happened, and in how many it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Covered {
    /// Runs in which it could happen: those whose plan has the fault, or that played the scenario where it can come
    /// about.
    pub possible: u64,
    /// Runs in which it did.
    pub happened: u64,
}

impl Covered {
    fn add(&mut self, happened: bool) {
        self.possible += 1;
        self.happened += u64::from(happened);
    }
}

/// What was enabled in a batch and never happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// A kind of fault that stood in plans.
    Fault(FaultKind),
    /// A situation that a scenario is there for.
    Situation(&'static str, Situation),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(kind) => write!(f, "the fault {kind}"),
            Self::Situation(scenario, situation) => write!(f, "the situation `{situation}` of {scenario}"),
        }
    }
}

/// What a batch of runs covered. The order of the runs makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Coverage {
    /// The kinds of fault that stood in plans.
    pub faults: BTreeMap<FaultKind, Covered>,
    /// The situations of the scenarios that were played, where they could come about.
    pub situations: BTreeMap<(&'static str, Situation), Covered>,
    /// Runs of each scenario on each network.
    pub cells: BTreeMap<(&'static str, String), u64>,
    /// Runs whose plan had no fault.
    pub quiet: u64,
    /// Runs whose plan had a single one.
    pub single: u64,
}

impl Coverage {
    /// Nothing has happened yet of what can in these cells.
    pub(super) fn of(cells: &[Cell]) -> Self {
        let mut coverage = Self::default();
        for Cell { scenario, network } in cells {
            coverage.faults.extend(scenario.faults_on(&**network).map(|kind| (kind, Covered::default())));
            let situations = scenario.situations_on(&**network);
            coverage.situations.extend(situations.map(|what| ((scenario.name, what), Covered::default())));
        }
        coverage
    }

    /// One more run, in `cell`.
    pub(super) fn add(&mut self, cell: &Cell, ran: &Ran) {
        let scenario = cell.scenario.name;
        *self.cells.entry((scenario, cell.network.name().to_owned())).or_default() += 1;
        match ran.plan.faults.len() {
            0 => self.quiet += 1,
            1 => self.single += 1,
            _ => {}
        }
        let mut kinds: Vec<_> = ran.plan.faults.iter().map(|fault| fault.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            self.faults.entry(kind).or_default().add(ran.fired.contains_key(&kind));
        }
        for situation in cell.scenario.situations_on(&*cell.network) {
            let covered = self.situations.entry((scenario, situation)).or_default();
            covered.add(ran.situations.contains(&situation));
        }
    }

    /// What could have happened, and never did.
    pub fn missing(&self) -> impl Iterator<Item = Missing> + '_ {
        let never = |covered: &Covered| covered.happened == 0;
        let faults = self.faults.iter().filter(move |(_, covered)| never(covered));
        let situations = self.situations.iter().filter(move |(_, covered)| never(covered));
        faults
            .map(|(kind, _)| Missing::Fault(*kind))
            .chain(situations.map(|((scenario, what), _)| Missing::Situation(scenario, *what)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::faults::{Fault, FaultPlan};
    use crate::network::Local;
    use crate::scenario::{Scenario, When};

    const RESET: Situation = Situation::Fault(FaultKind::Reset, When::CallsInFlight);

    fn cell() -> Cell {
        const ELSEWHERE: Situation = Situation::Fault(FaultKind::Partition, When::CallsInFlight);
        let scenario = Scenario { situations: &[RESET, ELSEWHERE], ..Scenario::quiet("one", "one") };
        Cell { scenario: Arc::new(scenario), network: Arc::new(Local::memory()) }
    }

    fn ran(enabled: &[FaultKind], fired: &[FaultKind], seen: &[Situation]) -> Ran {
        let fault = |kind: &FaultKind| Fault::new(*kind, Duration::ZERO, Duration::ZERO);
        let plan = FaultPlan { faults: enabled.iter().map(fault).collect(), ..cell().plan(0) };
        let mut ran = Ran::nothing(plan);
        ran.fired = fired.iter().map(|kind| (*kind, 1)).collect();
        ran.situations = seen.iter().copied().collect();
        ran
    }

    #[test]
    fn what_a_cell_enables_is_missing_until_it_happens_though_no_plan_had_it() {
        // Broken by asking only for what was drawn: a batch of one run would be complete.
        let scenario = Scenario { faults: &[FaultKind::Eof], ..(*cell().scenario).clone() };
        let cell = Cell { scenario: Arc::new(scenario), ..cell() };
        let mut coverage = Coverage::of(std::slice::from_ref(&cell));
        let both = [Missing::Fault(FaultKind::Eof), Missing::Situation("one", RESET)];
        assert_eq!(coverage.missing().collect::<Vec<_>>(), both);
        coverage.add(&cell, &ran(&[FaultKind::Eof], &[FaultKind::Eof], &[RESET]));
        assert_eq!(coverage.missing().count(), 0);
    }

    #[test]
    fn what_was_enabled_and_never_happened_is_missing() {
        let mut coverage = Coverage::default();
        let (reset, eof) = (FaultKind::Reset, FaultKind::Eof);
        coverage.add(&cell(), &ran(&[reset, reset, eof], &[reset], &[]));
        coverage.add(&cell(), &ran(&[], &[], &[]));
        let missing: Vec<_> = coverage.missing().collect();
        // A partition cannot come about in memory, and is not asked for.
        assert_eq!(missing, [Missing::Fault(eof), Missing::Situation("one", RESET)]);
        assert_eq!(coverage.faults[&reset], Covered { possible: 1, happened: 1 });
        assert_eq!(missing[1].to_string(), "the situation `reset with calls in flight` of one");
        coverage.add(&cell(), &ran(&[eof], &[eof], &[RESET]));
        assert_eq!(coverage.missing().count(), 0);
        assert_eq!((coverage.quiet, coverage.single), (1, 1));
    }
}
