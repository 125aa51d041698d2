//! A comparison: the verdict in plain words, then every row, then what it means.

use listenrain_results::{Comparison, ComparisonRow, Run, Verdict};

use super::columns::Align::{Left, Right};
use super::columns::{or_none, render};
use crate::cli::units::size_text;
use crate::stats::{log_ratios, smallest_difference};

/// All of it.
pub(crate) fn text(run: &Run) -> String {
    let Some(comparison) = &run.comparison else { return String::new() };
    let mut text = verdict(comparison) + "\n\n" + &table(comparison) + "\n";
    text += &meaning(comparison);
    if comparison.factor == "nothing" {
        text += &floor(comparison);
    }
    text.extend(run.warnings.iter().map(|warning| format!("warning: {warning}\n")));
    text
}

/// The first line: for every value in every cell, by the figure that counts most.
fn verdict(comparison: &Comparison) -> String {
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for row in &comparison.rows {
        let place = (row.parallel, row.payload_bytes, &row.value);
        if !seen.contains(&place) {
            seen.push(place);
            lines.push(sentence(comparison, row));
        }
    }
    if lines.is_empty() { "nothing was compared".to_owned() } else { lines.join("\n") }
}

/// `unix is 1.31x tcp in tps at 16 x 4KiB [1.28, 1.34], p = 0.031 (6 blocks)`.
fn sentence(comparison: &Comparison, row: &ComparisonRow) -> String {
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

fn table(comparison: &Comparison) -> String {
    let heads = [
        ("parallel", Right),
        ("payload", Right),
        ("value", Left),
        ("metric", Left),
        ("ratio", Right),
        ("from", Right),
        ("to", Right),
        ("p", Right),
        ("corrected", Right),
        ("blocks", Right),
        ("verdict", Left),
    ];
    let line = |row: &ComparisonRow| {
        let verdict = match row.verdict {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::NoDifference => "no difference",
            Verdict::Invalid => "INVALID",
        };
        let why = if row.why.is_empty() { String::new() } else { format!(": {}", row.why) };
        let ratios = [row.ratio, row.low, row.high].map(|value| or_none(value, ratio_text));
        let p = [row.p, row.p_corrected].map(|value| or_none(value, p_text));
        let place = [row.parallel.to_string(), size_text(row.payload_bytes)];
        let names = [row.value.clone(), row.metric.clone()];
        let rest = [row.blocks.to_string(), format!("{verdict}{why}")];
        place.into_iter().chain(names).chain(ratios).chain(p).chain(rest).collect()
    };
    render(&heads, &comparison.rows.iter().map(line).collect::<Vec<_>>())
}

fn meaning(comparison: &Comparison) -> String {
    format!(
        "ratio: value / {}, geometric mean over the blocks, with its 95 % interval. p: how often chance alone does as \
         much, by exact\nsign flips of the blocks; corrected for the {} rows of a figure (Holm). A verdict needs a corrected p below \
         0.05 and a ratio beyond {:.1} %.\nIn every block each was measured once by a fresh launch, in random order \
         (seed {}). Higher tps is better, lower all else.\n",
        comparison.values.first().map_or("", String::as_str),
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

    fn comparison(factor: &str) -> Run {
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
        let text = text(&comparison("transport"));
        let first = text.lines().next().unwrap();
        assert_eq!(first, "unix is 1.31x tcp in tps at 16 x 4KiB [1.28, 1.34], p = 0.031 (6 blocks)");
        assert!(!text.contains("smallest difference"));
    }

    #[test]
    fn what_is_not_shown_or_invalid_is_said_first() {
        let mut run = comparison("transport");
        let row = &mut run.comparison.as_mut().unwrap().rows[0];
        (row.verdict, row.p_corrected) = (Verdict::NoDifference, Some(0.125));
        assert!(text(&run).starts_with("no difference shown: unix is 1.31x tcp"));
        assert!(text(&run).lines().next().unwrap().contains("p = 0.031, 0.125 corrected"));
        let row = &mut run.comparison.as_mut().unwrap().rows[0];
        (row.verdict, row.ratio, row.why) = (Verdict::Invalid, None, "1 of 6 launches had errors".to_owned());
        assert!(text(&run).starts_with("unix and tcp can't be compared at 16 x 4KiB: 1 of 6"));
    }

    #[test]
    fn aa_says_whether_1_is_held_and_what_could_be_shown() {
        let text = text(&comparison("nothing"));
        assert!(
            text.contains("[1.28, 1.34] does NOT hold 1; the smallest difference that 6 blocks show"),
            "{text}"
        );
    }
}
