//! The two tables: the original's rows, and any cells.

use listenrain_results::{Cell, Row, Run, original, rows};

use super::labels::Labels;
use super::notes::notes;
use super::plain;
use super::results;
use super::sheets::{failed, sheets, with_interval};
use super::table::Table;
use crate::units::{brief, or_none, size_text, whole};

const UNITS: &str = "\
tps: requests a second. Gbit/s: payload one way, decimal (tps x payload x 8 / 10^9). cpu: client and server together,
100 % = one core. mem: peak resident memory of client and server together, one process a row. p50, p99, max: service
time of a closed loop, from call to reply. n/a: too few for that percentile, or not to be had. Every reply was checked.
";

/// The original's rows, ours beside its own: a table for each transport, and a summary where there are several.
pub(crate) fn table(run: &Run) -> String {
    let mut transports: Vec<&str> = Vec::new();
    for cell in &run.cells {
        if !transports.contains(&&*cell.transport) {
            transports.push(&cell.transport);
        }
    }
    let rows = rows(run);
    let of = |transport: &str| {
        rows.iter().filter(|row| row.cell.transport == *transport).copied().collect::<Vec<_>>()
    };
    let mut text: String = transports.iter().map(|transport| one_table(&of(transport)) + "\n").collect();
    if transports.len() > 1 {
        text += &summary(&transports, &rows);
    }
    let theirs = original::MACHINE;
    text + UNITS
        + &format!("original: the figures of its README, on another machine ({theirs}).\n")
        + &checks(run)
}

fn one_table(rows: &[Row<'_>]) -> String {
    let any_failed = rows.iter().any(|row| !row.cell.is_well());
    let mut lines = Vec::new();
    for row in rows {
        let theirs = original::find(row.cell.parallel, row.cell.payload_bytes);
        let theirs = theirs.map(|row| [row.tps, row.gbit_per_s, row.cpu_percent, row.mem_mib]);
        let mut line = vec![row.cell.parallel.to_string(), size_text(row.cell.payload_bytes)];
        line.extend(figures(row.cell));
        line.push(share(row.of_bare));
        line.extend(any_failed.then(|| failed(row.cell)));
        line.push("|".to_owned());
        line.extend(
            theirs.into_iter().flatten().zip([whole, brief, whole, whole]).map(|(value, text)| text(value)),
        );
        lines.push(line);
    }
    let mark = if any_failed { "<row, " } else { "" };
    let heads = format!(
        "parallel, payload, tps, Gbit/s, cpu %, mem MiB, p50 µs, p99 µs, max µs, % of bare, {mark}<|, original: tps, \
         Gbit/s, cpu %, mem MiB"
    );
    let what = rows.first().map(|row| setup(row.cell)).unwrap_or_default();
    format!("{what}\n\n{}", Table::new(&heads, lines).text())
}

/// Every transport beside the others: requests a second, and the share of bare, row by row.
fn summary(transports: &[&str], rows: &[Row<'_>]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let place = [row.cell.parallel.to_string(), size_text(row.cell.payload_bytes)];
        if lines.iter().any(|line| line[..2] == place) {
            continue;
        }
        let of = |transport: &&str| {
            let same = |other: &&Row<'_>| {
                other.cell.transport == **transport
                    && (other.cell.parallel, other.cell.payload_bytes)
                        == (row.cell.parallel, row.cell.payload_bytes)
            };
            rows.iter().find(same)
        };
        let tps = |transport| match of(transport) {
            Some(row) if !row.cell.is_well() => failed(row.cell),
            row => or_none(row.map(|row| row.cell.tps), brief),
        };
        let shares = |transport| share(of(transport).and_then(|row| row.of_bare));
        let figures = transports.iter().map(tps).chain(["|".to_owned()]).chain(transports.iter().map(shares));
        lines.push(place.into_iter().chain(figures).collect());
    }
    let names = transports.join(", ");
    let heads = format!("parallel, payload, {names}, <|, {names}");
    format!("All transports: tps | % of bare\n\n{}\n", Table::new(&heads, lines).text())
}

fn share(of_bare: Option<f64>) -> String {
    or_none(of_bare.map(|share| share * 100.0), whole)
}

/// Any cells, in their order: what is the same for all in a line above.
pub(crate) fn cells(run: &Run) -> String {
    let mut text = String::new();
    let same: Vec<_> =
        Labels::of(run).same.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !same.is_empty() {
        text += &format!("{}\n\n", plain::line(&same.join(", ")));
    }
    for sheet in sheets(run) {
        text += &format!("{}\n\n{}\n", wrapped(sheet.title, sheet.caption), sheet.table().text());
    }
    text + UNITS + &checks(run)
}

