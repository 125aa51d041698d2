//! Histogram counts as CSV: every bucket, so that the histograms can be rebuilt exactly.

use listenrain_results::Cell;

use super::Shown;
use super::csv::field;
use super::histograms::kept;
use crate::metrics::names;

/// One line a bucket that is not empty: which cell, which kind of time, its highest value in µs, how many.
///
/// # Errors
///
/// A text for the user when a histogram cannot be read, or there is none.
pub(crate) fn counts(runs: &[Shown<'_>]) -> Result<String, String> {
    let heads = names(&Cell::default()).into_iter().map(|(head, _)| head);
    let heads: Vec<_> = std::iter::once("run".to_owned()).chain(heads).collect();
    let mut text = format!("{},kind,value_us,count\n", heads.join(","));
    for kept in kept(runs)? {
        let labels = names(kept.cell).into_iter().map(|(_, value)| field(&value));
        let labels: Vec<_> = std::iter::once(field(&runs[kept.run].name)).chain(labels).collect();
        let labels = labels.join(",");
        for bucket in kept.counts.iter_recorded() {
            let ns = bucket.value_iterated_to();
            let (us, rest, count) = (ns / 1000, ns % 1000, bucket.count_at_value());
            text += &format!("{labels},{},{us}.{rest:03},{count}\n", kept.kind.name());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{empty, from_text};
    use crate::report::fixtures;

    #[test]
    fn the_buckets_build_the_histogram_again_exactly() {
        let run = fixtures::rich();
        let text = counts(&[Shown::measured(&run)]).unwrap();
        let cell = run.cells.iter().find(|cell| cell.open_loop.is_some()).unwrap();
        let mut built = empty();
        let place = format!(",{},{}", cell.transport, cell.stack);
        let rate = format!(",{},", cell.open_loop.as_ref().unwrap().rate);
        for line in text.lines().filter(|line| line.contains(&place) && line.contains(&rate)) {
            let parts: Vec<_> = line.rsplitn(4, ',').collect();
            if parts[2] == "response" {
                let (us, ns) = parts[1].split_once('.').unwrap();
                let value = us.parse::<u64>().unwrap() * 1000 + ns.parse::<u64>().unwrap();
                built.record_n(value, parts[0].parse().unwrap()).unwrap();
            }
        }
        let response = cell.histograms.response.as_deref().unwrap();
        assert!(!built.is_empty() && built == from_text(response).unwrap());
    }
}
