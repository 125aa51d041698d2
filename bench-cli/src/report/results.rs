//! Results of a comparison, a check or a search: in words, then as a table, which the page shows as well.

use listenrain_results::{Cell, Check, CheckRow, Comparison, ComparisonRow, Run, Search, Trial, Verdict};

use super::plain;
use super::table::Table;
use crate::metrics::Metric;
use crate::stats::{log_ratios, smallest_difference};
use crate::units::{brief, or_none, size_text};

/// A comparison: the verdict in plain words, then every row, then what it means.
pub(crate) fn comparison(run: &Run) -> String {
    let Some(comparison) = &run.comparison else { return String::new() };
    let mut text = verdict(comparison) + "\n\n" + &comparison_table(comparison).text() + "\n";
    text += &meaning(comparison);
    if comparison.factor == "nothing" {
        text += &floor(comparison);
    }
    plain::lines(&(text + &warnings(run)))
}

/// A check: the verdict, every goal in every cell, what it means.
pub(crate) fn check(run: &Run) -> String {
    let Some(check) = &run.check else { return String::new() };
    let of = |verdict: &str| check.rows.iter().filter(|row| row.verdict == verdict).count();
    let counts = ["passed", "regression", "limit-missed", "inconclusive"];
    let counts = counts.map(|verdict| (verdict, of(verdict))).into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.map(|(verdict, count)| format!("{count} {verdict}")).collect();
    let text = format!(
        "{} against {}: {}\n\n{}\nregression: the whole 95 % interval of the change (Welch, on logarithms, over launches) \
         is beyond the threshold;\npassed: the whole of it is within; inconclusive: neither. Times in µs: response time \
         of an open loop, service time of a closed one.\nbaseline and now: of a change the geometric means over launches, \
         whose ratio is judged; of a limit the figure of all launches.\n{}",
        plain::line(&check.verdict),
        plain::line(&check.baseline),
        counts.join(", "),
        check_table(check).text(),
        warnings(run)
    );
    plain::lines(&text)
}

/// A search: the answer, then every trial.
pub(crate) fn search(run: &Run) -> String {
    let answers: Vec<_> = answers(run).iter().map(|answer| plain::line(answer)).collect();
    let mut text = answers.join("\n") + "\n";
    for search in run.searches.iter().filter(|search| !search.trials.is_empty()) {
        let what = plain::line(&format!("{}, {}", search.cell, search.slo));
        text += &format!("\n{what}:\n{}", trials_table(search).text());
    }
    text += "\nholds: the exact binomial bound of the share that is too late says so with 95 % confidence; unclear: too few \
             requests to tell.\nResponse times, from intended to done; dropped and failed requests count as too late. It \
             takes neighbours for independent, so a server that stalls wants longer trials.\n";
    plain::lines(&(text + &warnings(run)))
}

/// What each search found.
pub(super) fn answers(run: &Run) -> Vec<String> {
    // A search's cells are its closed loop's, then its trials'.
    let mut first = 0;
    let answer = |search: &Search| {
        let closed = run.cells.get(first);
        first += 1 + search.trials.len();
        answer(search, closed)
    };
    run.searches.iter().map(answer).collect()
}

fn warnings(run: &Run) -> String {
    run.warnings.iter().map(|warning| format!("warning: {}\n", plain::line(warning))).collect()
}

/// `what`, and why, where that is known.
pub(super) fn because(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

pub(super) fn comparison_table(comparison: &Comparison) -> Table {
    let heads = "<value, parallel, payload, <metric, ratio, from, to, p, corrected, blocks, <verdict";
    let line = |row: &ComparisonRow| {
        let ratios =
            [row.ratio, row.low, row.high].map(|value| or_none(value, |ratio| format!("{ratio:.3}")));
        let p = [row.p, row.p_corrected].map(|value| or_none(value, p_text));
        let place = [row.value.clone(), row.parallel.to_string(), size_text(row.payload_bytes)];
        let rest = [row.blocks.to_string(), because(verdict_text(row.verdict), &row.why)];
        place.into_iter().chain([row.metric.clone()]).chain(ratios).chain(p).chain(rest).collect()
    };
    Table::new(heads, comparison.rows.iter().map(line).collect())
}

pub(super) fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::NoDifference => "no difference",
        Verdict::Invalid => "INVALID",
    }
}

pub(super) fn check_table(check: &Check) -> Table {
    let heads = "<cell, <threshold, baseline, now, change, from, to, <verdict";
    let line = |row: &CheckRow| {
        let percent = |share: f64| format!("{:+.1} %", share * 100.0);
        // A limit's interval is of the figure itself.
        let changes = [row.change, row.low, row.high];
        let changes = changes.map(|value| or_none(value.filter(|_| row.change.is_some()), percent));
        let figure = |value: Option<f64>| match value {
            Some(share) if row.metric == Metric::Errors.name() => format!("{:.4} %", share * 100.0),
            value => or_none(value, brief),
        };
        let names = [row.cell.clone(), row.threshold.clone(), figure(row.baseline), figure(row.candidate)];
        names.into_iter().chain(changes).chain([because(&row.verdict, &row.why)]).collect()
    };
    Table::new(heads, check.rows.iter().map(line).collect())
}

