use std::time::Duration;

use super::super::judge::{GENERATOR_LIMITED, HOLDS, MISSED};
use super::*;
use crate::histogram::{Distribution, to_text};
use crate::judge::goals::{SERVICE, limits};
use crate::random::seeded;
use crate::stats::testing::uniform;
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
                spare if spare > 0.0 => -uniform(&mut self.random).ln() / spare,
                _ => 10.0,
            };
            times.record((seconds * 1e9) as u64, 1);
        }
        let mut cell = Cell { requests, tps: rate, response_us: Some(times.times()), ..Cell::default() };
        cell.histograms.response = Some(to_text(&times.counts));
        cell
    }
}

fn search(slo: &str, bound: f64, curve: u32, mut drive: impl FnMut(f64, Duration) -> Option<Cell>) -> Found {
    let slo = limits(slo, &SERVICE).unwrap();
    let quest = Quest {
        slo: &slo,
        bound,
        duration: Duration::from_secs(20),
        shortest: Duration::from_secs(1),
        trials: 24,
        curve,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(hunt(&quest, async |rate, duration| drive(rate, duration)))
}

#[test]
fn it_finds_the_highest_rate_of_a_queue_that_theory_gives() {
    let mut server = Server::new(10_000.0);
    let found = search("p99<2ms", 12_000.0, 0, |rate, duration| Some(server.drive(rate, duration)));
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
    let slo = limits("p99<2ms", &SERVICE).unwrap();
    let duration = Duration::from_secs(20);
    let shortest = Duration::from_secs(1);
    let quest = Quest { slo: &slo, bound: 200_000.0, duration, shortest, trials: 8, curve: 0 };
    let mut server = Server::new(10_000.0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(hunt(&quest, async |rate, duration| Some(server.drive(rate, duration))));
    assert!(
        found.search.highest_rate.is_some_and(|rate| (6_000.0..7_700.0).contains(&rate)),
        "{:?}",
        server.tried
    );
    assert_eq!(found.search.trials.len(), 8);
}

#[test]
fn where_no_rate_holds_there_is_no_answer() {
    // Even alone it takes 1 / capacity = 10 ms on average.
    let mut server = Server::new(100.0);
    let found = search("p99<2ms", 120.0, 5, |rate, duration| Some(server.drive(rate, duration)));
    assert_eq!(found.search.highest_rate, None);
    assert!(
        !found.search.trials.is_empty() && found.search.trials.iter().all(|trial| trial.verdict != HOLDS)
    );
}

#[test]
fn where_the_bound_holds_it_is_the_answer_and_nothing_was_missed() {
    let mut server = Server::new(1e6);
    let found =
        search("p99<2ms,errors<0.1%", 5_000.0, 0, |rate, duration| Some(server.drive(rate, duration)));
    assert_eq!((found.search.highest_rate, found.search.lowest_missed), (Some(5_000.0), None));
    assert_eq!(found.search.trials.len(), 2);
}

#[test]
fn what_was_dropped_or_failed_counts_as_missed() {
    let mut server = Server::new(1e6);
    let found = search("p99<2ms", 5_000.0, 0, |rate, duration| {
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
fn a_generator_that_lags_never_holds() {
    let mut server = Server::new(1e6);
    let found = search("p99<2ms", 5_000.0, 0, |rate, duration| {
        Some(Cell { generator_limited: rate > 3_000.0, ..server.drive(rate, duration) })
    });
    assert!(
        found.search.highest_rate.is_some_and(|rate| (2_800.0..=3_000.0).contains(&rate)),
        "{:?}",
        found.search
    );
    assert_eq!(found.search.trials[0].verdict, GENERATOR_LIMITED);
}

#[test]
fn a_cell_that_was_not_measured_is_missed_and_an_interrupt_ends_it() {
    let failed = Cell { errors: 1, error_samples: vec!["no such socket".to_owned()], ..Cell::default() };
    let found = search("p99<2ms", 100.0, 0, |_, _| Some(failed.clone()));
    assert!(
        found
            .search
            .trials
            .iter()
            .all(|trial| trial.verdict == MISSED && trial.why.contains("no such socket"))
    );
    let mut server = Server::new(1e6);
    let mut left = 1;
    let found = search("p99<2ms", 100.0, 0, |rate, duration| {
        left -= 1;
        (left >= 0).then(|| server.drive(rate, duration))
    });
    assert_eq!((found.search.trials.len(), found.search.highest_rate), (1, None));
}

#[test]
fn the_curve_goes_from_a_tenth_to_a_tenth_beyond() {
    let mut server = Server::new(10_000.0);
    let found = search("p99<2ms", 12_000.0, 5, |rate, duration| Some(server.drive(rate, duration)));
    let answer = found.search.highest_rate.unwrap();
    let trials = &found.search.trials;
    let shares: Vec<_> = trials[trials.len() - 5..].iter().map(|trial| trial.rate / answer).collect();
    for (share, wanted) in shares.iter().zip([0.1, 0.35, 0.6, 0.85, 1.1]) {
        assert!((share - wanted).abs() < 1e-9, "{shares:?}");
    }
}