/// A run as the command showed it that measured it: what came of it, where something did, or its cells.
pub(crate) fn any(run: &Run) -> String {
    let mut came = Vec::new();
    if run.comparison.is_some() {
        came.push(results::comparison(run));
    }
    if !run.searches.is_empty() {
        came.push(results::search(run));
    }
    if run.check.is_some() {
        came.push(results::check(run));
    }
    if came.is_empty() { measured(run) } else { came.join("\n") }
}

fn measured(run: &Run) -> String {
    let mut words = run.env.command.split_whitespace().skip(1);
    let is_table = words.next().is_none_or(|word| word == "table" || word.starts_with("--"));
    let is_known = |cell: &Cell| original::find(cell.parallel, cell.payload_bytes).is_some();
    if is_table && !run.cells.is_empty() && run.cells.iter().all(is_known) { table(run) } else { cells(run) }
}

/// `title` and `text` in lines of at most 120 letters.
fn wrapped(title: &str, text: &str) -> String {
    let mut lines = vec![format!("{title}.")];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < 120 => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// tps, Gbit/s, cpu, mem, p50, p99, max.
fn figures(cell: &Cell) -> [String; 7] {
    let us = &cell.service_us;
    [
        with_interval(cell),
        brief(cell.gbit_per_s),
        or_none(cell.cpu_percent, whole),
        or_none(cell.rss_mib, whole),
        or_none(us.p50, brief),
        or_none(us.p99, brief),
        brief(us.max),
    ]
}

/// How the cells of a table were measured, in a sentence.
fn setup(cell: &Cell) -> String {
    let threads = match cell.runtime.as_str() {
        "current" => "one thread holds both ends".to_owned(),
        runtime => format!("both ends on one runtime, {runtime}"),
    };
    format!(
        "Echo over {}, one connection, closed loop, client and server in one process ({});\n{} s a cell after {} s of \
         warm-up; at most {} outstanding.",
        plain::line(&cell.transport),
        plain::line(&threads),
        brief(cell.duration_s),
        brief(cell.warmup_s),
        size_text(cell.window_bytes)
    )
}

/// Everything that went wrong, and Little's law.
fn checks(run: &Run) -> String {
    let mut text = String::new();
    for note in notes(run) {
        text += &format!("{}\n", note.text);
        text.extend(note.lines.iter().map(|line| format!("    {line}\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use listenrain_results::{Env, LittlesLaw, Times};

    fn run() -> Run {
        let bare = Cell {
            transport: "tcp".to_owned(),
            stack: "bare".to_owned(),
            runtime: "current".to_owned(),
            parallel: 4,
            payload_bytes: 4096,
            requests: 10,
            tps: 100_000.0,
            gbit_per_s: 3.2768,
            cpu_percent: Some(99.7),
            littles_law: LittlesLaw { planned: 4.0, measured: 3.98 },
            ..Cell::default()
        };
        let mut ours = Cell { stack: "listenrain".to_owned(), tps: 60_000.0, ..bare.clone() };
        ours.errors = 2;
        ours.error_kinds = [("timeout".to_owned(), 2)].into();
        ours.error_samples = vec!["no reply within 5 s".to_owned()];
        Run::new(Env::default(), vec![ours, bare])
    }

    #[test]
    fn the_table_has_our_figures_the_share_of_bare_and_the_originals() {
        let mut run = run();
        run.cells[0].errors = 0;
        let text = table(&run);
        let row = text.lines().find(|line| line.trim_start().starts_with("4 ")).unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[..6], ["4", "4KiB", "60,000", "3.28", "100", "n/a"]);
        assert_eq!(words[9..], ["60", "|", "50,000", "1.64", "255", "100"]);
        assert!(text.contains("Apple M1") && text.contains("one thread holds both ends"));
        assert!(!text.contains("All transports"));
    }

    #[test]
    fn a_row_that_failed_is_marked_in_the_originals_table_and_beside_other_transports() {
        let mut run = run();
        let text = table(&run);
        let row = text.lines().find(|line| line.trim_start().starts_with("4 ")).unwrap();
        assert!(row.contains("FAILED  |"), "{text}");
        assert!(text.contains("FAILED: ") && text.contains("no reply within 5 s"), "{text}");
        run.cells[1].transport = "unix".to_owned();
        let (_, summary) =
            table(&run).split_once("All transports").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(
            summary.lines().any(|line| line.contains("4KiB  FAILED") && line.contains("100,000")),
            "{summary}"
        );
    }

    #[test]
    fn the_share_of_the_floor_stands_beside_that_of_bare_where_it_was_measured() {
        let mut run = run();
        run.cells.iter_mut().for_each(|cell| cell.errors = 0);
        assert!(!cells(&run).contains("% of floor"));
        run.cells.push(Cell { stack: "floor".to_owned(), tps: 80_000.0, ..run.cells[1].clone() });
        let text = cells(&run);
        let row = text.lines().find(|line| line.contains("listenrain") && line.contains("60,000")).unwrap();
        assert!(text.contains("% of bare  % of floor"), "{text}");
        let words: Vec<_> = row.split_whitespace().collect();
        assert!(words.windows(2).any(|pair| pair == ["60", "75"]), "{row}");
        assert!(cells(&fixtures::rich()).contains("tool µs"));
    }

    #[test]
    fn a_run_that_came_to_something_is_shown_as_its_command_showed_it() {
        let compared = any(&fixtures::compared());
        assert!(compared.starts_with("unix is 1.21x tcp in tps at 1 x 4KiB"), "{compared}");
        assert!(compared.contains("INVALID: fifo had 3 errors"), "{compared}");
        let searched = any(&fixtures::curve());
        assert!(searched.contains("p99<1ms holds up to") && searched.contains("lag p99 µs"), "{searched}");
        let checked = any(&fixtures::checked());
        assert!(checked.starts_with("regression against main.json: 1 passed, 1 regression"), "{checked}");
        assert_eq!(any(&fixtures::rich()), cells(&fixtures::rich()));
    }

    #[test]
    fn several_transports_have_a_table_each_and_a_summary() {
        let mut run = run();
        run.cells.iter_mut().for_each(|cell| cell.errors = 0);
        let mut other = run.cells.clone();
        other.iter_mut().for_each(|cell| cell.transport = "unix".to_owned());
        other[0].tps = 90_000.0;
        run.cells.extend(other);
        let text = table(&run);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(text.matches("Echo over ").count(), 2);
        let (_, summary) = text.split_once("All transports: tps | % of bare").unwrap();
        let lines: Vec<_> = summary.lines().filter(|line| !line.is_empty()).map(words).collect();
        assert_eq!(lines[0], ["parallel", "payload", "tcp", "unix", "|", "tcp", "unix"]);
        assert_eq!(lines[2], ["4", "4KiB", "60,000", "90,000", "|", "60", "90"]);
    }

    #[test]
    fn a_failed_row_says_how_often_and_why() {
        let text = cells(&run());
        assert!(text.contains("FAILED: tcp listenrain 4 x 4KiB: 2 errors (2 timeout)"), "{text}");
        assert!(text.contains("no reply within 5 s"));
        assert!(text.contains("off by at most 0.5 %"));
    }

    #[test]
    fn closed_and_open_loops_stand_apart_and_say_what_their_times_are() {
        let text = cells(&fixtures::rich());
        let (closed, open) = text.split_once("Open loops.").unwrap();
        assert!(closed.contains("service µs: p50") && !closed.contains("response µs"), "{closed}");
        assert!(open.contains("response µs: p50") && open.contains("lag p99 µs") && open.contains("dropped"));
        assert!(text.contains("What each end used") && text.contains("µs/KiB") && text.contains("preempted"));
        assert!(text.contains("!!! desired confidence not reached"), "{text}");
    }

    #[test]
    fn rows_are_readable_on_160_columns() {
        let mut rich = fixtures::rich();
        rich.cells[4].transport = "channel".to_owned();
        for run in [rich, fixtures::transports(), fixtures::curve(), run()] {
            for line in cells(&run).lines().chain(table(&run).lines()).filter(|line| !line.contains(": ")) {
                assert!(line.chars().count() <= 160, "{} columns:\n{line}", line.chars().count());
            }
        }
    }

    #[test]
    fn no_column_is_empty_and_what_is_the_same_for_all_is_said_once() {
        let text = cells(&run());
        assert!(!text.contains("steady") && !text.contains("±") && !text.contains("dropped"), "{text}");
        assert!(text.starts_with("runtime current"), "{text}");
        assert!(!text.contains("mem MiB  "), "nothing is known of memory: {text}");
    }

    #[test]
    fn a_percentile_that_the_sample_cannot_support_is_not_a_number_and_none_exceeds_the_maximum() {
        let mut run = run();
        run.cells.truncate(1);
        run.cells[0].service_us =
            Times { count: 100, p50: Some(99.94), p99: None, max: 99.951, ..Times::default() };
        let text = cells(&run);
        let row = text.lines().find(|line| line.starts_with("tcp")).unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "99.9").unwrap();
        assert_eq!(words[at..at + 4], ["99.9", "n/a", "n/a", "100"], "{row}");
    }
}
