//! Result of a batch.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::{Cell, Coverage, Failure, Missing, Ran, summary};

/// What a batch of runs found. Its text is what the tool prints.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Swept {
    /// The seeds that were asked for.
    pub seeds: Range<u64>,
    /// How many of them were played.
    pub runs: u64,
    /// How many of those were played twice, and their traces compared.
    pub compared: u64,
    /// How many failed.
    pub failed: u64,
    /// Those that failed, by seed: the first [`MOST_FAILURES`](Self::MOST_FAILURES), and of one scenario on one network the
    /// first [`MOST_OF_ONE`](Self::MOST_OF_ONE).
    pub failures: Vec<Failure>,
    /// What happened in them.
    pub coverage: Coverage,
    /// How many calls were made.
    pub calls: u64,
    /// Most bytes that one run had allocated at once; `None` without
    /// [`AllocationCounter`](crate::allocations::AllocationCounter) as the allocator.
    pub memory: Option<usize>,
    /// How long all runs lasted by their own clocks, together.
    pub simulated: Duration,
    /// How long all of it took, without the search for smaller plans.
    pub took: Duration,
    /// Whether it was ended before the last seed.
    pub is_interrupted: bool,
    /// Whether coverage is only reported.
    pub is_partial: bool,
}

impl Swept {
    /// Most failures that are kept and shrunk; more are counted.
    pub const MOST_FAILURES: usize = 20;
    /// Most failures of one scenario on one network that are kept: they are likely to be the same.
    pub const MOST_OF_ONE: usize = 3;

    pub(super) fn nothing(seeds: Range<u64>, is_partial: bool) -> Self {
        Self { seeds, is_partial, ..Self::default() }
    }

    /// One more run, in `cell`, which was played `twice`.
    pub(super) fn add(&mut self, cell: &Cell, ran: Ran, twice: bool, replay: &str) {
        let compared = ran.repeated.is_some();
        self.runs += 1;
        self.compared += u64::from(compared);
        self.calls += ran.calls as u64;
        self.memory = self.memory.max(ran.memory);
        self.simulated += ran.simulated * if compared { 2 } else { 1 };
        self.coverage.add(cell, &ran);
        if ran.is_good() {
            return;
        }
        self.failed += 1;
        self.keep(Failure::new(ran, twice, replay));
    }

    /// Keeps `failure` unless there are enough with a lower seed, whichever comes first.
    fn keep(&mut self, failure: Failure) {
        let of_one = |other: &Failure| {
            (&other.plan.scenario, &other.plan.network) == (&failure.plan.scenario, &failure.plan.network)
        };
        let same: Vec<_> = (0..self.failures.len()).filter(|at| of_one(&self.failures[*at])).collect();
        if let Some(last) = same.get(Self::MOST_OF_ONE - 1) {
            if self.failures[*last].plan.seed < failure.plan.seed {
                return;
            }
            self.failures.remove(*last);
        }
        let at = self.failures.partition_point(|other| other.plan.seed < failure.plan.seed);
        self.failures.insert(at, failure);
        self.failures.truncate(Self::MOST_FAILURES);
    }

    /// Whether no run failed and, unless the batch is [partial](super::Sweep::partial) or was interrupted, everything
    /// happened that was enabled.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.lacks().is_empty()
    }

    /// What never happened although it was enabled, where that counts.
    #[must_use]
    pub fn lacks(&self) -> Vec<Missing> {
        match self.is_partial || self.is_interrupted {
            true => Vec::new(),
            false => self.coverage.missing().collect(),
        }
    }

    /// How many seeds were played in a second of real time.
    #[must_use]
    pub fn seeds_per_second(&self) -> f64 {
        self.runs as f64 / self.took.as_secs_f64().max(1e-6)
    }

    /// How many times faster than real time the clocks of the runs went, all together.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.simulated.as_secs_f64() / self.took.as_secs_f64().max(1e-6)
    }

    /// Runs of each scenario, and on which networks.
    #[must_use]
    pub fn by_scenario(&self) -> BTreeMap<&'static str, Vec<(&str, u64)>> {
        let mut scenarios: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((scenario, network), runs) in &self.coverage.cells {
            scenarios.entry(*scenario).or_default().push((network.as_str(), *runs));
        }
        scenarios
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        summary::write(f, self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::network::Local;
    use crate::random::Random;
    use crate::scenario::Scenario;

    #[test]
    fn the_failures_that_are_kept_do_not_depend_on_which_ended_first() {
        let cells: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .map(|name| Cell {
                scenario: Arc::new(Scenario::quiet(name, "fails")),
                network: Arc::new(Local::memory()),
            })
            .into();
        let kept = |mut seeds: Vec<u64>| {
            let mut swept = Swept::nothing(0..80, true);
            let mut random = Random::new(seeds[0]);
            while !seeds.is_empty() {
                let seed = seeds.swap_remove(random.below(seeds.len()));
                let cell = &cells[seed as usize % cells.len()];
                let mut ran = Ran::nothing(cell.plan(seed));
                ran.violations.push("no".to_owned());
                swept.add(cell, ran, false, "replay");
            }
            assert_eq!(swept.failed, 80);
            swept.failures.iter().map(|failure| failure.plan.seed).collect::<Vec<_>>()
        };
        // Three rounds of eight cells, of which twenty are kept.
        let expected: Vec<_> = (0..20).collect();
        assert_eq!(kept((0..80).collect()), expected);
        assert_eq!(kept((0..80).rev().collect()), expected);
    }
}
