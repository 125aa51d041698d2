//! Sheets: which tables a run's cells make, with the columns that are filled.

use listenrain_results::{Cell, HostCpu, Interval, Run, Steadiness, Times, Usage};

use super::labels::{Labels, load};
use super::table::Align::{self, Left, Right};
use super::table::Table;
use crate::metrics::{BUSY_PERCENT, SHARES, TIMES};
use crate::units::{brief, or_none, size_text, whole};

/// A column, and what each cell has in it.
pub(super) struct Column<'a> {
    pub(super) head: String,
    pub(super) align: Align,
    pub(super) text: Box<dyn Fn(&Cell) -> String + 'a>,
}

/// One table.
pub(super) struct Sheet<'a> {
    pub(super) title: &'static str,
    /// What its figures are, in a sentence or two.
    pub(super) caption: &'static str,
    pub(super) cells: Vec<&'a Cell>,
    pub(super) columns: Vec<Column<'a>>,
}

impl Sheet<'_> {
    pub(super) fn table(&self) -> Table {
        let row = |cell: &&Cell| self.columns.iter().map(|column| (column.text)(cell)).collect();
        let heads = self.columns.iter().map(|column| (column.head.clone(), column.align)).collect();
        Table::with_heads(heads, self.cells.iter().map(row).collect())
    }
}

/// The tables of `run`: closed loops, open loops, and what each end used.
pub(super) fn sheets(run: &Run) -> Vec<Sheet<'_>> {
    let (open, closed): (Vec<_>, Vec<_>) = run.cells.iter().partition(|cell| cell.open_loop.is_some());
    let used: Vec<_> = run.cells.iter().filter(|cell| usages(cell).any(|usage| usage.is_some())).collect();
    [closed_sheet(run, closed), open_sheet(run, open), used_sheet(run, used)]
        .into_iter()
        .filter(|sheet| !sheet.cells.is_empty())
        .collect()
}

fn closed_sheet<'a>(run: &'a Run, cells: Vec<&'a Cell>) -> Sheet<'a> {
    let mut columns = names(run, "parallel");
    columns.push(throughput("tps", &cells));
    columns.extend(consumption(&cells));
    columns.extend(times("service", |cell| Some(cell.service_us)));
    columns.extend(judgements(run, &cells));
    Sheet {
        title: "Closed loops",
        caption: "Times are service times, from call to reply: in a closed loop nobody waits before calling, so it \
                  cannot say what a user would wait. tps is what it can bear at most.",
        cells,
        columns,
    }
}

fn open_sheet<'a>(run: &'a Run, cells: Vec<&'a Cell>) -> Sheet<'a> {
    let mut columns = names(run, "rate");
    columns.push(throughput("achieved", &cells));
    if !cells.iter().any(|cell| usages(cell).any(|usage| usage.is_some())) {
        columns.extend(consumption(&cells));
    }
    columns.extend(times("response", |cell| cell.response_us));
    columns.push(right("service p50 µs", |cell| or_none(cell.service_us.p50, brief)));
    columns.push(right("lag p99 µs", |cell| or_none(cell.send_lag_us.and_then(|lag| lag.p99), brief)));
    columns.push(right("dropped", |cell| {
        cell.open_loop.as_ref().map_or_else(String::new, |open| whole(open.dropped as f64))
    }));
    columns.extend(judgements(run, &cells));
    Sheet {
        title: "Open loops",
        caption: "Response times count from when a request was due, so what waits behind a stall is seen; service \
                  times count from when it was sent. Lag, from due to sent, is the load generator's own lateness.",
        cells,
        columns,
    }
}

fn used_sheet<'a>(run: &'a Run, cells: Vec<&'a Cell>) -> Sheet<'a> {
    let any = |figure: fn(&Usage) -> bool| {
        cells.iter().any(|cell| usages(cell).flatten().any(|usage| figure(&usage)))
    };
    let mut columns = names(run, "load");
    columns.push(sides("cpu %", |_, used| whole(used.cpu_percent)));
    columns.push(sides("kernel", |_, used| {
        whole(100.0 * used.system_s / (used.user_s + used.system_s).max(f64::MIN_POSITIVE))
    }));
    columns.push(sides("µs/request", |_, used| brief(used.cpu_us_per_request)));
    if cells.iter().any(|cell| cell.tool_us_per_request.is_some()) {
        columns.push(right("tool µs", |cell| or_none(cell.tool_us_per_request, brief)));
    }
    columns.push(sides("µs/KiB", |_, used| brief(used.cpu_us_per_kib)));
    columns.push(sides("peak MiB", |_, used| or_none(used.rss_peak_mib, whole)));
    if any(|used| used.voluntary_switches + used.involuntary_switches > 0) {
        columns.push(sides("waits", |cell, used| {
            brief(used.voluntary_switches as f64 / cell.requests.max(1) as f64)
        }));
        columns.push(sides("preempted", |_, used| whole(used.involuntary_switches as f64)));
    }
    if any(|used| used.minor_faults + used.major_faults > 0) {
        columns.push(sides("faults", |_, used| whole((used.minor_faults + used.major_faults) as f64)));
    }
    if cells.iter().any(|cell| cell.host.is_some()) {
        let host = |cell: &Cell, figure: fn(&HostCpu) -> f64| or_none(cell.host.as_ref().map(figure), whole);
        // What other work takes can be taken off only where that is little.
        let rest = |cell: &Cell| {
            let host = cell.host.filter(|host| host.idle_busy_percent <= BUSY_PERCENT);
            or_none(host.map(|host| (host.busy_percent - host.idle_busy_percent).max(0.0)), whole)
        };
        columns.push(right("host", rest));
        columns.push(right("irq", move |cell| host(cell, |host| host.interrupt_percent)));
    }
    Sheet {
        title: "What each end used",
        caption: "Between the same marks as everything else: client / server where each is a process of its own, both \
                  together where one process holds them. 100 % = one core; kernel is the percentage of it spent there; µs are \
                  processor time, tool µs what of it a request costs the tool itself where it is answered in place. Waits a \
                  request and preemptions are context switches; irq is interrupts, host the whole machine less what it was busy \
                  with before, both in %.",
        cells,
        columns,
    }
}

