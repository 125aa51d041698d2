//! One cell of many workers' cells.

use std::collections::BTreeMap;

use listenrain_results::{Cell, Histograms, LittlesLaw, OpenLoop, Series, Steadiness, Times};

use super::{MergeError, launches, same, told, usage};
use crate::meter::histogram::{Distribution, to_text};

/// Errors kept in words.
const SAMPLES: usize = 10;
/// Workers whose timed windows differ by more than this share in length did not measure at the same time.
const APART: f64 = 0.05;

pub(super) type Cells<'a> = BTreeMap<u64, &'a Cell>;

/// The cell at `place` of the plan, of every worker's.
///
/// Every field is named here, so that one that is added later has its rule.
pub(super) fn merge(place: usize, cells: &Cells<'_>) -> Result<Cell, MergeError> {
    // A cell that was not measured does not say how it would have been.
    let measured: Cells<'_> =
        cells.iter().filter(|(_, cell)| cell.duration_s > 0.0).map(|(index, cell)| (*index, *cell)).collect();
    let measured = if measured.is_empty() { cells.clone() } else { measured };
    let same = SameIn { place, cells: &measured };
    let payload_bytes = same.of("payload_bytes", |cell| cell.payload_bytes)?;
    let [service, response, send_lag] = times(place, cells)?;
    let service = service.unwrap_or_default();
    let (series, series_warning) = series(cells);
    let (tps, apart) = rate(&measured, &series);
    let planned = cells.values().map(|cell| cell.littles_law.planned).sum();
    let usage = usage::merge(cells, tps, payload_bytes);
    let launched = launches::merge(&same, cells)?;
    let warnings = told(cells.iter().map(|(index, cell)| (*index, &cell.warnings)));
    Ok(Cell {
        transport: same.of("transport", |cell| cell.transport.clone())?,
        stack: same.of("stack", |cell| cell.stack.clone())?,
        runtime: same.of("runtime", |cell| cell.runtime.clone())?,
        protocol: same.of("protocol", |cell| cell.protocol.clone())?,
        parallel: cells.values().map(|cell| cell.parallel).sum(),
        payload_bytes,
        requests: cells.values().map(|cell| cell.requests).sum(),
        errors: cells.values().map(|cell| cell.errors).sum(),
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, payload_bytes),
        cpu_percent: sum(cells.values().map(|cell| cell.cpu_percent)),
        rss_mib: sum(cells.values().map(|cell| cell.rss_mib)),
        service_us: service.times(),
        lanes: same.of("lanes", |cell| cell.lanes)?,
        connections: cells.values().map(|cell| cell.connections).sum(),
        duration_s: cells.values().map(|cell| cell.duration_s).fold(0.0, f64::max),
        asked_s: same.of("asked_s", |cell| cell.asked_s)?,
        warmup_s: same.of("warmup_s", |cell| cell.warmup_s)?,
        window_bytes: cells.values().map(|cell| cell.window_bytes).sum(),
        littles_law: LittlesLaw { planned, measured: LittlesLaw::new(0, tps, service.times().mean).measured },
        error_kinds: error_kinds(cells),
        error_samples: told(cells.iter().map(|(index, cell)| (*index, &cell.error_samples)))
            .into_iter()
            .take(SAMPLES)
            .collect(),
        warnings: warnings.into_iter().chain(series_warning).chain(apart).collect(),
        target: same.of("target", |cell| cell.target.clone())?,
        via: same.of("via", |cell| cell.via.clone())?,
        options: same.of("options", |cell| cell.options.clone())?,
        placement: same.of("placement", |cell| cell.placement.clone())?,
        pin: same.of("pin", |cell| cell.pin.clone())?,
        open_loop: open_loop(&same, cells)?,
        response_us: response.as_ref().map(Distribution::times),
        send_lag_us: send_lag.as_ref().map(Distribution::times),
        generator_limited: cells.values().any(|cell| cell.generator_limited),
        histograms: Histograms {
            service: Some(to_text(&service.counts)),
            response: response.map(|times| to_text(&times.counts)),
            send_lag: send_lag.map(|times| to_text(&times.counts)),
        },
        usage,
        // Of one machine, or of none.
        host: if cells.len() == 1 { cells.values().next().and_then(|cell| cell.host) } else { None },
        steadiness: steadiness(cells.iter().map(|(index, cell)| (*index, cell.steadiness.as_ref()))),
        series,
        tps_interval: launches::interval(&launched, |launch| Some(launch.tps)),
        cpu_us_interval: launches::interval(&launched, |launch| launch.cpu_us_per_request),
        launches: launched,
        // Asked for by `--until`, which workers do not take: each would stop at another launch.
        precision: None,
        stalls: same.of("stalls", |cell| cell.stalls.clone())?,
        scenario: same.of("scenario", |cell| cell.scenario.clone())?,
        phase: same.of("phase", |cell| cell.phase.clone())?,
        one_ways: cells.values().map(|cell| cell.one_ways).sum(),
        simulated: same.of("simulated", |cell| cell.simulated)?,
    })
}