pub(super) fn trials_table(search: &Search) -> Table {
    let heads =
        "rate/s, achieved, s, p50 µs, p99 µs, p99.9 µs, max µs, lag p99 µs, dropped, errors, <verdict";
    let line = |trial: &Trial| {
        let us = &trial.response_us;
        let times = [us.p50, us.p99, us.p999, Some(us.max), trial.send_lag_us.p99];
        let rates = [brief(trial.rate), brief(trial.achieved), brief(trial.duration_s)];
        let counts = [trial.dropped.to_string(), trial.errors.to_string()];
        let times = times.map(|value| or_none(value, brief));
        let verdict = because(&trial.verdict, &trial.why);
        rates.into_iter().chain(times).chain(counts).chain([verdict]).collect()
    };
    Table::new(heads, search.trials.iter().map(line).collect())
}

fn answer(search: &Search, closed: Option<&Cell>) -> String {
    let Search { cell, slo, .. } = search;
    match (search.highest_rate, search.lowest_missed) {
        (Some(rate), Some(missed)) => {
            format!("{cell}: {slo} holds up to {}/s, and no more at {}/s", brief(rate), brief(missed))
        }
        (Some(rate), None) => {
            format!(
                "{cell}: {slo} holds at {}/s, the highest that was tried (1.2 x the closed loop's)",
                brief(rate)
            )
        }
        (None, _) if search.trials.is_empty() => {
            let errors = closed.map_or(0, |cell| cell.errors);
            let said = closed.and_then(|cell| cell.error_samples.first());
            let said = said.map_or_else(|| "no request was answered".to_owned(), Clone::clone);
            format!("{cell}: no rate was tried, since its closed loop failed with {errors} errors: {said}")
        }
        (None, _) if search.trials.iter().all(|trial| trial.verdict != "missed") => {
            format!("{cell}: whether {slo} holds can't be told at any rate that was tried")
        }
        (None, _) => format!("{cell}: {slo} holds at no rate that was tried"),
    }
}

/// The first line: for every value in every cell, by the figure that counts most.
fn verdict(comparison: &Comparison) -> String {
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for row in &comparison.rows {
        let place = (row.parallel, row.payload_bytes, &row.value);
        if !seen.contains(&place) {
            seen.push(place);
            lines.push(plain::line(&sentence(comparison, row)));
        }
    }
    if lines.is_empty() { "nothing was compared".to_owned() } else { lines.join("\n") }
}

/// `unix is 1.31x tcp in tps at 16 x 4KiB [1.28, 1.34], p = 0.031 (6 blocks)`.
pub(super) fn sentence(comparison: &Comparison, row: &ComparisonRow) -> String {
    let (value, first) = (&row.value, comparison.values.first().map_or("", String::as_str));
    let place = format!("{} x {}", row.parallel, size_text(row.payload_bytes));
    let (Some(ratio), Some(low), Some(high), Some(p)) = (row.ratio, row.low, row.high, row.p) else {
        return format!("{value} and {first} can't be compared at {place}: {}", row.why);
    };
    let corrected = row.p_corrected.filter(|corrected| *corrected != p);
    let corrected = corrected.map(|p| format!(", {} corrected", p_text(p))).unwrap_or_default();
    let shown = match row.verdict {
        Verdict::NoDifference => format!("no difference shown: {value} is"),
        _ => format!("{value} is"),
    };
    format!(
        "{shown} {}x {first} in {} at {place} [{}, {}], p = {}{corrected} ({} blocks)",
        ratio_text(ratio),
        row.metric,
        ratio_text(low),
        ratio_text(high),
        p_text(p),
        row.blocks
    )
}

fn meaning(comparison: &Comparison) -> String {
    format!(
        "ratio: value / {}, geometric mean over the blocks, with its 95 % interval. p: how often chance alone does as \
         much, by exact\nsign flips of the blocks; corrected for the {} rows of a figure (Holm). A verdict needs a corrected p below \
         0.05 and a ratio beyond {:.1} %.\nIn every block each was measured once by a fresh launch, in random order \
         (seed {}). Higher tps is better, lower all else.\n",
        plain::line(comparison.values.first().map_or("", String::as_str)),
        comparison.rows.iter().filter(|row| row.metric == comparison.rows[0].metric).count(),
        comparison.noise_floor * 100.0,
        comparison.seed
    )
}

