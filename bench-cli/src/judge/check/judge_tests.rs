use super::*;
use crate::histogram::{Distribution, to_text};
use crate::judge::goals::{changes, limits};
use listenrain_results::{Launch, OpenLoop, Times};

/// Launches whose p99 and longest are given, µs, without a histogram.
fn launched(p99: &[f64]) -> Cell {
    let launch = |p99: &f64| Launch {
        service_us: Times { p99: Some(*p99), max: 2.0 * p99, ..Times::default() },
        ..Launch::default()
    };
    Cell { requests: 10_000, launches: p99.iter().map(launch).collect(), ..Cell::default() }
}

/// So many at 100 µs, and some at 5 ms.
fn timed(requests: u64, slow: u64) -> Cell {
    let mut times = Distribution::default();
    times.record(100_000, requests - slow);
    if slow > 0 {
        times.record(5_000_000, slow);
    }
    let mut cell = Cell { requests, service_us: times.times(), ..Cell::default() };
    cell.histograms.service = Some(to_text(&times.counts));
    cell
}

fn dropping(dropped: u64, cell: Cell) -> Cell {
    Cell { open_loop: Some(OpenLoop { dropped, ..OpenLoop::default() }), ..cell }
}

fn verdict(text: &str, cell: &Cell) -> String {
    limit(&limits(text, &Metric::ALL).unwrap()[0], cell).verdict
}

#[test]
fn one_launch_beyond_a_limit_on_the_longest_misses_it_however_far_the_others_are_within() {
    // Longest of 200 µs four times, of 3 ms once: a t-interval would reach from below 0 to above the limit.
    let cell = launched(&[100.0, 100.0, 100.0, 100.0, 1_500.0]);
    assert_eq!(verdict("max<2ms", &cell), LIMIT_MISSED);
    assert_eq!(verdict("max<3.1ms", &cell), PASSED);
}

#[test]
fn a_percentile_is_judged_by_how_many_requests_are_beyond_the_limit() {
    assert_eq!(verdict("p99<2ms", &timed(10_000, 50)), PASSED);
    assert_eq!(verdict("p99<2ms", &timed(10_000, 100)), INCONCLUSIVE);
    assert_eq!(verdict("p99<2ms", &timed(10_000, 150)), LIMIT_MISSED);
    // What was dropped is too late.
    assert_eq!(verdict("p99<2ms", &dropping(200, timed(10_000, 50))), LIMIT_MISSED);
    assert_eq!(verdict("max<2ms", &dropping(1, timed(10_000, 0))), LIMIT_MISSED);
}

#[test]
fn without_a_histogram_it_is_the_launches_and_nothing_lost_passes() {
    let cell = launched(&[100.0, 110.0, 105.0, 95.0, 100.0]);
    assert_eq!(verdict("p99<0.2ms", &cell), PASSED);
    assert_eq!(verdict("p99<0.05ms", &cell), LIMIT_MISSED);
    assert_eq!(verdict("p99<0.2ms", &dropping(1, cell)), INCONCLUSIVE);
    // On logarithms no end is below 0.
    let row = limit(&limits("p99<1ms", &Metric::ALL).unwrap()[0], &launched(&[10.0, 10.0, 10_000.0]));
    assert!(row.verdict == INCONCLUSIVE && row.low.is_some_and(|low| low > 0.0), "{row:?}");
}

#[test]
fn where_the_generator_lagged_no_limit_is_judged() {
    let cell = Cell { generator_limited: true, ..timed(10_000, 500) };
    for text in ["p99<2ms", "max<2ms", "errors<1%", "tps>1"] {
        let row = limit(&limits(text, &Metric::ALL).unwrap()[0], &cell);
        assert!(row.verdict == INCONCLUSIVE && row.why.contains("generator lagged"), "{text}: {row:?}");
    }
}

#[test]
fn a_percentile_among_lost_requests_is_no_better_for_the_others_times() {
    let goal = &changes("p99>+5%").unwrap()[0];
    let (old, new) = (launched(&[100.0, 101.0, 99.0]), launched(&[50.0, 51.0, 49.0]));
    assert_eq!(change(goal, &old, &new).verdict, PASSED);
    // 200 of 10,200 are more than 1 in 100; 50 of 10,050 are not.
    assert_eq!(change(goal, &old, &dropping(200, new.clone())).verdict, REGRESSION);
    assert_eq!(change(goal, &old, &dropping(50, new.clone())).verdict, PASSED);
    assert_eq!(change(goal, &dropping(200, old), &new).verdict, INCONCLUSIVE);
}

#[test]
fn a_change_shows_the_geometric_means_whose_ratio_it_is() {
    let goal = &changes("p99>+5%").unwrap()[0];
    let row = change(goal, &launched(&[100.0, 400.0]), &launched(&[300.0, 300.0]));
    let [old, new] = [row.baseline, row.candidate].map(Option::unwrap);
    assert!((old - 200.0).abs() < 1e-9 && (new - 300.0).abs() < 1e-9, "{row:?}");
    assert!((new / old - 1.0 - row.change.unwrap()).abs() < 1e-9);
}
