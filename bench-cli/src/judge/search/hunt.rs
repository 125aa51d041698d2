//! The search for the highest rate: short trials find about where it is, trials of full length confirm it.

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
mod tests {
    use std::time::Duration;

    use super::super::judge::MISSED;
    use super::*;
    use crate::histogram::{Distribution, to_text};
    use crate::judge::goals::{SERVICE, limits};
    use crate::random::seeded;
    use fastrand::Rng;

    /// A server that answers at random, `capacity` a second on average, one at a time: M/M/1. Its response times are
    /// exponential of rate `capacity - rate`, so it has a quantile q at -ln(1 - q) / (capacity - rate).
    struct Server {
        capacity: f64,
        random: Rng,
        tried: Vec<(f64, Duration)>,
    }

    impl Server {
        fn new(capacity: f64) -> Self {
            Self { capacity, random: seeded(11, "server"), tried: Vec::new() }
        }

        fn drive(&mut self, rate: f64, duration: Duration) -> Cell {
            self.tried.push((rate, duration));
            let mut times = Distribution::default();
            let requests = (rate * duration.as_secs_f64()) as u64;
            for _ in 0..requests {
                let seconds = match self.capacity - rate {
                    spare if spare > 0.0 => -(1.0 - self.random.f64()).ln() / spare,
                    _ => 10.0,
                };
                times.record((seconds * 1e9) as u64, 1);
            }
            let mut cell = Cell { requests, tps: rate, response_us: Some(times.times()), ..Cell::default() };
            cell.histograms.response = Some(to_text(&times.counts));
            cell
        }
    }

    fn search(
        slo: &str,
        bound: f64,
        [trials, curve]: [u32; 2],
        mut drive: impl FnMut(f64, Duration) -> Option<Cell>,
    ) -> Found {
        let slo = limits(slo, &SERVICE).unwrap();
        let quest = Quest {
            slo: &slo,
            bound,
            duration: Duration::from_secs(20),
            shortest: Duration::from_secs(1),
            trials,
            curve,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(hunt(&quest, async |rate, duration| drive(rate, duration)))
    }

    #[test]
    fn it_finds_the_highest_rate_of_a_queue_that_theory_gives() {
        let mut server = Server::new(10_000.0);
        let found = search("p99<2ms", 12_000.0, [24, 0], |rate, duration| Some(server.drive(rate, duration)));
        // -ln(0.01) / (10,000 - rate) = 2 ms.
        let analytic = 10_000.0 + 0.01_f64.ln() / 0.002;
        let rate = found.search.highest_rate.unwrap();
        assert!((rate / analytic - 1.0).abs() < 0.04, "{rate}, by theory {analytic}: {:?}", server.tried);
        let missed = found.search.lowest_missed.unwrap();
        assert!(missed > rate && missed <= rate * 1.05, "{rate} {missed}");
        // The answer was confirmed at full length, and so was what is above it.
        let full = Duration::from_secs(20);
        assert!(server.tried.contains(&(rate, full)) && server.tried.contains(&(missed, full)));
        assert!(server.tried[0].1 < full && found.search.trials.len() <= 24);
        assert_eq!(found.search.trials.len(), found.cells.len());
    }

    #[test]
    fn trials_that_are_left_go_on_downwards_until_one_looks_well() {
        // A twentieth of the bound holds: halved five times. Half of eight trials end at an eighth.
        let mut server = Server::new(10_000.0);
        let found = search("p99<2ms", 200_000.0, [8, 0], |rate, time| Some(server.drive(rate, time)));
        assert!(
            found.search.highest_rate.is_some_and(|rate| (6_000.0..7_700.0).contains(&rate)),
            "{:?}",
            server.tried
        );
        assert_eq!(found.search.trials.len(), 8);
    }

    #[test]
    fn where_the_bound_holds_it_is_the_answer_and_nothing_was_missed() {
        let mut server = Server::new(1e6);
        let found = search("p99<2ms,errors<0.1%", 5_000.0, [24, 0], |rate, duration| {
            Some(server.drive(rate, duration))
        });
        assert_eq!((found.search.highest_rate, found.search.lowest_missed), (Some(5_000.0), None));
        assert_eq!(found.search.trials.len(), 2);
    }

    #[test]
    fn what_was_dropped_or_failed_counts_as_missed() {
        let mut server = Server::new(1e6);
        let found = search("p99<2ms", 5_000.0, [24, 0], |rate, duration| {
            let mut cell = server.drive(rate, duration);
            // Above 2,000 a second one in 20 is dropped, above 1,000 one in 20 fails.
            let lost = cell.requests / 20;
            cell.requests -= lost;
            let open = listenrain_results::OpenLoop {
                dropped: if rate > 2_000.0 { lost } else { 0 },
                ..Default::default()
            };
            cell.open_loop = Some(open);
            cell.errors = if (1_000.0..=2_000.0).contains(&rate) { lost } else { 0 };
            Some(cell)
        });
        let rate = found.search.highest_rate.unwrap();
        assert!((900.0..=1_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_cell_that_was_not_measured_is_missed_and_an_interrupt_ends_it() {
        let failed = Cell { errors: 1, error_samples: vec!["no such socket".to_owned()], ..Cell::default() };
        let found = search("p99<2ms", 100.0, [24, 0], |_, _| Some(failed.clone()));
        assert!(
            found
                .search
                .trials
                .iter()
                .all(|trial| trial.verdict == MISSED && trial.why.contains("no such socket"))
        );
        let mut server = Server::new(1e6);
        let mut left = 1;
        let found = search("p99<2ms", 100.0, [24, 0], |rate, duration| {
            left -= 1;
            (left >= 0).then(|| server.drive(rate, duration))
        });
        assert_eq!((found.search.trials.len(), found.search.highest_rate), (1, None));
    }

    #[test]
    fn the_curve_goes_from_a_tenth_to_a_tenth_beyond() {
        let mut server = Server::new(10_000.0);
        let found = search("p99<2ms", 12_000.0, [24, 5], |rate, duration| Some(server.drive(rate, duration)));
        let answer = found.search.highest_rate.unwrap();
        let trials = &found.search.trials;
        let shares: Vec<_> = trials[trials.len() - 5..].iter().map(|trial| trial.rate / answer).collect();
        for (share, wanted) in shares.iter().zip([0.1, 0.35, 0.6, 0.85, 1.1]) {
            assert!((share - wanted).abs() < 1e-9, "{shares:?}");
        }
    }
}
