//! The verdicts of a comparison, from launches in blocks.

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
mod tests {
    use super::*;
    use listenrain_results::{OpenLoop, Times};

    fn cell(tps: f64, p50: f64) -> Cell {
        let service_us = Times { p50: Some(p50), ..Times::default() };
        Cell { tps, requests: 1_000, service_us, ..Cell::default() }
    }

    /// Blocks of the first value and of the second.
    fn taken(blocks: &[[Cell; 2]]) -> Vec<Taken> {
        let mut taken = Vec::new();
        for (block, pair) in blocks.iter().enumerate() {
            for (value, cell) in pair.iter().enumerate() {
                let (block, place) = (block as u64, value as u64);
                taken.push(Taken { block, place, value, at: 0, cell: cell.clone() });
            }
        }
        taken
    }

    fn judged(blocks: &[[Cell; 2]]) -> Vec<ComparisonRow> {
        let names = ["tcp", "unix"].map(str::to_owned);
        rows(&taken(blocks), &names, &[(16, 4096)], 0.01, 1)
    }

    #[test]
    fn a_sure_difference_beyond_the_floor_is_better_or_worse_by_what_is_good() {
        let blocks: Vec<_> = (0..8)
            .map(|block| {
                let drift = 1.0 + 0.1 * f64::from(block);
                [cell(100.0 * drift, 80.0), cell(130.0 * drift * (1.0 + 0.001 * f64::from(block)), 90.0)]
            })
            .collect();
        let rows = judged(&blocks);
        let [tps, p50] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((tps.metric.as_str(), tps.verdict, tps.blocks), ("tps", Verdict::Better, 8));
        // All eight agree: 2 / 2^8. There is one cell, so there is one row for each figure and nothing to correct.
        assert_eq!((tps.p, tps.p_corrected), (Some(2.0 / 256.0), Some(2.0 / 256.0)));
        assert!(tps.low.unwrap() > 1.29 && tps.high.unwrap() < 1.32 && tps.why.is_empty());
        assert_eq!((p50.metric.as_str(), p50.verdict), ("service_p50_us", Verdict::Worse));
    }

    #[test]
    fn what_is_sure_and_small_or_large_and_unsure_is_no_difference() {
        let small: Vec<_> = (0..10).map(|_| [cell(1_000.0, 80.0), cell(1_005.0, 80.0)]).collect();
        assert_eq!(judged(&small)[0].verdict, Verdict::NoDifference);
        assert!(judged(&small)[0].why.contains("noise floor of 1.0 %"));
        let unsure: Vec<_> = (0..10)
            .map(|block| [cell(100.0, 80.0), cell(if block % 2 == 0 { 160.0 } else { 90.0 }, 80.0)])
            .collect();
        assert_eq!(judged(&unsure)[0].verdict, Verdict::NoDifference);
        assert!(judged(&unsure)[0].why.contains("chance"));
        let few: Vec<_> = (0..5).map(|_| [cell(100.0, 80.0), cell(200.0, 80.0)]).collect();
        assert_eq!(judged(&few)[0].verdict, Verdict::NoDifference);
        assert!(judged(&few)[0].why.contains("5 blocks can't give a corrected p-value below 0.0625"));
    }

    #[test]
    fn blocks_that_are_too_few_for_so_many_cells_say_so() {
        let mut all = taken(&vec![[cell(100.0, 80.0), cell(200.0, 80.0)]; 6]);
        let elsewhere = all.iter().map(|one| Taken { at: 1, ..one.clone() }).collect::<Vec<_>>();
        all.extend(elsewhere);
        let names = ["tcp", "unix"].map(str::to_owned);
        // 2 / 2^6 is 0.031, and twice that for two cells.
        let rows = rows(&all, &names, &[(16, 4096), (64, 4096)], 0.01, 1);
        let tps = rows.iter().find(|row| row.metric == "tps").unwrap();
        assert_eq!(tps.verdict, Verdict::NoDifference);
        assert!(tps.why.contains("6 blocks can't give a corrected p-value below 0.0625"), "{}", tps.why);
    }

    #[test]
    fn what_had_errors_cannot_win_however_fast_it_is() {
        let mut blocks: Vec<_> = (0..10).map(|_| [cell(100.0, 80.0), cell(500.0, 8.0)]).collect();
        blocks[3][1].errors = 1;
        blocks[3][1].error_samples = vec!["a reply with another's payload".to_owned()];
        for row in judged(&blocks) {
            assert_eq!((row.verdict, row.p, row.ratio, row.blocks), (Verdict::Invalid, None, None, 9));
            assert!(row.why.starts_with("1 of 10 launches of this value had errors: a reply"), "{}", row.why);
        }
        let all: Vec<_> = (0..2).map(|_| [cell(1.0, 1.0), Cell { errors: 1, ..Cell::default() }]).collect();
        assert!(judged(&all).iter().all(|row| row.verdict == Verdict::Invalid) && !judged(&all).is_empty());
        let none = [[Cell::default(), Cell::default()]];
        assert_eq!(judged(&none)[0].verdict, Verdict::Invalid);
    }

    fn open(p50: f64, dropped: u64) -> Cell {
        Cell {
            open_loop: Some(OpenLoop { dropped, intended: 1_000, ..OpenLoop::default() }),
            response_us: Some(Times { p50: Some(p50), p99: Some(2.0 * p50), ..Times::default() }),
            ..cell(100.0, 50.0)
        }
    }

    #[test]
    fn an_open_loop_is_compared_by_response_times_and_not_where_its_generator_lagged() {
        let mut blocks: Vec<_> = (0..10).map(|_| [open(100.0, 0), open(50.0, 0)]).collect();
        let rows = judged(&blocks);
        let metrics: Vec<_> = rows.iter().map(|row| (row.metric.as_str(), row.verdict)).collect();
        assert_eq!(metrics, [("response_p50_us", Verdict::Better), ("response_p99_us", Verdict::Better)]);
        blocks[0][0].generator_limited = true;
        assert!(
            judged(&blocks).iter().all(|row| row.verdict == Verdict::Invalid && row.why.contains("lagged"))
        );
    }

    #[test]
    fn what_dropped_requests_cannot_win_by_the_times_of_the_others() {
        let mut blocks: Vec<_> = (0..10).map(|_| [open(100.0, 0), open(50.0, 0)]).collect();
        blocks[4][1] = open(50.0, 3);
        let rows = judged(&blocks);
        assert!(!rows.is_empty());
        for row in rows {
            assert_eq!((row.verdict, row.ratio, row.blocks), (Verdict::Invalid, None, 9));
            assert!(
                row.why.starts_with("1 of 10 launches of this value dropped requests, 3 in all"),
                "{}",
                row.why
            );
        }
    }

    #[test]
    fn a_percentile_that_few_requests_cannot_say_is_told() {
        let mut blocks: Vec<_> = (0..10).map(|_| [cell(100.0, 80.0), cell(200.0, 80.0)]).collect();
        blocks[0][0].service_us.p50 = None;
        let rows = judged(&blocks);
        assert_eq!((rows[1].p, rows[1].verdict), (None, Verdict::NoDifference));
        assert!(rows[1].why.contains("too few requests"));
    }
}
