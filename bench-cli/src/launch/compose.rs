//! From what the ends measured to the cell of a run.

use std::time::Duration;

use listenrain_results::{Cell, Launch, LittlesLaw, OpenLoop, Series, Usage, Usages};

use super::overlap;
use crate::cell::protocol::{Measured, Served};
use crate::load::{CellConfig, Placement};
use crate::machine::root::Root;
use crate::machine::secrets::{told_without_secrets, without_secrets};
use crate::meter::usage::{self, Fold, Snapshot};

/// Little's law off by more than this share means that the figures don't belong together.
const LITTLE_WITHIN: f64 = 0.1;
/// A generator whose requests left this late or later, 1 in 100 of them, measured itself: a tenth of the median response
/// time, or a millisecond where that is more.
const LAG_SHARE: f64 = 0.1;
const LAG_US: f64 = 1_000.0;
/// The cells of one launch: one for each phase of a scenario that was begun, else one.
pub(crate) fn cells(
    config: &CellConfig,
    measured: Vec<Measured>,
    served: Option<&Served>,
    idle: f64,
) -> Vec<Cell> {
    let mut before = 0;
    let mut cells = Vec::new();
    for (index, measured) in measured.into_iter().enumerate() {
        let phase = config.phase(index);
        let count = measured.marks.len();
        // The server's marks are those of all phases; one phase begins with the mark that the one before ended with.
        let marks = |served: &Served| served.marks.iter().skip(before).take(count).copied().collect();
        let served = served.map(|served| Served { marks: marks(served), peak_mib: served.peak_mib });
        before += count.saturating_sub(1);
        cells.push(cell(&phase, measured, served.as_ref(), idle));
    }
    cells
}

/// The cells of a launch of which nothing was measured, and why.
pub(crate) fn all_failed(config: &CellConfig, why: &str) -> Vec<Cell> {
    (0..config.phases()).map(|index| failed(&config.phase(index), why)).collect()
}

/// A cell of one launch.
pub(super) fn cell(config: &CellConfig, measured: Measured, served: Option<&Served>, idle: f64) -> Cell {
    let kept = |marks: &[Snapshot]| marks.get(measured.cut..).unwrap_or_default().to_vec();
    let marks = kept(&measured.marks);
    let elapsed = span(&marks).as_secs_f64();
    let tps = measured.requests as f64 / elapsed.max(1e-9);
    let payload = config.payload as u64;
    let own = usage::usage(&marks, measured.peak_mib, measured.requests, payload);
    let theirs = served
        .and_then(|served| usage::usage(&kept(&served.marks), served.peak_mib, measured.requests, payload));
    let usage = usages(config, own, theirs);
    let both = usage.both;
    let planned = if config.open.is_some() { 0 } else { config.outstanding() };
    let mut cell = Cell {
        requests: measured.requests,
        one_ways: measured.one_ways,
        errors: measured.error_kinds.values().sum(),
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, payload),
        cpu_percent: both.map(|both| both.cpu_percent),
        rss_mib: both.and_then(|both| both.rss_peak_mib),
        service_us: measured.service,
        duration_s: elapsed,
        littles_law: littles_law(planned, tps, &measured, elapsed),
        error_kinds: measured.error_kinds.clone(),
        error_samples: measured.error_samples.iter().map(|said| open_text(config, said)).collect(),
        open_loop: open_loop(config, &measured),
        response_us: measured.response,
        send_lag_us: measured.send_lag,
        generator_limited: lagged(&measured),
        histograms: measured.histograms.clone(),
        usage,
        host: usage::host(&marks, idle),
        series: series(&measured, served),
        steadiness: Some(measured.steadiness.clone()),
        ..labels(config)
    };
    cell.warnings = warnings(&cell, measured.was_cut_short);
    cell.warnings.extend(overlap::warning(config, &Root::system()));
    cell.launches = vec![launch(&cell)];
    cell
}

/// A cell of which nothing was measured, and why.
fn failed(config: &CellConfig, why: &str) -> Cell {
    let cell = Cell {
        errors: 1,
        error_kinds: [("not measured".to_owned(), 1)].into(),
        error_samples: vec![open_text(config, why)],
        ..labels(config)
    };
    Cell { launches: vec![launch(&cell)], ..cell }
}

/// What was said without the secrets of endpoints: run files are shown around.
fn open_text(config: &CellConfig, said: &str) -> String {
    told_without_secrets(said, config.target.as_deref())
}

/// A caller that thinks between a reply and its next request is accounted for as well.
fn littles_law(planned: u64, tps: f64, measured: &Measured, elapsed: f64) -> LittlesLaw {
    let law = LittlesLaw::new(planned, tps, measured.service.mean);
    let pausing = measured.paused.as_secs_f64() / elapsed.max(1e-9);
    LittlesLaw { measured: law.measured + pausing, ..law }
}

