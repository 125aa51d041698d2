//! Repeats: how often each cell is launched, and in which order.

use listenrain_results::Cell;

use crate::load::CellConfig;
use crate::merge;
use crate::random::seeded;

/// How often each cell is launched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Repeat {
    /// At least so often.
    pub(crate) launches: u32,
    /// And then until half the 95 % interval is no more than this share of the mean, for throughput and CPU a request.
    pub(crate) until: Option<f64>,
    /// At most so often.
    pub(crate) most: u32,
    /// What the order is drawn from.
    pub(crate) seed: u64,
}

impl Default for Repeat {
    fn default() -> Self {
        Self { launches: 1, until: None, most: 1, seed: 0 }
    }
}

impl Repeat {
    /// Which cells of `plan` are launched in that round, in their order: those of one place, which differ in nothing but
    /// what is driven, follow one another, so that the machine's drift touches all of them. Once each, they keep their order.
    pub(crate) fn round(&self, round: u32, plan: &[CellConfig], measured: &[Vec<Vec<Cell>>]) -> Vec<usize> {
        let mut places: Vec<Vec<usize>> = Vec::new();
        for index in (0..plan.len()).filter(|index| self.wants(round, &measured[*index])) {
            match places.iter_mut().find(|place| same_place(&plan[place[0]], &plan[index])) {
                Some(place) => place.push(index),
                None => places.push(vec![index]),
            }
        }
        if self.most > 1 {
            let mut random = seeded(self.seed, &format!("round {round}"));
            random.shuffle(&mut places);
            places.iter_mut().for_each(|place| random.shuffle(place));
        }
        places.concat()
    }

    fn wants(&self, round: u32, launches: &[Vec<Cell>]) -> bool {
        if round < self.launches {
            return true;
        }
        let Some(until) = self.until.filter(|_| round < self.most) else { return false };
        let first = launches.iter().filter_map(|cells| cells.first());
        let launches: Vec<_> = first.flat_map(|cell| cell.launches.clone()).collect();
        merge::half_width(&launches).is_none_or(|got| got > until)
    }
}

/// Whether two cells differ in nothing but the stack and its protocol.
fn same_place(one: &CellConfig, other: &CellConfig) -> bool {
    CellConfig { stack: other.stack.clone(), protocol: other.protocol, ..one.clone() } == *other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Vec<CellConfig> {
        let mut plan = Vec::new();
        for parallel in [1, 4, 16, 64] {
            for stack in ["listenrain", "bare"] {
                plan.push(CellConfig { parallel, stack: stack.to_owned(), ..CellConfig::default() });
            }
        }
        plan
    }

    #[test]
    fn every_round_has_every_cell_once_with_those_of_one_place_together_and_its_order_is_the_seeds() {
        let (plan, none) = (plan(), vec![Vec::new(); 8]);
        let repeat = Repeat { launches: 5, most: 5, seed: 7, ..Repeat::default() };
        let rounds: Vec<_> = (0..5).map(|round| repeat.round(round, &plan, &none)).collect();
        for order in &rounds {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..8).collect::<Vec<_>>());
            assert!(order.chunks(2).all(|pair| pair[0] / 2 == pair[1] / 2), "{order:?}");
        }
        assert!(rounds.windows(2).any(|pair| pair[0] != pair[1]), "{rounds:?}");
        assert_eq!(repeat.round(3, &plan, &none), rounds[3]);
        assert_eq!(Repeat::default().round(0, &plan, &none), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn a_cell_is_launched_until_its_interval_is_narrow_or_as_often_as_may_be() {
        let launch = |tps| {
            vec![Cell {
                tps,
                requests: 1,
                launches: vec![listenrain_results::Launch { tps, requests: 1, ..Default::default() }],
                ..Cell::default()
            }]
        };
        let plan = plan()[..2].to_vec();
        let (narrow, wide) = ([1.0, 1.0, 1.0].map(launch).to_vec(), [1.0, 2.0, 3.0].map(launch).to_vec());
        let measured = vec![narrow, wide];
        let repeat = Repeat { launches: 3, until: Some(0.025), most: 10, seed: 1 };
        assert_eq!(repeat.round(2, &plan, &measured).len(), 2);
        assert_eq!(repeat.round(3, &plan, &measured), [1]);
        assert!(repeat.round(10, &plan, &measured).is_empty());
    }
}