/// What this machine makes of no difference at all.
fn floor(comparison: &Comparison) -> String {
    let mut text = String::new();
    for row in &comparison.rows {
        let (Some(low), Some(high)) = (row.low, row.high) else { continue };
        let holds = if (low..=high).contains(&1.0) { "holds 1, as it should" } else { "does NOT hold 1" };
        let difference = smallest_difference(&ratios(comparison, row));
        let difference =
            difference.map_or_else(|| "n/a".to_owned(), |share| format!("{:.1} %", share * 100.0));
        text += &format!(
            "{} at {} x {}: the interval [{}, {}] {holds}; the smallest difference that {} blocks show here in 8 of 10 \
             comparisons is {difference}\n",
            row.metric,
            row.parallel,
            size_text(row.payload_bytes),
            ratio_text(low),
            ratio_text(high),
            row.blocks
        );
    }
    text + "Where nothing differs, 1 in 20 intervals does not hold 1 all the same.\n"
}

/// The log ratios of a row's blocks.
fn ratios(comparison: &Comparison, row: &ComparisonRow) -> Vec<f64> {
    let of = |value: u64| -> Vec<f64> {
        let mut samples: Vec<_> = comparison
            .samples
            .iter()
            .filter(|sample| sample.value == value)
            .filter(|sample| (sample.parallel, sample.payload_bytes) == (row.parallel, row.payload_bytes))
            .collect();
        samples.sort_by_key(|sample| sample.block);
        samples.iter().filter_map(|sample| sample.metrics.get(&row.metric).copied()).collect()
    };
    log_ratios(&of(0), &of(1)).unwrap_or_default()
}

/// Two digits behind the point, or three where it is nearly 1.
fn ratio_text(ratio: f64) -> String {
    if (ratio - 1.0).abs() < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

fn p_text(p: f64) -> String {
    if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain_results::{BlockSample, Env};

    fn compared(factor: &str) -> Run {
        let row = ComparisonRow {
            parallel: 16,
            payload_bytes: 4096,
            value: "unix".to_owned(),
            metric: "tps".to_owned(),
            more_is_better: true,
            ratio: Some(1.311),
            low: Some(1.284),
            high: Some(1.339),
            p: Some(0.03125),
            p_corrected: Some(0.03125),
            blocks: 6,
            verdict: Verdict::Better,
            why: String::new(),
        };
        let sample = |block, value, tps| BlockSample {
            block,
            value,
            parallel: 16,
            payload_bytes: 4096,
            metrics: [("tps".to_owned(), tps)].into(),
            ..BlockSample::default()
        };
        let samples = vec![sample(0, 0, 100.0), sample(0, 1, 131.0), sample(1, 1, 130.0), sample(1, 0, 99.0)];
        let mut run = Run::new(Env::default(), Vec::new());
        let values = vec!["tcp".to_owned(), "unix".to_owned()];
        let (factor, rows) = (factor.to_owned(), vec![row]);
        run.comparison =
            Some(Comparison { factor, values, rows, samples, blocks: 6, ..Comparison::default() });
        run
    }

    #[test]
    fn the_first_line_is_the_verdict_in_plain_words() {
        let text = super::comparison(&compared("transport"));
        let first = text.lines().next().unwrap();
        assert_eq!(first, "unix is 1.31x tcp in tps at 16 x 4KiB [1.28, 1.34], p = 0.031 (6 blocks)");
        assert!(!text.contains("smallest difference"));
    }

    #[test]
    fn what_is_not_shown_or_invalid_is_said_first() {
        let mut run = compared("transport");
        let row = &mut run.comparison.as_mut().unwrap().rows[0];
        (row.verdict, row.p_corrected) = (Verdict::NoDifference, Some(0.125));
        assert!(super::comparison(&run).starts_with("no difference shown: unix is 1.31x tcp"));
        assert!(super::comparison(&run).lines().next().unwrap().contains("p = 0.031, 0.125 corrected"));
        let row = &mut run.comparison.as_mut().unwrap().rows[0];
        (row.verdict, row.ratio, row.why) = (Verdict::Invalid, None, "1 of 6 launches had errors".to_owned());
        assert!(super::comparison(&run).starts_with("unix and tcp can't be compared at 16 x 4KiB: 1 of 6"));
    }

    #[test]
    fn aa_says_whether_1_is_held_and_what_could_be_shown() {
        let text = super::comparison(&compared("nothing"));
        assert!(
            text.contains("[1.28, 1.34] does NOT hold 1; the smallest difference that 6 blocks show"),
            "{text}"
        );
    }

    #[test]
    fn a_closed_loop_that_failed_is_told_with_its_error() {
        let failed = Cell { errors: 3, error_samples: vec!["no such socket".to_owned()], ..Cell::default() };
        let mut run = Run::new(Env::default(), vec![Cell::default(), Cell::default(), failed]);
        let trials = vec![Trial { verdict: "unclear".to_owned(), ..Trial::default() }];
        run.searches = vec![
            Search { cell: "unix".to_owned(), trials, ..Search::default() },
            Search { cell: "tcp".to_owned(), ..Search::default() },
        ];
        let text = search(&run);
        assert!(
            text.contains(
                "tcp: no rate was tried, since its closed loop failed with 3 errors: no such socket"
            )
        );
        assert!(text.starts_with("unix: whether  holds can't be told"), "{text}");
    }
}
