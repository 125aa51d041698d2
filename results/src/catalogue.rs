//! Recorded runs, one line each.

use std::fmt::Write;

use crate::schema::{Cell, Run, Verdict};
use crate::written::{escaped, size, whole};

/// A Markdown table of `recorded`, one line a run: its id, date, machine, command and headline. Ends with a line feed.
#[must_use]
pub fn catalogue(recorded: &[(String, Run)]) -> String {
    let mut text = "| run | date | machine | command | headline |\n|---|---|---|---|---|\n".to_owned();
    for (id, run) in recorded {
        let date = run.env.started.get(..10).unwrap_or_default();
        let machine = format!("{}, {} cores, {}", run.env.cpu, run.env.cores, run.env.os);
        let (machine, command) = (escaped(&machine), escaped(&run.env.command));
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "| [{id}](runs/{id}) | {date} | {machine} | `{command}` | {} |", headline(run));
    }
    text
}

/// What came of a run, in one line of Markdown: what failed first, then the comparison, the check, the searches, or the
/// highest throughput.
#[must_use]
pub fn headline(run: &Run) -> String {
    let failed = run.cells.iter().filter(|cell| !cell.is_well()).count();
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("**{failed} of {} rows failed**", run.cells.len()));
    }
    if run.env.interrupted {
        parts.push("interrupted".to_owned());
    }
    if let Some(check) = &run.check {
        parts.push(format!("check: {}", check.verdict));
    }
    parts.extend(comparison(run));
    for search in &run.searches {
        let held = search.highest_rate.map_or_else(
            || "at no rate that was tried".to_owned(),
            |rate| format!("up to {} requests a second", whole(rate)),
        );
        parts.push(format!("{}: {} held {held}", search.cell, search.slo));
    }
    if run.comparison.is_none() && run.searches.is_empty() {
        parts.extend(fastest(run));
    }
    if parts.is_empty() { "nothing was measured".to_owned() } else { escaped(&parts.join("; ")) }
}

fn comparison(run: &Run) -> Option<String> {
    let comparison = run.comparison.as_ref()?;
    let count = |verdict| comparison.rows.iter().filter(|row| row.verdict == verdict).count();
    let (better, worse, rows) = (count(Verdict::Better), count(Verdict::Worse), comparison.rows.len());
    let (first, others) = comparison.values.split_first()?;
    if comparison.factor == "nothing" {
        return Some(format!("{first} against itself: {} of {rows} figures differ", better + worse));
    }
    let others = others.join(", ");
    Some(format!("{others} against {first}: better in {better}, worse in {worse} of {rows} figures"))
}

fn fastest(run: &Run) -> Option<String> {
    let well = run.cells.iter().filter(|cell| cell.is_well());
    let cell = well.max_by(|one, other| one.tps.total_cmp(&other.tps))?;
    let Cell { transport, stack, parallel, payload_bytes, tps, .. } = cell;
    let load = match &cell.open_loop {
        Some(open) => format!("{}/s", whole(open.rate)),
        None => parallel.to_string(),
    };
    let most = if run.cells.len() > 1 { "at most " } else { "" };
    Some(format!("{most}{} tps: {transport} {stack}, {load} x {}", whole(*tps), size(*payload_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Comparison, ComparisonRow, Env, Search};

    fn cell(tps: f64, errors: u64) -> Cell {
        let (transport, stack) = ("tcp".to_owned(), "bare".to_owned());
        Cell {
            transport,
            stack,
            parallel: 4,
            payload_bytes: 4096,
            requests: 9,
            tps,
            errors,
            ..Cell::default()
        }
    }

    #[test]
    fn what_failed_comes_first_and_never_is_the_fastest() {
        let run = Run::new(Env::default(), vec![cell(99_000.0, 1), cell(1_000.0, 0)]);
        assert_eq!(headline(&run), "**1 of 2 rows failed**; at most 1,000 tps: tcp bare, 4 x 4 KiB");
    }

    #[test]
    fn a_comparison_and_a_search_say_what_came_of_them() {
        let mut run = Run::new(Env::default(), vec![cell(5.0, 0)]);
        let row = |verdict| ComparisonRow { verdict, ..ComparisonRow::default() };
        run.comparison = Some(Comparison {
            values: vec!["tcp".to_owned(), "unix".to_owned()],
            rows: vec![row(Verdict::Better), row(Verdict::NoDifference), row(Verdict::Invalid)],
            ..Comparison::default()
        });
        assert_eq!(headline(&run), "unix against tcp: better in 1, worse in 0 of 3 figures");
        run.comparison = None;
        let (cell, slo) = ("tcp | bare".to_owned(), "p99<2ms".to_owned());
        run.searches = vec![Search { cell, slo, highest_rate: Some(48_000.0), ..Search::default() }];
        assert_eq!(headline(&run), "tcp \\| bare: p99&lt;2ms held up to 48,000 requests a second");
    }

    #[test]
    fn a_run_is_one_line_whatever_its_command_holds() {
        let env = Env { command: "bench-cli | x\ny".to_owned(), ..Env::default() };
        let text = catalogue(&[("a".to_owned(), Run::new(env, Vec::new()))]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("bench-cli \\| x y"), "{text}");
    }
}