/// What says which cell it is.
fn labels(config: &CellConfig) -> Cell {
    let option = |(name, value): &(String, String)| format!("{}.{name}={value}", config.transport);
    Cell {
        transport: config.transport.clone(),
        stack: config.stack.clone(),
        runtime: config.runtime.to_string(),
        protocol: config.protocol.to_string(),
        parallel: config.parallel,
        payload_bytes: config.payload as u64,
        lanes: config.lanes,
        connections: config.connections,
        asked_s: config.duration.as_secs_f64(),
        warmup_s: config.warmup.as_secs_f64(),
        window_bytes: config.window as u64,
        target: config.target.as_deref().map(without_secrets),
        via: config.via.clone(),
        options: config.options.iter().map(option).collect(),
        placement: if config.target.is_some() { "target".to_owned() } else { config.placement.to_string() },
        pin: config.pins.to_string(),
        stalls: config.stalls.iter().map(ToString::to_string).collect(),
        open_loop: open_loop(config, &Measured::default()),
        scenario: config.phase.as_ref().map(|(scenario, _)| scenario.clone()),
        phase: config.phase.as_ref().map(|(_, phase)| phase.clone()),
        ..Cell::default()
    }
}

fn open_loop(config: &CellConfig, measured: &Measured) -> Option<OpenLoop> {
    config.open.as_ref().map(|open| OpenLoop {
        rate: open.rate,
        arrivals: open.arrivals.to_string(),
        max_in_flight: config.outstanding(),
        pacer: open.pacer.to_string(),
        intended: measured.intended,
        dropped: measured.dropped,
    })
}

fn usages(config: &CellConfig, own: Option<Usage>, theirs: Option<Usage>) -> Usages {
    match config.placement {
        _ if config.target.is_some() => Usages { client: own, ..Usages::default() },
        Placement::Same => Usages { both: own, ..Usages::default() },
        Placement::Split => {
            let both = own.zip(theirs).map(|(own, theirs)| usage::fold(&[own, theirs], Fold::Sum));
            Usages { both, client: own, server: theirs }
        }
    }
}

fn lagged(measured: &Measured) -> bool {
    let (Some(response), Some(lag)) = (measured.response, measured.send_lag) else { return false };
    let limit = response.p50.map_or(LAG_US, |p50| (p50 * LAG_SHARE).max(LAG_US));
    lag.p99.unwrap_or(lag.max) > limit
}

fn series(measured: &Measured, served: Option<&Served>) -> Series {
    let pairs = || measured.marks.windows(2);
    let length = |pair: &[Snapshot]| span(pair).as_secs_f64().max(1e-9);
    let cpu = |marks: &[Snapshot]| marks.windows(2).map(|pair| pair[1].cpu_percent_since(&pair[0])).collect();
    let figures = &measured.windows;
    Series {
        window_s: span(&measured.marks).as_secs_f64() / pairs().len().max(1) as f64,
        tps: figures
            .iter()
            .zip(pairs())
            .map(|(window, pair)| window.requests as f64 / length(pair))
            .collect(),
        p50_us: figures.iter().map(|window| window.p50_us).collect(),
        p99_us: figures.iter().map(|window| window.p99_us).collect(),
        max_us: figures.iter().map(|window| window.max_us).collect(),
        client_cpu_percent: cpu(&measured.marks),
        server_cpu_percent: served.map(|served| cpu(&served.marks)).unwrap_or_default(),
        cut: measured.cut as u64,
    }
}

fn span(marks: &[Snapshot]) -> Duration {
    match marks {
        [first, .., last] => last.at.saturating_sub(first.at),
        _ => Duration::ZERO,
    }
}

fn launch(cell: &Cell) -> Launch {
    Launch {
        order: 0,
        requests: cell.requests,
        errors: cell.errors,
        tps: cell.tps,
        cpu_us_per_request: cell.usage.both.or(cell.usage.client).map(|usage| usage.cpu_us_per_request),
        cpu_percent: cell.cpu_percent,
        rss_mib: cell.rss_mib,
        service_us: cell.service_us,
        response_us: cell.response_us,
        steadiness: cell.steadiness.clone(),
    }
}

fn warnings(cell: &Cell, was_cut_short: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if was_cut_short {
        warnings.push(format!("interrupted: measured for {:.1} s only", cell.duration_s));
    }
    if !cell.stalls.is_empty() {
        warnings.push(format!("the server stalled on purpose: {}", cell.stalls.join(", ")));
    }
    if cell.requests == 0 {
        warnings.push("no request completed inside the window; try a longer --duration".to_owned());
    } else if cell.littles_law.off_by() > LITTLE_WITHIN {
        warnings.push(format!(
            "Little's law is off: {:.1} outstanding measured, {:.0} planned; the callers spend the rest filling and \
             checking payloads, or the window is too short for its requests",
            cell.littles_law.measured, cell.littles_law.planned
        ));
    }
    if let Some(open) = cell.open_loop.as_ref().filter(|open| open.dropped > 0) {
        warnings.push(format!(
            "{} of {} requests were due and not sent, since {} were outstanding: their times would have been the longest",
            open.dropped, open.intended, open.max_in_flight
        ));
    }
    warnings
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
