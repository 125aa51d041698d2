//! A run as Markdown tables.

use crate::original::{self, OriginalRow};
use crate::rows::{Row, rows};
use crate::schema::{Cell, Interval, Run, Times, Usage};
use crate::written::{brief, escaped, or_none, rate, size, whole};

/// A column: its head and what a row has there.
type Column = (&'static str, fn(&Row<'_>) -> String);

/// The rows of `run` beside the original's published figures, for a README. Ends with a line feed.
///
/// Closed and open loops have a table each, since the one's times are service times and the other's response times.
/// Columns are there as the run has figures for them.
///
/// A README that holds it between `<!-- table:RUNID -->` and `<!-- /table -->` can be checked against the run.
#[must_use]
pub fn markdown(run: &Run) -> String {
    let (open, closed): (Vec<_>, Vec<_>) =
        rows(run).into_iter().partition(|row| row.cell.open_loop.is_some());
    let tables: Vec<_> =
        [closed, open].iter().filter(|rows| !rows.is_empty()).map(|rows| table(rows)).collect();
    if tables.is_empty() { table(&[]) } else { tables.join("\n") }
}

fn table(rows: &[Row<'_>]) -> String {
    let columns = columns(rows);
    let heads: Vec<_> = columns.iter().map(|(head, _)| *head).collect();
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), "---:|".repeat(heads.len()));
    for row in rows {
        let figures: Vec<_> = columns.iter().map(|(_, figure)| figure(row)).collect();
        text += &format!("| {} |\n", figures.join(" | "));
    }
    text
}

