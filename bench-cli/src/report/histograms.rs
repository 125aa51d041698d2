//! Every histogram of the runs that are shown, for files of histograms.

use hdrhistogram::Histogram;
use listenrain_results::Cell;

use super::Shown;
use super::labels::Labels;
use crate::metrics::Kind;

/// One histogram of a run.
pub(super) struct Kept<'a> {
    /// Which run of those shown, from 0.
    pub(super) run: usize,
    /// Which cell of the run, from 0.
    pub(super) at: usize,
    pub(super) cell: &'a Cell,
    /// The cell's name among those of its run.
    pub(super) label: String,
    pub(super) kind: Kind,
    /// Nanoseconds.
    pub(super) counts: Histogram<u64>,
    /// The longest, exactly, nanoseconds: a bucket's top may lie beyond.
    pub(super) max_ns: u64,
}

/// Every histogram of `runs`, in their order.
///
/// # Errors
///
/// A text for the user when a run holds one that cannot be read, or none of them holds any.
pub(super) fn kept<'a>(runs: &[Shown<'a>]) -> Result<Vec<Kept<'a>>, String> {
    let mut all = Vec::new();
    for (number, shown) in runs.iter().enumerate() {
        let labels = Labels::of(shown.run);
        for (at, cell) in shown.run.cells.iter().enumerate() {
            for kind in Kind::ALL {
                let label = labels.full(cell);
                let read = kind.histogram(cell).map_err(|why| format!("{}: {label}: {why}", shown.name))?;
                let Some(counts) = read else { continue };
                let max_us = kind.times(cell).map_or(f64::INFINITY, |times| times.max);
                let max_ns = (max_us * 1e3).round() as u64;
                all.push(Kept { run: number, at, cell, label, kind, counts, max_ns });
            }
        }
    }
    if all.is_empty() {
        return Err("no histogram was kept: runs of schema 1 have none, nor has a row that failed".to_owned());
    }
    Ok(all)
}