fn usages(cell: &Cell) -> impl Iterator<Item = Option<Usage>> {
    [cell.usage.both, cell.usage.client, cell.usage.server].into_iter()
}

fn column<'a>(head: &str, align: Align, text: impl Fn(&Cell) -> String + 'a) -> Column<'a> {
    Column { head: head.to_owned(), align, text: Box::new(text) }
}

fn right<'a>(head: &str, text: impl Fn(&Cell) -> String + 'a) -> Column<'a> {
    column(head, Right, text)
}

/// What tells the rows from one another, with load and payload.
fn names<'a>(run: &Run, load_head: &str) -> Vec<Column<'a>> {
    let mut columns = vec![
        column("transport", Left, |cell| cell.transport.clone()),
        column("stack", Left, |cell| cell.stack.clone()),
    ];
    columns.extend(Labels::of(run).differ.into_iter().map(|setting| column(setting.name, Left, setting.of)));
    columns.push(right(load_head, load));
    columns.push(right("payload", |cell| size_text(cell.payload_bytes)));
    columns
}

fn throughput<'a>(head: &str, cells: &[&Cell]) -> Column<'a> {
    if cells.iter().any(|cell| cell.tps_interval.is_some()) {
        return right(&format!("{head} ± 95 %"), with_interval);
    }
    right(head, |cell| brief(cell.tps))
}

/// `60,882 ± 1.2 %` where there are several launches.
pub(super) fn with_interval(cell: &Cell) -> String {
    let half = cell.tps_interval.as_ref().map(Interval::half_width).filter(|half| half.is_finite());
    match half {
        Some(half) => format!("{} ± {:.1} %", brief(cell.tps), half * 100.0),
        None => brief(cell.tps),
    }
}

fn consumption<'a>(cells: &[&Cell]) -> Vec<Column<'a>> {
    let mut columns = vec![right("Gbit/s", |cell| brief(cell.gbit_per_s))];
    if cells.iter().any(|cell| cell.cpu_percent.is_some()) {
        columns.push(right("cpu %", |cell| or_none(cell.cpu_percent, whole)));
    }
    if cells.iter().any(|cell| cell.rss_mib.is_some()) {
        columns.push(right("mem MiB", |cell| or_none(cell.rss_mib, whole)));
    }
    columns
}

fn times<'a>(kind: &str, of: fn(&Cell) -> Option<Times>) -> Vec<Column<'a>> {
    let shown = TIMES.into_iter().filter(|(_, head, _)| ["p50", "p99", "p99.9", "max"].contains(head));
    let column = |(_, head, figure): (_, &str, fn(&Times) -> Option<f64>)| {
        let head = if head == "p50" { format!("{kind} µs: p50") } else { head.to_owned() };
        right(&head, move |cell| or_none(of(cell).as_ref().and_then(figure), brief))
    };
    shown.map(column).collect()
}

/// Shares of other stacks, steadiness, errors, failure: where there are such.
fn judgements<'a>(run: &'a Run, cells: &[&Cell]) -> Vec<Column<'a>> {
    let mut columns = Vec::new();
    for (stack, _, head, of) in SHARES {
        if cells.iter().any(|cell| cell.stack != stack && of(run, cell).is_some()) {
            columns.push(right(head, move |cell| or_none(of(run, cell).map(|share| share * 100.0), whole)));
        }
    }
    if cells.iter().any(|cell| cell.steadiness.is_some()) {
        columns.push(column("steady", Left, |cell| steady(cell.steadiness.as_ref())));
    }
    if cells.iter().any(|cell| cell.one_ways > 0) {
        columns.push(right("one-ways", |cell| whole(cell.one_ways as f64)));
    }
    if cells.iter().any(|cell| cell.errors > 0 || !cell.is_well()) {
        columns.push(right("errors", |cell| {
            [whole(cell.errors as f64), failed(cell)].join(" ").trim_end().to_owned()
        }));
    }
    columns
}

/// The mark of a row that cannot be used; why stands in the notes.
pub(super) fn failed(cell: &Cell) -> String {
    if cell.is_well() { String::new() } else { "FAILED".to_owned() }
}

fn steady(steadiness: Option<&Steadiness>) -> String {
    match steadiness.and_then(|found| found.steady) {
        Some(true) => "yes".to_owned(),
        Some(false) => "NO".to_owned(),
        None => "n/a".to_owned(),
    }
}

/// A figure of each end where each is a process, else of both.
fn sides<'a>(head: &str, text: fn(&Cell, &Usage) -> String) -> Column<'a> {
    right(head, move |cell| {
        let used = &cell.usage;
        let side =
            |usage: Option<Usage>| usage.as_ref().map_or_else(|| "n/a".to_owned(), |used| text(cell, used));
        match (used.client, used.server) {
            (None, None) => side(used.both),
            (client, server) => format!("{} / {}", side(client), side(server)),
        }
    })
}