fn columns(rows: &[Row<'_>]) -> Vec<Column> {
    let mut columns = names(rows);
    let is_open = rows.iter().any(|row| row.cell.open_loop.is_some());
    if is_open {
        columns.push(("rate, 1/s", |row| {
            row.cell.open_loop.as_ref().map_or_else(String::new, |open| rate(open.rate))
        }));
    } else {
        columns.push(("parallel", |row| row.cell.parallel.to_string()));
    }
    columns.push(("payload", |row| size(row.cell.payload_bytes)));
    match rows.iter().any(|row| row.cell.tps_interval.is_some()) {
        true => columns.push(("tps ± 95 %", |row| with_interval(row.cell))),
        false => columns.push(("tps", |row| brief(row.cell.tps))),
    }
    columns.push(("Gbit/s, one way", |row| format!("{:.2}", row.cell.gbit_per_s)));
    columns.extend(used(rows));
    if is_open {
        columns.extend(open_times());
    } else {
        columns.push(("service p50 / p99 / max, µs", |row| {
            let us = &row.cell.service_us;
            format!("{} / {} / {}", or_none(us.p50, whole), or_none(us.p99, whole), whole(us.max))
        }));
    }
    columns.push(("% of bare", |row| or_none(row.of_bare.map(|share| share * 100.0), whole)));
    if rows.iter().any(|row| row.of_floor.is_some()) {
        columns.push(("% of floor", |row| or_none(row.of_floor.map(|share| share * 100.0), whole)));
    }
    let has_original = |row: &Row<'_>| theirs(row).is_some();
    if rows.iter().any(|row| !row.cell.is_well()) {
        columns.push(("failed", failed));
    }
    if rows.is_empty() || (!is_open && rows.iter().any(has_original)) {
        columns.extend(published());
    }
    columns
}

/// What tells the rows from one another, beside parallel and payload: only what differs.
fn names(rows: &[Row<'_>]) -> Vec<Column> {
    let names: [Column; 13] = [
        ("transport", |row| escaped(&row.cell.transport)),
        ("stack", |row| escaped(&row.cell.stack)),
        ("protocol", |row| escaped(&row.cell.protocol)),
        ("runtime", |row| escaped(&row.cell.runtime)),
        ("placement", |row| escaped(&row.cell.placement)),
        ("pin", |row| escaped(&row.cell.pin)),
        ("lanes", |row| row.cell.lanes.to_string()),
        ("connections", |row| row.cell.connections.to_string()),
        ("options", |row| escaped(&row.cell.options.join(" "))),
        ("target", |row| escaped(row.cell.target.as_deref().unwrap_or_default())),
        ("via", |row| escaped(row.cell.via.as_deref().unwrap_or_default())),
        ("scenario", |row| escaped(row.cell.scenario.as_deref().unwrap_or_default())),
        ("phase", |row| escaped(row.cell.phase.as_deref().unwrap_or_default())),
    ];
    // Of a scenario's rows each says which phase it is, also where the other loop's table has the others.
    let differs = |(head, name): &Column| {
        rows.iter().any(|row| name(row) != name(&rows[0]) || (*head == "phase" && row.cell.phase.is_some()))
    };
    names.into_iter().filter(differs).collect()
}

/// The mark of a row that may not be used, and why.
fn failed(row: &Row<'_>) -> String {
    row.cell.why_failed().map_or_else(String::new, |why| format!("**FAILED**: {}", escaped(&why)))
}

/// Processor and memory: of both ends together, and of each where each is a process.
fn used(rows: &[Row<'_>]) -> Vec<Column> {
    let is_split = |row: &Row<'_>| row.cell.usage.client.is_some() || row.cell.usage.server.is_some();
    if !rows.iter().any(is_split) {
        return vec![
            ("cpu % (100 = one core)", |row| or_none(row.cell.cpu_percent, whole)),
            ("mem MiB (peak)", |row| or_none(row.cell.rss_mib, whole)),
        ];
    }
    vec![
        ("cpu %, client / server (100 = one core)", |row| {
            sides(row.cell, |side| Some(side.cpu_percent), whole)
        }),
        ("cpu µs a request, client / server", |row| {
            sides(row.cell, |side| Some(side.cpu_us_per_request), brief)
        }),
        ("cpu µs a KiB, client / server", |row| sides(row.cell, |side| Some(side.cpu_us_per_kib), brief)),
        ("mem MiB, client / server (peak)", |row| sides(row.cell, |side| side.rss_peak_mib, whole)),
    ]
}

fn sides(cell: &Cell, figure: fn(&Usage) -> Option<f64>, text: fn(f64) -> String) -> String {
    let side = |usage: Option<Usage>| or_none(usage.as_ref().and_then(figure), text);
    format!("{} / {}", side(cell.usage.client), side(cell.usage.server))
}

fn open_times() -> Vec<Column> {
    fn response(row: &Row<'_>) -> Times {
        row.cell.response_us.unwrap_or_default()
    }
    vec![
        ("response p50 / p99 / p99.9 / max, µs", |row| {
            let us = response(row);
            let shares = [us.p50, us.p99, us.p999].map(|at| or_none(at, whole));
            format!("{} / {}", shares.join(" / "), whole(us.max))
        }),
        ("service p50, µs", |row| or_none(row.cell.service_us.p50, whole)),
        ("send lag p99, µs", |row| or_none(row.cell.send_lag_us.and_then(|lag| lag.p99), whole)),
        ("dropped", |row| {
            row.cell.open_loop.as_ref().map_or_else(String::new, |open| open.dropped.to_string())
        }),
    ]
}

fn published() -> [Column; 4] {
    fn figure(row: &Row<'_>, text: impl Fn(&OriginalRow) -> String) -> String {
        theirs(row).map_or_else(String::new, text)
    }
    [
        ("original's tps", |row| figure(row, |theirs| whole(theirs.tps))),
        ("its Gbit/s", |row| figure(row, |theirs| format!("{:.2}", theirs.gbit_per_s))),
        ("its cpu %", |row| figure(row, |theirs| whole(theirs.cpu_percent))),
        ("its mem MiB", |row| figure(row, |theirs| whole(theirs.mem_mib))),
    ]
}

fn theirs(row: &Row<'_>) -> Option<&'static OriginalRow> {
    original::find(row.cell.parallel, row.cell.payload_bytes)
}

fn with_interval(cell: &Cell) -> String {
    let half = cell.tps_interval.as_ref().map(Interval::half_width).filter(|half| half.is_finite());
    match half {
        Some(half) => format!("{} ± {:.1} %", brief(cell.tps), half * 100.0),
        None => brief(cell.tps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Env, OpenLoop, Usages};

    fn cell() -> Cell {
        Cell {
            transport: "tcp".to_owned(),
            stack: "listenrain".to_owned(),
            parallel: 1,
            payload_bytes: 4096,
            requests: 1,
            tps: 196_000.4,
            gbit_per_s: 6.4225,
            cpu_percent: Some(99.6),
            service_us: Times { p50: Some(5.0), p99: Some(9.4), max: 1200.0, ..Times::default() },
            ..Cell::default()
        }
    }

    fn text(cells: Vec<Cell>) -> String {
        markdown(&Run::new(Env::default(), cells))
    }

    #[test]
    fn a_row_stands_beside_the_originals() {
        let bare = Cell { stack: "bare".to_owned(), tps: 392_000.8, ..cell() };
        let text = text(vec![cell(), bare]);
        assert_eq!(
            text.lines().nth(2).unwrap(),
            "| 1 | 4 KiB | 196,000 | 6.42 | 100 | n/a | 5 / 9 / 1,200 | 50 | 27,500 | 0.91 | 132 | 48 |"
        );
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains("floor"), "it was not measured");
    }

    #[test]
    fn the_share_of_the_floor_stands_beside_that_of_bare() {
        let floor = Cell { stack: "floor".to_owned(), tps: 245_000.5, ..cell() };
        let text = text(vec![cell(), floor]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].contains("| % of bare | % of floor |"), "{text}");
        assert!(lines[2].contains("| n/a | 80 |") && lines[3].contains("| n/a | 100 |"), "{text}");
    }

    #[test]
    fn launches_add_an_interval_and_sides_add_their_own_figures() {
        let side = |cpu_percent, rss| Usage {
            cpu_percent,
            cpu_us_per_request: 4.25,
            cpu_us_per_kib: 1.0625,
            rss_peak_mib: Some(rss),
            ..Usage::default()
        };
        let cell = Cell {
            tps_interval: Some(Interval { mean: 196_000.0, low: 186_200.0, high: 205_800.0, n: 5 }),
            usage: Usages { both: None, client: Some(side(71.0, 6.0)), server: Some(side(88.0, 9.0)) },
            ..cell()
        };
        let text = text(vec![cell]);
        assert!(text.contains("tps ± 95 %") && text.contains("cpu µs a request, client / server"), "{text}");
        assert!(
            text.contains("| 196,000 ± 5.0 % | 6.42 | 71 / 88 | 4.25 / 4.25 | 1.06 / 1.06 | 6 / 9 |"),
            "{text}"
        );
    }

    #[test]
    fn an_open_loop_has_a_table_of_response_times_of_its_own() {
        let us = |p50, p99, max| Times { p50: Some(p50), p99: Some(p99), max, ..Times::default() };
        let open = Cell {
            open_loop: Some(OpenLoop { rate: 20_000.0, dropped: 3, ..OpenLoop::default() }),
            response_us: Some(us(80.0, 900.0, 501_000.0)),
            send_lag_us: Some(us(2.0, 11.0, 12.0)),
            ..cell()
        };
        let text = text(vec![cell(), open]);
        let (closed, open) = text.split_once("\n\n").unwrap();
        assert!(closed.contains("service p50 / p99 / max") && !closed.contains("response"));
        assert!(open.contains("| 20,000 | 4 KiB | 196,000 |"), "{open}");
        assert!(open.contains("| 80 / 900 / n/a / 501,000 | 5 | 11 | 3 | n/a |"), "{open}");
        assert!(!open.contains("original"), "the original has no open loop");
    }

    #[test]
    fn only_what_differs_between_rows_has_a_column() {
        let other = Cell { transport: "a|b".to_owned(), ..cell() };
        let text = text(vec![cell(), other]);
        assert!(text.starts_with("| transport | parallel |"), "{text}");
        assert!(text.contains("| a\\|b | 1 |"), "{text}");
    }

    #[test]
    fn a_row_that_failed_is_marked_with_its_reason() {
        let failed = Cell {
            requests: 0,
            errors: 1,
            tps: 0.0,
            error_kinds: [("not measured".to_owned(), 1)].into(),
            error_samples: vec!["tcp://h:1 cannot be reached: refused | <b>".to_owned()],
            ..cell()
        };
        let text = text(vec![cell(), failed]);
        let rows: Vec<_> = text.lines().skip(2).collect();
        assert!(text.contains("| % of bare | failed | original's tps |"), "{text}");
        assert!(!rows[0].contains("FAILED"), "{text}");
        let told = "**FAILED**: 1 error (1 not measured): tcp://h:1 cannot be reached: refused \\| &lt;b>";
        assert!(rows[1].contains(told), "{text}");
    }

    #[test]
    fn phases_of_equal_load_are_told_apart_in_each_table() {
        let phase = |name: &str| Cell { phase: Some(name.to_owned()), ..cell() };
        let open = Cell { open_loop: Some(OpenLoop { rate: 0.4, ..OpenLoop::default() }), ..phase("calm") };
        let text = text(vec![phase("before"), phase("after"), open]);
        let (closed, open) = text.split_once("\n\n").unwrap();
        assert!(closed.starts_with("| phase | parallel |"), "{text}");
        assert!(closed.contains("\n| before | 1 |") && closed.contains("\n| after | 1 |"), "{text}");
        assert!(open.contains("\n| calm | 0.4 |"), "{text}");
    }

    #[test]
    fn what_a_run_file_calls_a_thing_is_no_markup_and_no_control() {
        let hostile = Cell { transport: "![x](http://h/)`\u{1b}[2J\u{202e}\\|".to_owned(), ..cell() };
        let text = text(vec![cell(), hostile]);
        assert!(text.contains("| !\\[x\\](http://h/)\\`\\u{1b}\\[2J\\u{202e}&#92;\\| |"), "{text}");
    }
}
