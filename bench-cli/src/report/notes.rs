//! Notes beside the figures: what failed, what was not reached, what spoils a row.

use listenrain_results::{Cell, Interval, Precision, Run};

use super::labels::Labels;
use super::plain;
use crate::metrics::BUSY_PERCENT;
use crate::units::{brief, or_none};

/// Process and host may count this share apart before it is said.
const ACCOUNTS_DIFFER: f64 = 0.15;
/// And no less than this, where 100 is one core: an idle machine is never quite idle.
const ACCOUNTS_LEAST: f64 = 10.0;

/// How a note begins that says that times are a model's.
const SIMULATED: &str = "simulated";

/// How grave a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Good to know.
    Remark,
    /// The figures are less than they seem.
    Warning,
    /// A row cannot be used.
    Failure,
}

/// A sentence for the reader, and lines that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) weight: Weight,
    pub(super) text: String,
    pub(super) lines: Vec<String>,
}

/// All that is to be said of `run`, the gravest first.
pub(super) fn notes(run: &Run) -> Vec<Note> {
    let labels = Labels::of(run);
    let mut notes: Vec<_> = run.warnings.iter().map(|text| warning(format!("warning: {text}"))).collect();
    if run.env.interrupted {
        notes.push(warning("warning: interrupted: not everything was measured".to_owned()));
    }
    if let Some(workers) = run.workers.as_ref().filter(|workers| !workers.missing.is_empty()) {
        let missing: Vec<_> = workers.missing.iter().map(ToString::to_string).collect();
        let text = format!("FAILED: the run is invalid: no word from worker {}", missing.join(", "));
        notes.push(Note { weight: Weight::Failure, text, lines: Vec::new() });
    }
    for cell in &run.cells {
        let of_cell = of_cell(cell, &labels.full(cell));
        // What is said of the run need not be said of each of its cells.
        let is_told = |note: &Note| note.text.starts_with(SIMULATED) && is_simulated(run);
        notes.extend(of_cell.into_iter().filter(|note| !is_told(note)));
    }
    notes.extend(little(run));
    notes.extend(cut(run));
    notes.sort_by_key(|note| std::cmp::Reverse(note.weight));
    for note in &mut notes {
        // Errors and names may be a peer's words.
        note.text = plain::line(&note.text);
        note.lines.iter_mut().for_each(|line| *line = plain::line(line));
    }
    notes
}

/// Whether the run says that all of it is a model's.
pub(super) fn is_simulated(run: &Run) -> bool {
    run.warnings.iter().any(|text| text.starts_with(SIMULATED))
}

fn warning(text: String) -> Note {
    Note { weight: Weight::Warning, text, lines: Vec::new() }
}

fn of_cell(cell: &Cell, name: &str) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(what) = cell.what_failed() {
        let text = format!("FAILED: {name}: {what}");
        notes.push(Note { weight: Weight::Failure, text, lines: cell.error_samples.clone() });
    }
    let missed = cell.precision.filter(|precision| !precision.reached);
    notes.extend(missed.map(|precision| warning(not_reached(cell, &precision, name))));
    if cell.generator_limited {
        notes.push(warning(limited(cell, name)));
    }
    if let Some(found) = cell.steadiness.as_ref().filter(|found| found.steady == Some(false)) {
        let why = if found.why.is_empty() { String::new() } else { format!(": {}", found.why) };
        notes.push(warning(format!("not steady: {name}{why}")));
    }
    notes.extend(accounts(cell, name).map(warning));
    notes.extend(cell.warnings.iter().map(|text| warning(format!("warning: {name}: {text}"))));
    if let Some(seed) = cell.simulated {
        notes.push(warning(format!(
            "simulated with seed {seed}: {name}: its times are the model's, and no machine's"
        )));
    }
    notes
}

fn not_reached(cell: &Cell, precision: &Precision, name: &str) -> String {
    let half = |interval: Option<Interval>| interval.as_ref().map(Interval::half_width);
    let percent = |share: f64| format!("±{:.1} %", share * 100.0);
    let tps = half(cell.tps_interval).unwrap_or(precision.got);
    let cpu = half(cell.cpu_us_interval).filter(|cpu| *cpu > precision.wanted);
    let cpu = cpu.map_or_else(String::new, |cpu| format!(", cpu a request {}", percent(cpu)));
    let wanted = precision.wanted * 100.0;
    format!("!!! desired confidence not reached: tps {}{cpu} (asked for {wanted:.1} %): {name}", percent(tps))
}

fn limited(cell: &Cell, name: &str) -> String {
    let lag = or_none(cell.send_lag_us.and_then(|lag| lag.p99), brief);
    let response = or_none(cell.response_us.and_then(|response| response.p50), brief);
    // Only what has not been tried.
    let is_tick = cell.open_loop.as_ref().is_some_and(|open| open.pacer == "tick");
    let has_own = cell.placement != "same" && !cell.pin.is_empty();
    let pacer = if is_tick { ", or use --pacer thread" } else { "" };
    let pins =
        if has_own { "" } else { ", or give the client processors of its own (--placement split --pin)" };
    format!(
        "GENERATOR-LIMITED: {name}: send lag p99 {lag} µs beside a response p50 of {response} µs: the load generator \
         was late, so the row says too little of the transport and is not to be compared; lower --rate{pins}{pacer}"
    )
}