/// Names the cell where workers differ.
pub(super) struct SameIn<'a> {
    pub(super) place: usize,
    cells: &'a Cells<'a>,
}

impl SameIn<'_> {
    pub(super) fn of<T: PartialEq + std::fmt::Debug>(
        &self,
        field: &str,
        of: impl Fn(&Cell) -> T,
    ) -> Result<T, MergeError> {
        same(self.cells, &format!("{field} of cell {}", self.place), |cell| of(cell))
    }
}

/// The sum, where every one is known.
pub(super) fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.sum()
}

/// Service, response and send lag of all; absent where nobody has them.
fn times(place: usize, cells: &Cells<'_>) -> Result<[Option<Distribution>; 3], MergeError> {
    type Kind = fn(&Cell) -> (Option<Times>, Option<&String>);
    let kinds: [Kind; 3] = [
        |cell| (Some(cell.service_us), cell.histograms.service.as_ref()),
        |cell| (cell.response_us, cell.histograms.response.as_ref()),
        |cell| (cell.send_lag_us, cell.histograms.send_lag.as_ref()),
    ];
    let mut whole = [None, None, None];
    for (kind, whole) in kinds.into_iter().zip(&mut whole) {
        for (index, cell) in cells {
            let wrong = |why: String| MergeError::Histogram { cell: place, index: *index, why };
            let part = match kind(cell) {
                (None, _) => continue,
                (Some(times), Some(text)) => Distribution::restore(&times, text).map_err(wrong)?,
                (Some(times), None) if times.count == 0 => Distribution::default(),
                (Some(_), None) => {
                    return Err(wrong("there is no histogram, and percentiles don't add up".into()));
                }
            };
            whole.get_or_insert_with(Distribution::default).add(&part);
        }
    }
    Ok(whole)
}

fn error_kinds(cells: &Cells<'_>) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for (kind, count) in cells.values().flat_map(|cell| &cell.error_kinds) {
        *kinds.entry(kind.clone()).or_default() += count;
    }
    kinds
}

fn open_loop(same: &SameIn<'_>, cells: &Cells<'_>) -> Result<Option<OpenLoop>, MergeError> {
    let field = |of: fn(&OpenLoop) -> String| move |cell: &Cell| cell.open_loop.as_ref().map(of);
    let arrivals = same.of("arrivals", field(|open| open.arrivals.clone()))?;
    let pacer = same.of("pacer", field(|open| open.pacer.clone()))?;
    let Some((arrivals, pacer)) = arrivals.zip(pacer) else { return Ok(None) };
    let opens = || cells.values().filter_map(|cell| cell.open_loop.as_ref());
    Ok(Some(OpenLoop {
        rate: opens().map(|open| open.rate).sum(),
        arrivals,
        max_in_flight: opens().map(|open| open.max_in_flight).sum(),
        pacer,
        intended: opens().map(|open| open.intended).sum(),
        dropped: opens().map(|open| open.dropped).sum(),
    }))
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
