//! The highest rate that holds: short trials find about where it is, trials of full length confirm it.

use std::time::Duration;

use listenrain_results::{Cell, Search};

use super::judge::{Judged, judge};
use crate::judge::goals::Limit;

/// A search ends when the highest rate that holds and the lowest that does not are so near, as a share.
const NEAR: f64 = 0.03;
/// A short trial's part of the full length.
const SHORT: u32 = 4;
/// Below this share of the first bound no rate is looked for.
const LOWEST: f64 = 1.0 / 512.0;

/// What is searched for, and how long.
#[derive(Debug, Clone)]
pub(super) struct Quest<'a> {
    pub(super) slo: &'a [Limit],
    /// No rate above this is tried.
    pub(super) bound: f64,
    /// Of a trial that confirms.
    pub(super) duration: Duration,
    /// The least that a trial can be.
    pub(super) shortest: Duration,
    /// Most trials.
    pub(super) trials: u32,
    /// Points of the curve.
    pub(super) curve: u32,
}

/// What came of it, and each trial's cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) search: Search,
    pub(super) cells: Vec<Cell>,
}

impl Found {
    fn keep(&mut self, rate: f64, cell: Cell, slo: &[Limit]) -> Judged {
        let judged = judge(rate, &cell, slo);
        self.search.trials.push(judged.trial.clone());
        self.cells.push(cell);
        judged
    }
}

/// Searches with `trial`, which drives a rate for a time, and gives none when it was interrupted.
pub(super) async fn hunt(
    quest: &Quest<'_>,
    mut trial: impl AsyncFnMut(f64, Duration) -> Option<Cell>,
) -> Found {
    let mut found = Found::default();
    // Short trials: whatever they say is confirmed. Half of all at most, unless none looks well yet: those that are left
    // would confirm nothing, so they go on downwards, but for two.
    let short = (quest.duration / SHORT).max(quest.shortest).min(quest.duration);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut rate = quest.bound;
    let half = quest.trials.div_ceil(2);
    let most = |low: f64| if low > 0.0 { half } else { half.max(quest.trials.saturating_sub(2)) } as usize;
    while found.search.trials.len() < most(low) && rate >= quest.bound * LOWEST {
        let Some(cell) = trial(rate, short).await else { return found };
        match found.keep(rate, cell, quest.slo).looks_well {
            true => low = rate,
            false => high = rate,
        }
        if low >= quest.bound || high <= low * (1.0 + NEAR) {
            break;
        }
        rate = between(low, high);
    }
    if low > 0.0 {
        confirm(quest, low, &mut found, &mut trial).await;
    }
    curve(quest, &mut found, &mut trial).await;
    found
}

/// Trials of full length around `about`: from above, until one holds and one not far above it does not.
async fn confirm(
    quest: &Quest<'_>,
    about: f64,
    found: &mut Found,
    trial: &mut impl AsyncFnMut(f64, Duration) -> Option<Cell>,
) {
    let (mut low, mut high, mut step) = (0.0_f64, f64::INFINITY, NEAR);
    let mut rate = (about * (1.0 + NEAR)).min(quest.bound);
    while found.search.trials.len() < quest.trials as usize && rate >= quest.bound * LOWEST {
        let Some(cell) = trial(rate, quest.duration).await else { break };
        match found.keep(rate, cell, quest.slo).holds() {
            true => low = low.max(rate),
            false => high = high.min(rate),
        }
        if low >= quest.bound || high <= low * (1.0 + NEAR) * 1.001 {
            break;
        }
        rate = match (low > 0.0, high.is_finite()) {
            (true, false) => (low * (1.0 + 2.0 * NEAR)).min(quest.bound),
            // Nothing holds yet: a step down, and a larger one each time.
            (false, _) => {
                let down = step.min(0.5);
                step *= 2.0;
                high * (1.0 - down)
            }
            (true, true) => between(low, high),
        };
    }
    found.search.highest_rate = (low > 0.0).then_some(low);
    found.search.lowest_missed = high.is_finite().then_some(high);
}

/// Rates from 10 % to 110 % of the answer, for the curve of latency by load.
async fn curve(
    quest: &Quest<'_>,
    found: &mut Found,
    trial: &mut impl AsyncFnMut(f64, Duration) -> Option<Cell>,
) {
    let Some(answer) = found.search.highest_rate else { return };
    for point in 0..quest.curve {
        let along = if quest.curve > 1 { f64::from(point) / f64::from(quest.curve - 1) } else { 0.5 };
        let rate = answer * (0.1 + along);
        let Some(cell) = trial(rate, quest.duration).await else { return };
        found.keep(rate, cell, quest.slo);
    }
}

/// The middle, on a scale on which twice and half are equally far once both ends are known to be above 0.
fn between(low: f64, high: f64) -> f64 {
    if low > 0.0 { (low * high).sqrt() } else { high / 2.0 }
}

#[cfg(test)]
#[path = "hunt_tests.rs"]
mod tests;