/// What the processes were charged for, against what the machine was busy with.
fn accounts(cell: &Cell, name: &str) -> Option<String> {
    let process = cell.usage.both.map(|both| both.cpu_percent).or(cell.cpu_percent)?;
    // Where the machine had other work before, there is no telling how that went on; the run says so.
    let host = cell.host.filter(|host| host.idle_busy_percent <= BUSY_PERCENT)?;
    let busy = host.busy_percent - host.idle_busy_percent;
    let apart = (busy - process).abs();
    (apart > ACCOUNTS_LEAST && apart > ACCOUNTS_DIFFER * process.max(busy)).then(|| {
        format!(
            "cpu accounts disagree: {name}: {process:.0} % by process, {busy:.0} % by host: either other work ran, or \
             work was done in interrupts and charged to no process"
        )
    })
}

fn little(run: &Run) -> Option<Note> {
    let closed = run.cells.iter().filter(|cell| cell.requests > 0 && cell.open_loop.is_none());
    let worst = closed.map(|cell| cell.littles_law.off_by()).reduce(f64::max)?;
    let text = format!(
        "Self-check, N = X·R (outstanding = tps x mean time): off by at most {:.1} %.",
        worst * 100.0
    );
    Some(Note { weight: Weight::Remark, text, lines: Vec::new() })
}

/// How much is left out of the figures.
fn cut(run: &Run) -> Option<Note> {
    let cuts = run.cells.iter().filter_map(|cell| cell.steadiness.as_ref()).map(|found| found.cut_s);
    let most = cuts.reduce(f64::max).filter(|most| *most > 0.0)?;
    let text =
        format!("Left out of every figure, at the beginning of the timed window: at most {most:.1} s.");
    Some(Note { weight: Weight::Remark, text, lines: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use listenrain_results::{Env, HostCpu, Steadiness, Times};

    fn texts(cell: Cell) -> String {
        let run = Run::new(Env::default(), vec![cell]);
        notes(&run).iter().map(|note| format!("{}\n", note.text)).collect()
    }

    fn cell() -> Cell {
        Cell { transport: "tcp".to_owned(), stack: "bare".to_owned(), requests: 1, ..Cell::default() }
    }

    #[test]
    fn a_precision_that_was_not_reached_is_loud() {
        let precision = Precision { wanted: 0.025, got: 0.068, reached: false };
        let interval = Interval { mean: 100.0, low: 93.2, high: 106.8, n: 5 };
        let text = texts(Cell { precision: Some(precision), tps_interval: Some(interval), ..cell() });
        assert!(
            text.contains("!!! desired confidence not reached: tps ±6.8 % (asked for 2.5 %): tcp bare"),
            "{text}"
        );
        let reached = Precision { reached: true, ..precision };
        assert!(!texts(Cell { precision: Some(reached), ..cell() }).contains("!!!"));
    }

    #[test]
    fn a_late_generator_an_unsteady_row_and_accounts_that_disagree_are_told() {
        let lag = Times { p99: Some(150.0), ..Times::default() };
        let spoilt = Cell {
            generator_limited: true,
            send_lag_us: Some(lag),
            cpu_percent: Some(100.0),
            host: Some(HostCpu { busy_percent: 140.0, idle_busy_percent: 5.0, ..HostCpu::default() }),
            steadiness: Some(Steadiness {
                steady: Some(false),
                cut_s: 0.0,
                why: "throughput still rises".to_owned(),
            }),
            ..cell()
        };
        let text = texts(spoilt.clone());
        assert!(text.contains("GENERATOR-LIMITED") && text.contains("150 µs"), "{text}");
        assert!(text.contains("100 % by process, 135 % by host"), "{text}");
        assert!(text.contains("not steady: tcp bare 0 x 0B: throughput still rises"), "{text}");
        let close = HostCpu { busy_percent: 110.0, ..HostCpu::default() };
        assert!(!texts(Cell { host: Some(close), ..spoilt }).contains("accounts"));
    }

    #[test]
    fn a_simulated_run_says_so_once() {
        let simulated = Cell { simulated: Some(7), ..cell() };
        let mut run = Run::new(Env::default(), vec![simulated.clone(), simulated]);
        let count = |run: &Run| notes(run).iter().filter(|note| note.text.contains("simulated")).count();
        assert_eq!(count(&run), 2, "of each cell, where nobody says it of the run");
        run.warnings.push("simulated: every time is the model's, none a machine's".to_owned());
        assert_eq!(count(&run), 1);
    }

    #[test]
    fn what_failed_comes_first() {
        let run = fixtures::rich();
        let notes = notes(&run);
        assert_eq!(notes[0].weight, Weight::Failure);
        assert!(notes.is_sorted_by_key(|note| std::cmp::Reverse(note.weight)));
        assert!(notes.iter().any(|note| note.weight == Weight::Remark));
    }
}
