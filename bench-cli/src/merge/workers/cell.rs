//! Merge of one cell over all workers.

use std::collections::BTreeMap;

use listenrain_results::{Cell, LittlesLaw, OpenLoop, Series, Steadiness};

use super::{MergeError, launch, same, told, usages};
use crate::merge::{AllTimes, sums, with_launches};
use crate::metrics::SETTINGS;

/// Errors kept in words.
const SAMPLES: usize = 10;
/// Workers whose timed windows differ by more than this share in length did not measure at the same time.
const APART: f64 = 0.05;

pub(super) type Cells<'a> = BTreeMap<u64, &'a Cell>;

/// The cell at `place` of the plan, of every worker's. What is not named here is a setting, which all have in common.
pub(super) fn merge(place: usize, cells: &Cells<'_>) -> Result<Cell, MergeError> {
    // A cell that was not measured does not say how it would have been.
    let measured: Cells<'_> =
        cells.iter().filter(|(_, cell)| cell.duration_s > 0.0).map(|(index, cell)| (*index, *cell)).collect();
    let measured = if measured.is_empty() { cells.clone() } else { measured };
    for setting in SETTINGS.iter().filter(|setting| !setting.is_shared_out) {
        same(&measured, &format!("{} of cell {place}", setting.name), |cell| (setting.of)(cell))?;
    }
    same(&measured, &format!("duration of cell {place}"), |cell| cell.asked_s)?;
    let orders = same(&measured, &format!("launches of cell {place}"), |cell| {
        cell.launches.iter().map(|launch| launch.order).collect::<Vec<_>>()
    })?;
    let first = measured.values().next().map(|cell| (*cell).clone()).unwrap_or_default();
    let all = || cells.values().copied();
    let sum = |of: fn(&Cell) -> u64| all().map(of).sum::<u64>();
    let (series, series_warning) = series(cells);
    let (tps, apart) = rate(&measured, &series);
    let warnings = told(cells.iter().map(|(index, cell)| (*index, &cell.warnings)));
    let samples = told(cells.iter().map(|(index, cell)| (*index, &cell.error_samples)));
    let payload_bytes = first.payload_bytes;
    let open_loop = first.open_loop.clone().map(|open| open_loop(open, cells));
    let cell = Cell {
        open_loop,
        parallel: sum(|cell| cell.parallel),
        connections: sum(|cell| cell.connections),
        window_bytes: sum(|cell| cell.window_bytes),
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, payload_bytes),
        cpu_percent: all().map(|cell| cell.cpu_percent).sum(),
        rss_mib: all().map(|cell| cell.rss_mib).sum(),
        duration_s: all().map(|cell| cell.duration_s).fold(0.0, f64::max),
        error_samples: samples.into_iter().take(SAMPLES).collect(),
        warnings: warnings.into_iter().chain(series_warning).chain(apart).collect(),
        usage: usages::merge(cells, tps, payload_bytes),
        // Of one machine, or of none.
        host: if cells.len() == 1 { first.host } else { None },
        steadiness: steadiness(cells.iter().map(|(index, cell)| (*index, cell.steadiness.as_ref()))),
        series,
        // Asked for by `--until`, which workers do not take: each would stop at another launch.
        precision: None,
        ..first
    };
    let times = AllTimes::of(all()).map_err(|(at, why)| {
        let index = cells.keys().nth(at).copied().unwrap_or_default();
        MergeError::Histogram { cell: place, index, why }
    })?;
    let mut cell = times.into_cell(sums(all(), cell));
    let planned = all().map(|cell| cell.littles_law.planned).sum();
    cell.littles_law =
        LittlesLaw { planned, measured: LittlesLaw::new(0, tps, cell.service_us.mean).measured };
    let launches = (0..orders.len()).map(|at| launch::merge(at, cells)).collect();
    Ok(with_launches(cell, launches))
}

