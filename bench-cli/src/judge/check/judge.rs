//! The verdict on each goal, from two cells.

use listenrain_results::{Cell, CheckRow};

use crate::judge::goals::{Change, Limit};
use crate::judge::late::{self, Ruling, late};
use crate::metrics::Metric;
use crate::stats::{mean_interval, unpaired_ratio};

pub(crate) const PASSED: &str = "passed";
pub(crate) const REGRESSION: &str = "regression";
pub(crate) const LIMIT_MISSED: &str = "limit-missed";
pub(super) const INCONCLUSIVE: &str = "inconclusive";

/// The gravest of the rows' verdicts.
pub(super) fn gravest(rows: &[CheckRow]) -> &'static str {
    let order = [REGRESSION, LIMIT_MISSED, INCONCLUSIVE];
    order.into_iter().find(|verdict| rows.iter().any(|row| row.verdict == *verdict)).unwrap_or(PASSED)
}

/// A candidate that lost requests where the baseline lost none, which no limit allows.
pub(super) fn failed(candidate: &Cell) -> CheckRow {
    CheckRow {
        cell: super::name(candidate),
        metric: Metric::Errors.to_string(),
        threshold: "none".to_owned(),
        baseline: Some(0.0),
        candidate: Metric::Errors.of_cell(candidate),
        verdict: REGRESSION.to_owned(),
        why: match candidate.error_samples.first() {
            Some(said) => format!("{} errors where the baseline had none: {said}", candidate.errors),
            None => format!(
                "{} errors, {} dropped and {} requests answered; the baseline lost none",
                candidate.errors,
                candidate.lost() - candidate.errors,
                candidate.requests
            ),
        },
        ..CheckRow::default()
    }
}

/// Whether the change of a figure is as bad as `goal` says, by Welch's interval over the launches of both.
pub(super) fn change(goal: &Change, baseline: &Cell, candidate: &Cell) -> CheckRow {
    let row = CheckRow {
        cell: super::name(candidate),
        metric: goal.metric.to_string(),
        threshold: goal.text.clone(),
        baseline: goal.metric.of_cell(baseline),
        candidate: goal.metric.of_cell(candidate),
        verdict: INCONCLUSIVE.to_owned(),
        ..CheckRow::default()
    };
    if candidate.generator_limited || baseline.generator_limited {
        return CheckRow { why: "a generator lagged: its times are not the server's".to_owned(), ..row };
    }
    if let Some((verdict, why)) = unanswered(goal.metric, baseline, candidate) {
        return CheckRow { verdict: verdict.to_owned(), why, ..row };
    }
    let (old, new) = (launches(baseline, goal.metric), launches(candidate, goal.metric));
    let Some((old, new)) = old.zip(new) else {
        return CheckRow {
            why: format!("some launches have too few requests to say {}", goal.metric),
            ..row
        };
    };
    if old.len() < 2 || new.len() < 2 {
        let why = format!(
            "the baseline has {} launches and the candidate {}: it takes 2 or more of each, better 5",
            old.len(),
            new.len()
        );
        return CheckRow { why, ..row };
    }
    // What is judged is their ratio, not that of the figures of all launches together.
    let row = CheckRow { baseline: geometric_mean(&old), candidate: geometric_mean(&new), ..row };
    let Some(ratio) = unpaired_ratio(&old, &new) else {
        return CheckRow { why: "a launch has a figure of 0".to_owned(), ..row };
    };
    let [change, low, high] = [ratio.ratio, ratio.low, ratio.high].map(|ratio| ratio - 1.0);
    let (is_beyond, is_within) = match goal.falls {
        true => (high < goal.share, low >= goal.share),
        false => (low > goal.share, high <= goal.share),
    };
    let span = format!("[{:+.1} %, {:+.1} %]", low * 100.0, high * 100.0);
    let (verdict, why) = match (is_beyond, is_within) {
        (true, _) => (REGRESSION, format!("all of {span} is beyond it")),
        (_, true) => (PASSED, String::new()),
        _ => (
            INCONCLUSIVE,
            format!("{span} lies on both sides of it: more launches or longer ones would tell"),
        ),
    };
    let verdict = verdict.to_owned();
    CheckRow { change: Some(change), low: Some(low), high: Some(high), verdict, why, ..row }
}

/// None for a figure of 0.
fn geometric_mean(launches: &[f64]) -> Option<f64> {
    let mean = launches.iter().map(|value| value.ln()).sum::<f64>() / launches.len() as f64;
    mean.is_finite().then(|| mean.exp())
}

