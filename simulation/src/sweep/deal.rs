//! Assignment of seeds to scenarios and networks.

use std::sync::Arc;

use crate::faults::FaultPlan;
use crate::network::Network;
use crate::scenario::Scenario;

/// A scenario on a network that it applies to.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What is played.
    pub scenario: Arc<Scenario>,
    /// Where.
    pub network: Arc<dyn Network>,
}

impl Cell {
    /// The plan of `seed` here.
    #[must_use]
    pub fn plan(&self, seed: u64) -> FaultPlan {
        FaultPlan::draw(seed, &self.scenario, &*self.network)
    }
}

/// Deals seeds over cells in turn: a seed leads to the same cell whichever range it is part of.
#[derive(Debug, Clone)]
pub struct Deal {
    cells: Vec<Cell>,
    twice_every: u64,
}

impl Deal {
    pub(super) fn new(scenarios: &[Arc<Scenario>], networks: &[Arc<dyn Network>], twice_every: u64) -> Self {
        let on = |scenario: &Arc<Scenario>| {
            let scenario = scenario.clone();
            let apply = networks.iter().filter(|network| scenario.applies_to(&***network));
            apply
                .map(|network| Cell { scenario: scenario.clone(), network: network.clone() })
                .collect::<Vec<_>>()
        };
        Self { cells: scenarios.iter().flat_map(on).collect(), twice_every }
    }

    /// Every cell, scenario by scenario.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cell of `seed`; `None` where there are no cells.
    #[must_use]
    pub fn cell(&self, seed: u64) -> Option<&Cell> {
        self.cells.get(self.place(seed)?.1)
    }

    /// Whether `seed` is played twice. One round later it is the next cell's turn, so that none is left out even where
    /// the one number divides the other.
    #[must_use]
    pub fn is_twice(&self, seed: u64) -> bool {
        let Some((round, cell)) = self.place(seed) else { return false };
        self.twice_every > 0 && (round % self.twice_every + cell as u64).is_multiple_of(self.twice_every)
    }

    /// Which round of dealing `seed` belongs to, and which cell it leads to.
    fn place(&self, seed: u64) -> Option<(u64, usize)> {
        let cells = self.cells.len() as u64;
        Some((seed.checked_div(cells)?, usize::try_from(seed.checked_rem(cells)?).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::faults::FaultKind;
    use crate::network::Local;

    fn deal(scenarios: usize, twice_every: u64) -> Deal {
        let scenarios: Vec<_> = (0..scenarios).map(|_| Arc::new(Scenario::quiet("quiet", "quiet"))).collect();
        Deal::new(&scenarios, &[Arc::new(Local::memory())], twice_every)
    }

    #[test]
    fn scenarios_are_dealt_only_to_networks_on_which_they_can_go_wrong() {
        let partition =
            Scenario { faults: &[FaultKind::Partition], ..Scenario::quiet("partition", "no network") };
        let scenarios = [Arc::new(Scenario::quiet("quiet", "nothing")), Arc::new(partition)];
        let deal = Deal::new(&scenarios, &[Arc::new(Local::memory())], 8);
        let names: Vec<_> = deal.cells().iter().map(|cell| cell.scenario.name).collect();
        assert_eq!(names, ["quiet"]);
        assert!(Deal::new(&scenarios, &[], 8).cell(7).is_none());
    }

    #[test]
    fn one_in_so_many_is_played_twice_and_every_cell_has_its_turn() {
        // Broken by taking each k-th seed where k divides the number of cells: the same cells each time.
        for (cells, every) in [(40, 8), (39, 8), (7, 3), (1, 8), (8, 8)] {
            let deal = deal(cells, every);
            let twice: Vec<_> = (0..cells as u64 * every).filter(|seed| deal.is_twice(*seed)).collect();
            assert_eq!(twice.len(), cells, "of {cells} cells, each {every}-th");
            let reached: BTreeSet<_> = twice.iter().map(|seed| seed % cells as u64).collect();
            assert_eq!(reached.len(), cells);
        }
        assert!(!(0..100).any(|seed| deal(5, 0).is_twice(seed)));
        assert!(deal(1, 1).is_twice(u64::MAX));
    }
}
