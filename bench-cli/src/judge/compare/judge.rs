//! From launches in blocks to what follows.

use listenrain_results::{Cell, ComparisonRow, Verdict};

use super::blocks::Taken;
use crate::metrics::{COMPARED, compared};
use crate::stats::{LEVEL, flips, holm, log_ratios, paired_ratio};

/// Every value but the first against it: in every cell, by every figure that any of its launches has. p-values are
/// corrected for all rows of one figure together: each figure is a question of its own, asked in so many cells.
pub(super) fn rows(
    taken: &[Taken],
    values: &[String],
    places: &[(u64, u64)],
    noise_floor: f64,
    seed: u64,
) -> Vec<ComparisonRow> {
    let mut rows = Vec::new();
    for (at, (parallel, payload_bytes)) in places.iter().enumerate() {
        for (value, value_name) in values.iter().enumerate().skip(1) {
            let pairs = pairs(taken, at, value);
            let has = |metric: &str| {
                pairs.iter().flatten().any(|one| figure(&one.cell, metric).is_some())
                    || (metric == "tps"
                        && pairs.iter().all(|pair| pair.iter().all(|one| !one.cell.is_well())))
            };
            for (name, metric, _) in COMPARED.iter().filter(|(name, ..)| has(name)) {
                let row = ComparisonRow {
                    parallel: *parallel,
                    payload_bytes: *payload_bytes,
                    value: value_name.clone(),
                    metric: (*name).to_owned(),
                    more_is_better: metric.more_is_better(),
                    ..ComparisonRow::default()
                };
                rows.push(judged(row, &pairs, seed));
            }
        }
    }
    for (metric, ..) in COMPARED {
        let asked = |row: &&mut ComparisonRow| row.metric == metric && row.p.is_some();
        let p: Vec<f64> = rows.iter_mut().filter(asked).filter_map(|row| row.p).collect();
        rows.iter_mut().filter(asked).zip(holm(&p)).for_each(|(row, p)| row.p_corrected = Some(p));
    }
    let of_a_figure = places.len() * values.len().saturating_sub(1);
    rows.iter_mut().for_each(|row| conclude(row, noise_floor, of_a_figure));
    rows
}

fn figure(cell: &Cell, metric: &str) -> Option<f64> {
    compared(cell).find(|(name, _)| *name == metric).map(|(_, value)| value)
}

/// The first value's launch and the other's, block by block.
fn pairs(taken: &[Taken], at: usize, value: usize) -> Vec<[&Taken; 2]> {
    let of = |value: usize| taken.iter().filter(move |one| (one.at, one.value) == (at, value));
    let other = |first: &&Taken| of(value).find(|one| one.block == first.block);
    of(0).filter_map(|first| Some([first, other(&first)?])).collect()
}

fn judged(row: ComparisonRow, pairs: &[[&Taken; 2]], seed: u64) -> ComparisonRow {
    let valid: Vec<_> = pairs.iter().filter(|pair| pair.iter().all(|one| one.cell.may_compare())).collect();
    let row = ComparisonRow { blocks: valid.len() as u64, ..row };
    if let Some(why) = invalid(pairs) {
        return ComparisonRow { verdict: Verdict::Invalid, why, ..row };
    }
    let side = |side: usize| valid.iter().map(|pair| figure(&pair[side].cell, &row.metric)).collect();
    let (first, other): (Option<Vec<f64>>, Option<Vec<f64>>) = (side(0), side(1));
    let Some((first, other)) = first.zip(other) else {
        let why = "some launches have too few requests to say it".to_owned();
        return ComparisonRow { why, ..row };
    };
    let p = log_ratios(&first, &other).map(|ratios| flips::p_value(&ratios, seed));
    match paired_ratio(&first, &other) {
        Some(ratio) => {
            let (ratio, low, high) = (Some(ratio.ratio), Some(ratio.low), Some(ratio.high));
            ComparisonRow { ratio, low, high, p, ..row }
        }
        None => ComparisonRow { why: "fewer than two blocks".to_owned(), ..row },
    }
}

/// Why neither side may win or lose here.
fn invalid(pairs: &[[&Taken; 2]]) -> Option<String> {
    for (side, name) in ["the first value", "this value"].iter().enumerate() {
        let launches = || pairs.iter().map(|pair| pair[side]);
        let failed = launches().filter(|one| !one.cell.is_well()).count();
        if failed > 0 {
            let said = launches().find_map(|one| one.cell.error_samples.first());
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            return Some(format!("{failed} of {} launches of {name} had errors{said}", pairs.len()));
        }
        // The times of those that were let through are not those of the load that was asked for.
        let dropping = launches().filter(|one| one.cell.lost() > 0).count();
        if dropping > 0 {
            let lost: u64 = launches().map(|one| one.cell.lost()).sum();
            return Some(format!(
                "{dropping} of {} launches of {name} dropped requests, {lost} in all: lower the rate or raise \
                 --max-in-flight",
                pairs.len()
            ));
        }
        let lagged = launches().filter(|one| one.cell.generator_limited).count();
        if lagged > 0 {
            return Some(format!("the generator lagged in {lagged} of {} launches of {name}", pairs.len()));
        }
    }
    None
}

/// What follows from a row, of which there are `rows` by the same figure.
fn conclude(row: &mut ComparisonRow, noise_floor: f64, rows: usize) {
    let (Some(ratio), Some(p)) = (row.ratio, row.p_corrected) else { return };
    let least = (flips::smallest(row.blocks) * rows as f64).min(1.0);
    if ratio.ln().abs() <= noise_floor.ln_1p() {
        row.why = format!("within the noise floor of {:.1} %", noise_floor * 100.0);
    } else if p >= 1.0 - LEVEL {
        row.why = match least >= 1.0 - LEVEL {
            true => format!("{} blocks can't give a corrected p-value below {least:.4}", row.blocks),
            false => format!("chance alone does as much: p = {p:.3}, corrected"),
        };
    } else {
        row.verdict = if (ratio > 1.0) == row.more_is_better { Verdict::Better } else { Verdict::Worse };
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
