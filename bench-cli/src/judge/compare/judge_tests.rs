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

#[test]
fn an_open_loop_is_compared_by_response_times_and_not_where_its_generator_lagged() {
    let open = |p50| Cell {
        open_loop: Some(OpenLoop::default()),
        response_us: Some(Times { p50: Some(p50), p99: Some(2.0 * p50), ..Times::default() }),
        ..cell(100.0, 50.0)
    };
    let mut blocks: Vec<_> = (0..10).map(|_| [open(100.0), open(50.0)]).collect();
    let rows = judged(&blocks);
    let metrics: Vec<_> = rows.iter().map(|row| (row.metric.as_str(), row.verdict)).collect();
    assert_eq!(metrics, [("response_p50_us", Verdict::Better), ("response_p99_us", Verdict::Better)]);
    blocks[0][0].generator_limited = true;
    assert!(judged(&blocks).iter().all(|row| row.verdict == Verdict::Invalid && row.why.contains("lagged")));
}

#[test]
fn what_dropped_requests_cannot_win_by_the_times_of_the_others() {
    let open = |p50, dropped| Cell {
        open_loop: Some(OpenLoop { dropped, intended: 1_000, ..OpenLoop::default() }),
        response_us: Some(Times { p50: Some(p50), p99: Some(2.0 * p50), ..Times::default() }),
        ..cell(100.0, 50.0)
    };
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
