//! Blocks: in each, every value is measured once in every cell, in random order.

use fastrand::Rng;
use listenrain_results::{BlockSample, Cell};

use crate::metrics::compared;
use crate::random::seeded;

/// One launch of one value in one cell of one block.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) block: u64,
    /// Its place in the block, from 0.
    pub(super) place: u64,
    /// Which value, and in which cell.
    pub(super) value: usize,
    pub(super) at: usize,
    pub(super) cell: Cell,
}

impl Taken {
    pub(super) fn sample(&self, (parallel, payload_bytes): (u64, u64)) -> BlockSample {
        BlockSample {
            block: self.block,
            place: self.place,
            value: self.value as u64,
            parallel,
            payload_bytes,
            metrics: compared(&self.cell).map(|(name, value)| (name.to_owned(), value)).collect(),
            errors: self.cell.errors,
        }
    }
}

/// Measures `blocks` blocks of `values` values in `cells` cells, in an order drawn from `seed`: cells are shuffled, and in
/// each its values, which follow one another so that they share the machine's drift.
///
/// `measure` gives none when it was interrupted; then the last block is not whole.
pub(super) async fn run_blocks(
    [values, cells]: [usize; 2],
    blocks: u64,
    seed: u64,
    mut measure: impl AsyncFnMut(usize, usize) -> Option<Cell>,
) -> Vec<Taken> {
    let mut random = seeded(seed, "blocks");
    let mut taken: Vec<Taken> = Vec::new();
    for block in 0..blocks {
        let mut order = Vec::new();
        for at in shuffled(cells, &mut random) {
            order.extend(shuffled(values, &mut random).into_iter().map(|value| (value, at)));
        }
        for (place, (value, at)) in order.into_iter().enumerate() {
            let Some(mut cell) = measure(value, at).await else {
                return taken;
            };
            let started = taken.len() as u64;
            cell.launches.iter_mut().for_each(|launch| launch.order = started);
            taken.push(Taken { block, place: place as u64, value, at, cell });
        }
    }
    taken
}

/// Those of whole blocks, of `size` launches each: only they are compared.
pub(super) fn whole(taken: &[Taken], size: usize) -> &[Taken] {
    &taken[..taken.len() / size * size]
}

fn shuffled(count: usize, random: &mut Rng) -> Vec<usize> {
    let mut items: Vec<usize> = (0..count).collect();
    random.shuffle(&mut items);
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn run(blocks: u64, seed: u64, until: usize) -> Vec<Taken> {
        let mut calls = 0;
        let measure = async |_: usize, _: usize| {
            calls += 1;
            (calls <= until).then(Cell::default)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run_blocks([2, 3], blocks, seed, measure))
    }

    #[test]
    fn each_block_has_each_value_once_in_each_cell_side_by_side_and_its_order_is_the_seeds() {
        let taken = run(20, 1, usize::MAX);
        let order = |block: &[Taken]| block.iter().map(|one| (one.at, one.value)).collect::<Vec<_>>();
        let orders: Vec<_> = taken.chunks(6).map(order).collect();
        for order in &orders {
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 6);
            assert!(order.chunks(2).all(|pair| pair[0].0 == pair[1].0), "{order:?}");
        }
        let first = orders.iter().filter(|order| order[0].1 == 0).count();
        assert!((4..=16).contains(&first), "{first} of 20 blocks begin with the first value");
        assert!(orders.iter().map(|order| order[0].0).collect::<BTreeSet<_>>().len() == 3);
        assert_eq!(run(20, 1, usize::MAX).chunks(6).map(order).collect::<Vec<_>>(), orders);
        assert_ne!(run(20, 2, usize::MAX).chunks(6).map(order).collect::<Vec<_>>(), orders);
    }

    #[test]
    fn an_interrupt_costs_no_launch_and_whole_blocks_alone_are_compared() {
        for (launches, blocks) in [(0, 0), (5, 0), (6, 1), (17, 2)] {
            let taken = run(5, 1, launches);
            assert_eq!(taken.len(), launches);
            let whole = whole(&taken, 6);
            assert_eq!(whole.len(), blocks * 6, "after {launches} launches");
            assert!(whole.iter().all(|one| one.block < blocks as u64));
        }
    }
}
