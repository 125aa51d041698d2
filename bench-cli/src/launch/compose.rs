//! Composition of a run's cell from what both ends measured.

use std::time::Duration;

use listenrain_results::{Cell, Launch, LittlesLaw, OpenLoop, Series, Usage, Usages};

use super::overlap;
use crate::cell::protocol::{Measured, Served};
use crate::load::{CellConfig, Placement};
use crate::machine::root::Root;
use crate::machine::secrets::{told_without_secrets, without_secrets};
use crate::meter::NOT_MEASURED;
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
        tool_us_per_request: measured.tool_us,
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
        error_kinds: [(NOT_MEASURED.to_owned(), 1)].into(),
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
mod tests {
    use super::*;
    use crate::cell::protocol::WindowFigures;
    use crate::load::OpenConfig;
    use listenrain_results::Times;

    /// A mark at `at_s` seconds, when `cpu_s` seconds of CPU had been used.
    fn mark(at_s: u64, cpu_s: u64) -> Snapshot {
        Snapshot { at: Duration::from_secs(at_s), user: Duration::from_secs(cpu_s), ..Snapshot::default() }
    }

    /// Three windows of a second, of which the first is cut off.
    fn measured() -> Measured {
        Measured {
            windows: vec![WindowFigures { requests: 10, ..WindowFigures::default() }; 3],
            cut: 1,
            requests: 20,
            service: Times { count: 20, mean: 100_000.0, ..Times::default() },
            marks: vec![mark(5, 1), mark(6, 4), mark(7, 5), mark(8, 6)],
            peak_mib: Some(10.0),
            ..Measured::default()
        }
    }

    #[test]
    fn both_ends_are_charged_for_the_same_marks() {
        // Defect 9 of other tools: a server's CPU from its start on. It used 90 s before the first mark that counts.
        let served =
            Served { marks: vec![mark(0, 0), mark(6, 90), mark(7, 92), mark(8, 94)], peak_mib: Some(7.0) };
        let config = CellConfig { placement: Placement::Split, ..CellConfig::default() };
        let cell = cell(&config, measured(), Some(&served), 0.0);
        let (client, server) = (cell.usage.client.unwrap(), cell.usage.server.unwrap());
        assert_eq!((client.cpu_percent, server.cpu_percent), (100.0, 200.0));
        assert_eq!((cell.cpu_percent, cell.rss_mib), (Some(300.0), Some(17.0)));
        assert_eq!((cell.tps, cell.duration_s), (10.0, 2.0));
        assert_eq!(client.cpu_us_per_request, 100_000.0);
        assert_eq!((cell.series.tps.len(), cell.series.server_cpu_percent.len(), cell.series.cut), (3, 3, 1));
    }

    #[test]
    fn one_process_has_no_sides_and_a_server_elsewhere_no_sum() {
        let same = cell(&CellConfig::default(), measured(), None, 0.0);
        assert!(same.usage.both.is_some() && same.usage.client.is_none());
        let config = CellConfig { target: Some("tcp://elsewhere:1".to_owned()), ..CellConfig::default() };
        let target = cell(&config, measured(), None, 0.0);
        assert!(target.usage.both.is_none() && target.usage.client.is_some() && target.cpu_percent.is_none());
        assert_eq!((same.placement.as_str(), target.placement.as_str()), ("same", "target"));
    }

    #[test]
    fn a_generator_that_lagged_marks_its_row() {
        let open = Some(OpenConfig {
            rate: 10.0,
            arrivals: crate::load::Arrivals::Fixed,
            max_in_flight: 4,
            pacer: crate::load::PacerChoice::Thread,
            seed: 1,
        });
        let config = CellConfig { open, ..CellConfig::default() };
        let lag = |p99, p50| Measured {
            response: Some(Times { p50: Some(p50), ..Times::default() }),
            send_lag: Some(Times { p99: Some(p99), ..Times::default() }),
            ..measured()
        };
        assert!(!cell(&config, lag(900.0, 50.0), None, 0.0).generator_limited);
        let lagged = cell(&config, lag(1_100.0, 50.0), None, 0.0);
        assert!(lagged.generator_limited, "{lagged:?}");
        assert!(!cell(&config, lag(1_100.0, 20_000.0), None, 0.0).generator_limited);
        assert_eq!(lagged.littles_law.off_by(), 0.0, "an open loop plans no number of outstanding requests");
    }

    #[test]
    fn no_secret_of_an_endpoint_comes_into_a_run() {
        let target = "tls://me:S3CRET@host:1?key=S3CRET".to_owned();
        let config = CellConfig { target: Some(target.clone()), ..CellConfig::default() };
        let said = Measured {
            error_kinds: [("lost".to_owned(), 1)].into(),
            error_samples: vec![format!("{target}: gone"), "tcp://a:S3CRET@b is silent".to_owned()],
            ..measured()
        };
        for cell in [
            failed(
                &config,
                &format!("{target} cannot be reached: refused; `serve --listen {target}` starts one"),
            ),
            cell(&config, said, None, 0.0),
        ] {
            let json = listenrain_results::Run::new(Default::default(), vec![cell.clone()]).to_json();
            assert!(!json.contains("S3CRET") && json.contains("tls://"), "{json}");
            assert!(!cell.error_samples.is_empty() && cell.target.is_some());
        }
        assert!(failed(&config, "no: refused").error_samples[0].ends_with("no: refused"));
    }
}
