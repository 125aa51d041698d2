//! Percentile files as HdrHistogram's plotters read them, µs.

use std::path::PathBuf;

use hdrhistogram::Histogram;

use super::Shown;
use super::histograms::{Kept, kept};

/// Lines for each halving of what is left up to 100 %, as HdrHistogram's own tools write them.
const TICKS_PER_HALF: u32 = 5;

/// A file for each cell and kind of time: its name and its text.
///
/// # Errors
///
/// A text for the user when a histogram cannot be read, or there is none.
pub(crate) fn files(runs: &[Shown<'_>]) -> Result<Vec<(PathBuf, String)>, String> {
    let several = runs.len() > 1;
    let file = |kept: Kept<'_>| (name(&kept, several).into(), text(&kept.counts, kept.max_ns));
    Ok(kept(runs)?.into_iter().map(file).collect())
}

/// Its number among the cells makes it unlike every other; its label says what it is.
fn name(kept: &Kept<'_>, several: bool) -> String {
    let label = kept.label.replace('%', "");
    let mut slug: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    slug.truncate(80);
    let run = if several { format!("{}-", kept.run + 1) } else { String::new() };
    format!("{run}{:02}-{slug}.{}.hgrm", kept.at + 1, kept.kind.name())
}

fn text(counts: &Histogram<u64>, max_ns: u64) -> String {
    let us = |ns: u64| ns.min(max_ns) as f64 / 1e3;
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for step in counts.iter_quantiles(TICKS_PER_HALF) {
        total += step.count_since_last_iteration();
        let (value, at) = (us(step.value_iterated_to()), step.quantile_iterated_to());
        text += &format!("{value:>12.3} {at:>1.12} {total:>10}");
        text += &if at < 1.0 { format!(" {:>14.2}\n", 1.0 / (1.0 - at)) } else { "\n".to_owned() };
    }
    let (mean, deviation) = (counts.mean() / 1e3, counts.stdev() / 1e3);
    text += &format!("#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]\n");
    text += &format!("#[Max     = {:>12.3}, Total count    = {:>12}]\n", us(counts.max()), counts.len());
    let halves = (counts.high() / counts.low()).ilog2().saturating_sub(10);
    text + &format!("#[Buckets = {halves:>12}, SubBuckets     = {:>12}]\n", 2048)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn the_file_rises_to_the_exact_maximum_and_counts_them_all() {
        let mut counts = crate::histogram::empty();
        counts.record_n(1_000, 999).unwrap();
        counts.record(123_456_789).unwrap();
        let text = text(&counts, 123_456_789);
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect())
            .collect();
        assert_eq!(rows[0][..3], [1.0, 0.0, 999.0]);
        let last = rows.last().unwrap();
        assert_eq!(last[..], [123_456.789, 1.0, 1_000.0]);
        assert!(rows.is_sorted_by(|one, next| one[0] <= next[0] && one[2] <= next[2]));
        assert!(
            rows.iter().all(|row| row.len() == 3 || (row[3] - 1.0 / (1.0 - row[1])).abs() < 0.01 * row[3])
        );
        assert!(text.contains("#[Max     =   123456.789, Total count    =         1000]"), "{text}");
    }

    #[test]
    fn there_is_a_file_for_each_cell_and_kind_and_none_overwrites_another() {
        let run = fixtures::rich();
        let runs = [Shown::measured(&run), Shown::measured(&run)];
        let mut names: Vec<_> = files(&runs).unwrap().into_iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        let kinds = |cell: &listenrain_results::Cell| {
            let kept = &cell.histograms;
            [&kept.service, &kept.response, &kept.send_lag].into_iter().flatten().count()
        };
        assert_eq!(all, 2 * run.cells.iter().map(kinds).sum::<usize>());
        assert!(names.iter().all(|name| name.components().count() == 1));
    }
}