fn open_loop(of_one: OpenLoop, cells: &Cells<'_>) -> OpenLoop {
    let opens = || cells.values().filter_map(|cell| cell.open_loop.as_ref());
    OpenLoop {
        rate: opens().map(|open| open.rate).sum(),
        max_in_flight: opens().map(|open| open.max_in_flight).sum(),
        ..of_one
    }
}

/// Steady where all are.
pub(super) fn steadiness<'a>(
    parts: impl Iterator<Item = (u64, Option<&'a Steadiness>)>,
) -> Option<Steadiness> {
    let parts: Vec<_> = parts.map(|(index, part)| part.map(|part| (index, part))).collect::<Option<_>>()?;
    let known: Option<Vec<bool>> = parts.iter().map(|(_, part)| part.steady).collect();
    let any_not = parts.iter().any(|(_, part)| part.steady == Some(false));
    let why = parts.iter().filter(|(_, part)| !part.why.is_empty());
    Some(Steadiness {
        steady: if any_not { Some(false) } else { known.map(|all| all.into_iter().all(|steady| steady)) },
        cut_s: parts.iter().map(|(_, part)| part.cut_s).fold(0.0, f64::max),
        why: why.map(|(index, part)| format!("worker {index}: {}", part.why)).collect::<Vec<_>>().join("; "),
    })
}

/// Requests a second of all, while all were measuring; and what to say where some ended before others, since what one does
/// alone is no part of what all do at once.
fn rate(measured: &Cells<'_>, series: &Series) -> (f64, Option<String>) {
    let sum = measured.values().map(|cell| cell.tps).sum();
    let spans = || measured.values().map(|cell| cell.duration_s);
    let (shortest, longest) = (spans().fold(f64::INFINITY, f64::min), spans().fold(0.0, f64::max));
    if longest <= shortest * (1.0 + APART) {
        return (sum, None);
    }
    let common = series.tps.get(series.cut as usize..).filter(|common| !common.is_empty());
    let (tps, of) = match common {
        Some(common) => {
            (common.iter().sum::<f64>() / common.len() as f64, "the time that all have in common")
        }
        None => (sum, "their own times added up, since they have no windows in common"),
    };
    let why = format!(
        "the workers measured for {shortest:.1} to {longest:.1} s: throughput is that of {of}; requests and times are \
         those of all that each measured"
    );
    (tps, Some(why))
}

/// Window by window, as far as all have come. Percentiles of windows don't add up, and are left out.
fn series(cells: &Cells<'_>) -> (Series, Option<String>) {
    let parts: Vec<&Series> = cells.values().map(|cell| &cell.series).collect();
    let Some(first) = parts.first().filter(|first| !first.tps.is_empty()) else {
        return (Series::default(), None);
    };
    // Their lengths are measured.
    let is_alike =
        |part: &&Series| (part.window_s / first.window_s - 1.0).abs() < 0.05 && part.cut == first.cut;
    if !parts.iter().all(is_alike) {
        let why = "the workers' windows differ in length or in what is cut off; there is no series of all";
        return (Series::default(), Some(why.to_owned()));
    }
    let columns = |of: fn(&Series) -> &Vec<f64>, fold: fn(f64, f64) -> f64| {
        let length = parts.iter().map(|part| of(part).len()).min().unwrap_or(0);
        let at = |window: usize| parts.iter().map(|part| of(part)[window]).reduce(fold).unwrap_or(0.0);
        (0..length).map(at).collect::<Vec<_>>()
    };
    let series = Series {
        window_s: first.window_s,
        tps: columns(|part| &part.tps, |a, b| a + b),
        p50_us: Vec::new(),
        p99_us: Vec::new(),
        max_us: columns(|part| &part.max_us, f64::max),
        client_cpu_percent: columns(|part| &part.client_cpu_percent, |a, b| a + b),
        server_cpu_percent: columns(|part| &part.server_cpu_percent, |a, b| a + b),
        cut: first.cut,
    };
    (series, None)
}
