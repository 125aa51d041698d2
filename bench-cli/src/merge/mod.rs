//! Merges of cells: of launches one after the other, or of workers at the same time.
//!
//! Counts add up, and so do histograms; percentiles are those of the added histograms, never of percentiles.

pub(crate) mod launches;
mod workers;

use std::collections::BTreeMap;

use listenrain_results::{Cell, Histograms, Interval, Launch, OpenLoop};

pub(crate) use self::launches::{half_width, launches};
pub(crate) use self::workers::{ServerUsage, add_servers, workers};
use crate::histogram::{Distribution, to_text};
use crate::metrics::Kind;
use crate::stats;

/// Service, response and send lag of several cells together, absent where none of them has it.
#[derive(Debug, Default)]
struct AllTimes([Option<Distribution>; 3]);

impl AllTimes {
    /// Adds the times that each of `cells` has.
    ///
    /// # Errors
    ///
    /// Which cell has figures without their histogram, or others than its histogram, and why that is wrong.
    fn of<'a>(cells: impl Iterator<Item = &'a Cell> + Clone) -> Result<Self, (usize, String)> {
        let mut all = Self::default();
        for (kind, whole) in Kind::ALL.into_iter().zip(&mut all.0) {
            for (at, cell) in cells.clone().enumerate() {
                let part = match (kind.times(cell), kind.text(cell)) {
                    (None, _) => continue,
                    (Some(times), Some(text)) => {
                        Distribution::restore(&times, text).map_err(|why| (at, why))?
                    }
                    (Some(times), None) if times.count == 0 => Distribution::default(),
                    (Some(_), None) => {
                        let why = "there is no histogram, and percentiles don't add up".to_owned();
                        return Err((at, why));
                    }
                };
                whole.get_or_insert_with(Distribution::default).add(&part);
            }
        }
        Ok(all)
    }

    /// `cell` with them.
    fn into_cell(self, mut cell: Cell) -> Cell {
        let text = |times: &Option<Distribution>| times.as_ref().map(|times| to_text(&times.counts));
        let [service, response, send_lag] = &self.0;
        cell.service_us = service.as_ref().map(Distribution::times).unwrap_or_default();
        cell.response_us = response.as_ref().map(Distribution::times);
        cell.send_lag_us = send_lag.as_ref().map(Distribution::times);
        cell.histograms =
            Histograms { service: text(service), response: text(response), send_lag: text(send_lag) };
        cell
    }
}

/// What adds up in the same way whenever the `cells` were measured, on top of `base`.
fn sums<'a>(cells: impl Iterator<Item = &'a Cell> + Clone, base: Cell) -> Cell {
    let sum = |of: fn(&Cell) -> u64| cells.clone().map(of).sum::<u64>();
    let mut error_kinds = BTreeMap::new();
    for (kind, count) in cells.clone().flat_map(|cell| &cell.error_kinds) {
        *error_kinds.entry(kind.clone()).or_default() += count;
    }
    let opens = |of: fn(&OpenLoop) -> u64| {
        cells.clone().filter_map(|cell| cell.open_loop.as_ref()).map(of).sum::<u64>()
    };
    let open_loop = base.open_loop.map(|open| OpenLoop {
        intended: opens(|open| open.intended),
        dropped: opens(|open| open.dropped),
        ..open
    });
    Cell {
        requests: sum(|cell| cell.requests),
        one_ways: sum(|cell| cell.one_ways),
        errors: sum(|cell| cell.errors),
        error_kinds,
        open_loop,
        generator_limited: cells.clone().any(|cell| cell.generator_limited),
        ..base
    }
}

/// `cell` with its launches, and the 95 % intervals over them.
fn with_launches(cell: Cell, launches: Vec<Launch>) -> Cell {
    Cell {
        tps_interval: interval(&launches, |launch| Some(launch.tps)),
        cpu_us_interval: interval(&launches, |launch| launch.cpu_us_per_request),
        launches,
        ..cell
    }
}

fn interval(launches: &[Launch], of: fn(&Launch) -> Option<f64>) -> Option<Interval> {
    stats::mean_interval(&launches.iter().map(of).collect::<Option<Vec<_>>>()?)
}