/// A percentile that lies among requests that were lost: what the others took says nothing of it.
fn unanswered(metric: Metric, baseline: &Cell, candidate: &Cell) -> Option<(&'static str, String)> {
    let beyond = 1.0 - metric.quantile()?;
    let lost = |cell: &Cell| Metric::Errors.of_cell(cell).filter(|share| *share > beyond);
    let told = |share: f64, whose: &str| {
        format!("{:.4} % of the {whose}'s requests were lost, so that {metric} is of those", share * 100.0)
    };
    match (lost(baseline), lost(candidate)) {
        (Some(share), _) => Some((INCONCLUSIVE, told(share, "baseline"))),
        (None, Some(share)) => Some((REGRESSION, told(share, "candidate"))),
        (None, None) => None,
    }
}

/// Whether a figure holds a limit: by how many requests are beyond it where they were counted, else by its interval over
/// the launches.
pub(super) fn limit(goal: &Limit, candidate: &Cell) -> CheckRow {
    let row = CheckRow {
        cell: super::name(candidate),
        metric: goal.metric.to_string(),
        threshold: goal.text.clone(),
        candidate: goal.metric.of_cell(candidate),
        verdict: INCONCLUSIVE.to_owned(),
        ..CheckRow::default()
    };
    if candidate.generator_limited {
        return CheckRow { why: "the generator lagged: its times are not the server's".to_owned(), ..row };
    }
    match goal.metric {
        Metric::Errors | Metric::Max => counted(goal, candidate, row),
        metric if metric.quantile().is_some() && late::histogram(candidate).is_some() => {
            counted(goal, candidate, row)
        }
        _ => spread(goal, candidate, row),
    }
}

fn counted(goal: &Limit, candidate: &Cell, row: CheckRow) -> CheckRow {
    let late = match late(candidate, goal) {
        Ok(late) => late,
        Err(why) => return CheckRow { why, ..row },
    };
    let (verdict, why) = match late.ruling() {
        Ruling::Holds => (PASSED, String::new()),
        Ruling::Missed => (LIMIT_MISSED, late.text(goal)),
        Ruling::Unclear => (INCONCLUSIVE, format!("{}: too few to tell", late.text(goal))),
    };
    // Of errors the share is the figure itself.
    let bounds = (goal.metric == Metric::Errors).then(|| late.bounds()).unzip();
    CheckRow { low: bounds.0, high: bounds.1, verdict: verdict.to_owned(), why, ..row }
}

fn spread(goal: &Limit, candidate: &Cell, row: CheckRow) -> CheckRow {
    let (low, high) = match interval(goal.metric, candidate) {
        Ok(bounds) => bounds,
        Err(why) => return CheckRow { why, ..row },
    };
    let (holds, missed) = match goal.below {
        true => (high < goal.value, low >= goal.value),
        false => (low > goal.value, high <= goal.value),
    };
    let lost = candidate.lost();
    let (verdict, why) = match (holds, missed) {
        // The percentile is that of the others, and how far it is off can't be told.
        (true, _) if lost > 0 && goal.metric.quantile().is_some() => (
            INCONCLUSIVE,
            format!("{lost} were lost, and there is no histogram to count them in as too late"),
        ),
        (true, _) => (PASSED, String::new()),
        (_, true) => (LIMIT_MISSED, "the whole of its interval misses it".to_owned()),
        _ => (INCONCLUSIVE, format!("its interval [{low:.4}, {high:.4}] lies on both sides of it")),
    };
    CheckRow { low: Some(low), high: Some(high), verdict: verdict.to_owned(), why, ..row }
}

/// Of the mean over the launches; of times on logarithms, since they are far from normal and never below 0.
fn interval(metric: Metric, cell: &Cell) -> Result<(f64, f64), String> {
    let values = launches(cell, metric)
        .ok_or_else(|| format!("some launches have too few requests to say {metric}"))?;
    if values.len() < 2 {
        return Err(format!("{} launches: it takes 2 or more, better 5", values.len()));
    }
    let is_time = metric.quantile().is_some();
    let values: Vec<f64> = if is_time { values.iter().map(|value| value.ln()).collect() } else { values };
    let interval = mean_interval(&values).ok_or("a launch has no figure, or one of 0")?;
    Ok(match is_time {
        true => (interval.low.exp(), interval.high.exp()),
        false => (interval.low, interval.high),
    })
}

/// The figure of each launch. None where one does not have it.
fn launches(cell: &Cell, metric: Metric) -> Option<Vec<f64>> {
    cell.launches.iter().map(|launch| metric.of_launch(launch)).collect()
}

#[cfg(test)]
mod tests {
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
}
