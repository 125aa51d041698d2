//! From two cells to a verdict on each goal.

use listenrain_results::{Cell, CheckRow, Launch, Times};

use super::goals::{Change, Limit, Metric};
use crate::stats::{LEVEL, mean_interval, share, unpaired_ratio};

pub(super) const PASSED: &str = "passed";
pub(super) const REGRESSION: &str = "regression";
pub(super) const LIMIT_MISSED: &str = "limit-missed";
pub(super) const INCONCLUSIVE: &str = "inconclusive";

/// The gravest of the rows' verdicts.
pub(super) fn gravest(rows: &[CheckRow]) -> &'static str {
    let order = [REGRESSION, LIMIT_MISSED, INCONCLUSIVE];
    order.into_iter().find(|verdict| rows.iter().any(|row| row.verdict == *verdict)).unwrap_or(PASSED)
}

/// A candidate that has errors where the baseline had none, which no limit allows.
pub(super) fn failed(candidate: &Cell) -> CheckRow {
    CheckRow {
        cell: super::name(candidate),
        metric: Metric::Errors.to_string(),
        threshold: "none".to_owned(),
        baseline: Some(0.0),
        candidate: Some(candidate.errors as f64),
        verdict: REGRESSION.to_owned(),
        why: match candidate.error_samples.first() {
            Some(said) => format!("{} errors where the baseline had none: {said}", candidate.errors),
            None => format!("{} errors and {} requests", candidate.errors, candidate.requests),
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
        baseline: figure(baseline, goal.metric),
        candidate: figure(candidate, goal.metric),
        verdict: INCONCLUSIVE.to_owned(),
        ..CheckRow::default()
    };
    if candidate.generator_limited || baseline.generator_limited {
        return CheckRow { why: "a generator lagged: its times are not the server's".to_owned(), ..row };
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

/// Whether a figure holds a limit: by its interval over the launches, or for errors by exact bounds of their share.
pub(super) fn limit(goal: &Limit, candidate: &Cell) -> CheckRow {
    let row = CheckRow {
        cell: super::name(candidate),
        metric: goal.metric.to_string(),
        threshold: goal.text.clone(),
        candidate: figure(candidate, goal.metric),
        verdict: INCONCLUSIVE.to_owned(),
        ..CheckRow::default()
    };
    let bounds = match goal.metric {
        Metric::Errors => Ok(error_bounds(candidate)),
        metric => match launches(candidate, metric) {
            None => Err(format!("some launches have too few requests to say {metric}")),
            Some(values) if values.len() < 2 => {
                Err(format!("{} launches: it takes 2 or more, better 5", values.len()))
            }
            Some(values) => mean_interval(&values)
                .map(|interval| (interval.low, interval.high))
                .ok_or_else(|| "a launch has no figure".to_owned()),
        },
    };
    let (low, high) = match bounds {
        Ok(bounds) => bounds,
        Err(why) => return CheckRow { why, ..row },
    };
    let (holds, missed) = match goal.below {
        true => (high < goal.value, low >= goal.value),
        false => (low > goal.value, high <= goal.value),
    };
    let (verdict, why) = match (holds, missed) {
        (true, _) => (PASSED, String::new()),
        (_, true) => (LIMIT_MISSED, "the whole of its interval misses it".to_owned()),
        _ => (INCONCLUSIVE, format!("its interval [{low:.4}, {high:.4}] lies on both sides of it")),
    };
    CheckRow { low: Some(low), high: Some(high), verdict: verdict.to_owned(), why, ..row }
}

fn error_bounds(cell: &Cell) -> (f64, f64) {
    let confidence = 0.5 + LEVEL / 2.0;
    let all = cell.requests + cell.errors;
    (share::at_least(cell.errors, all, confidence), share::at_most(cell.errors, all, confidence))
}

/// The figure of all launches together.
fn figure(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Tps => Some(cell.tps),
        Metric::Errors => Some(cell.errors as f64 / (cell.errors + cell.requests).max(1) as f64),
        Metric::CpuUs => {
            let both = cell.usage.both.map(|both| both.cpu_us_per_request);
            cell.cpu_us_interval.map(|interval| interval.mean).or(both)
        }
        _ => time(cell.response_us.as_ref().unwrap_or(&cell.service_us), metric),
    }
}

/// The figure of each launch. None where one does not have it.
fn launches(cell: &Cell, metric: Metric) -> Option<Vec<f64>> {
    let of = |launch: &Launch| match metric {
        Metric::Tps => Some(launch.tps),
        Metric::CpuUs => launch.cpu_us_per_request,
        Metric::Errors => None,
        _ => time(launch.response_us.as_ref().unwrap_or(&launch.service_us), metric),
    };
    cell.launches.iter().map(of).collect()
}

/// Response time in an open loop, service time in a closed one, µs.
fn time(times: &Times, metric: Metric) -> Option<f64> {
    match metric {
        Metric::P50 => times.p50,
        Metric::P90 => times.p90,
        Metric::P99 => times.p99,
        Metric::P999 => times.p999,
        Metric::P9999 => times.p9999,
        Metric::Max => Some(times.max),
        Metric::Tps | Metric::CpuUs | Metric::Errors => None,
    }
}
