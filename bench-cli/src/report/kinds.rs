//! The kinds of time that a cell has histograms of.

use hdrhistogram::Histogram;
use listenrain_results::{Cell, Times};

use super::Shown;
use super::labels::Labels;
use crate::meter::histogram::from_text;

/// Which two of a request's three moments are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From sent to done.
    Service,
    /// From intended to done.
    Response,
    /// From intended to sent.
    SendLag,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Service, Self::Response, Self::SendLag];

    /// As it is called in files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Response => "response",
            Self::SendLag => "send_lag",
        }
    }

    /// What a user would see of `cell`: response time of an open loop, service time of a closed one.
    pub(super) fn seen(cell: &Cell) -> Self {
        if cell.response_us.is_some() { Self::Response } else { Self::Service }
    }

    /// The figures of that kind.
    pub(super) fn times(self, cell: &Cell) -> Option<Times> {
        match self {
            Self::Service => Some(cell.service_us),
            Self::Response => cell.response_us,
            Self::SendLag => cell.send_lag_us,
        }
    }

    /// The histogram of that kind, nanoseconds; none in runs that kept none.
    ///
    /// # Errors
    ///
    /// When what the run holds is no histogram.
    pub(super) fn histogram(self, cell: &Cell) -> Result<Option<Histogram<u64>>, String> {
        let text = match self {
            Self::Service => &cell.histograms.service,
            Self::Response => &cell.histograms.response,
            Self::SendLag => &cell.histograms.send_lag,
        };
        text.as_deref().map(from_text).transpose()
    }
}

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
