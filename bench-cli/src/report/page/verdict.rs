//! The verdict at the top of the page, in plain words.

use listenrain_results::{Cell, Check, CheckRow, Comparison, ComparisonRow, Verdict};
use maud::{Markup, html};

use super::{Scene, environment};
use crate::metrics::Kind;
use crate::report::labels::place;
use crate::report::notes::{Weight, is_simulated, notes};
use crate::report::results::{answers, because, sentence};
use crate::report::sheets::with_interval;
use crate::units::{brief, size_text};

/// Places of which the fastest is named.
const MOST_PLACES: usize = 8;

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let run = scene.run;
    let failures: Vec<_> = notes(run).into_iter().filter(|note| note.weight == Weight::Failure).collect();
    let (tone, headline) = headline(scene);
    let headline = match is_simulated(run) {
        true => format!("Simulated, every time is the model's and none a machine's: {headline}"),
        false => headline,
    };
    let mut lines = Vec::new();
    lines.extend(run.check.iter().flat_map(check));
    lines.extend(run.comparison.iter().flat_map(comparison));
    lines.extend(answers(run));
    let is_plain = lines.is_empty();
    if is_plain {
        lines = fastest(scene);
    }
    html! {
        section.verdict.(tone) aria-labelledby=(scene.id("verdict")) {
            h2 id=(scene.id("verdict")) { (headline) }
            @if !failures.is_empty() { ul.notes { @for note in &failures { (environment::item(note)) } } }
            @if is_plain { (tiles(scene)) }
            @if !lines.is_empty() { ul { @for line in &lines { li { (line) } } } }
        }
    }
}

/// How it looks, and the sentence that a reader in a hurry takes along.
fn headline(scene: &Scene<'_>) -> (&'static str, String) {
    let run = scene.run;
    let failed = run.cells.iter().filter(|cell| !cell.is_well()).count();
    let prefix = match failed {
        0 => String::new(),
        1 => format!("1 of {} rows failed. ", run.cells.len()),
        failed => format!("{failed} of {} rows failed. ", run.cells.len()),
    };
    let tone = |otherwise| if failed > 0 { "bad" } else { otherwise };
    if let Some(check) = &run.check {
        let of_check = match check.verdict.as_str() {
            "passed" => ("good", "Passed"),
            "regression" => ("bad", "Regression"),
            "limit-missed" => ("bad", "Limit missed"),
            _ => ("unclear", "Inconclusive"),
        };
        return (tone(of_check.0), format!("{prefix}{}, against {}", of_check.1, check.baseline));
    }
    if let Some(comparison) = &run.comparison {
        return (tone("plain"), prefix + &compared(comparison));
    }
    if let ([search], [found]) = (&*run.searches, &*answers(run)) {
        let otherwise = if search.highest_rate.is_some() { "good" } else { "unclear" };
        return (tone(otherwise), prefix + found);
    }
    match (run.cells.len(), failed) {
        (0, _) => ("unclear", "Nothing was measured".to_owned()),
        (cells, 0) if run.cells.iter().any(is_doubtful) => {
            let doubtful = run.cells.iter().filter(|cell| is_doubtful(cell)).count();
            ("unclear", format!("{doubtful} of {cells} rows measured say too little: see the warnings"))
        }
        (1, 0) => ("good", "One row measured, without an error".to_owned()),
        (cells, 0) => ("good", format!("{cells} rows measured, none with an error")),
        (_, _) => ("bad", format!("{prefix}The others stand.")),
    }
}

/// Whether its generator lagged, requests were dropped, or its figures had not come to rest.
fn is_doubtful(cell: &Cell) -> bool {
    let is_restless = cell.steadiness.as_ref().is_some_and(|found| found.steady == Some(false));
    !cell.may_compare() || is_restless
}

fn compared(comparison: &Comparison) -> String {
    let differing =
        comparison.rows.iter().filter(|row| matches!(row.verdict, Verdict::Better | Verdict::Worse));
    let (differing, rows) = (differing.count(), comparison.rows.len());
    let first = comparison.values.first().map(String::as_str).unwrap_or_default();
    if comparison.factor == "nothing" {
        return format!("{first} against itself: {differing} of {rows} figures called different");
    }
    let others = comparison.values.get(1..).unwrap_or_default().join(", ");
    match differing {
        0 => format!("No difference shown between {first} and {others}"),
        _ => format!("{others} against {first}: {differing} of {rows} figures differ"),
    }
}

/// A comparison's rows in words, what is sure first.
fn comparison(comparison: &Comparison) -> Vec<String> {
    let of = |verdict| comparison.rows.iter().filter(move |row| row.verdict == verdict);
    let in_words = |row| sentence(comparison, row);
    let mut lines: Vec<_> = of(Verdict::Better).chain(of(Verdict::Worse)).map(in_words).collect();
    let same = of(Verdict::NoDifference).count();
    if same > 0 {
        lines.push(format!("No difference shown in {same} of {} figures.", comparison.rows.len()));
    }
    lines.extend(of(Verdict::Invalid).map(in_words));
    lines
}

pub(super) fn row_name(row: &ComparisonRow) -> String {
    format!("{}, {} x {}, {}", row.value, row.parallel, size_text(row.payload_bytes), row.metric)
}

/// A check's rows in words, the gravest first; the table has their intervals.
fn check(check: &Check) -> Vec<String> {
    let grave = ["regression", "limit-missed", "inconclusive", "passed"];
    let mut rows: Vec<_> = check.rows.iter().collect();
    rows.sort_by_key(|row| grave.iter().position(|verdict| row.verdict == *verdict));
    let line = |row: &&CheckRow| {
        let change = row.change.map(|change| format!(", changed by {:+.1} %", change * 100.0));
        let what = format!("{}, {}{}", row.cell, row.threshold, change.unwrap_or_default());
        format!("{what}: {}", because(&row.verdict, &row.why))
    };
    rows.iter().map(line).collect()
}

/// The headline figures of a plain run.
fn tiles(scene: &Scene<'_>) -> Markup {
    let cells = || scene.run.cells.iter().filter(|cell| cell.may_compare());
    let most = cells().max_by(|one, other| one.tps.total_cmp(&other.tps));
    let widest = cells().max_by(|one, other| one.gbit_per_s.total_cmp(&other.gbit_per_s));
    let p99 = |cell: &Cell| Kind::seen(cell).times(cell).and_then(|times| times.p99);
    let quickest = cells()
        .filter_map(|cell| Some((cell, p99(cell)?)))
        .min_by(|(_, one), (_, other)| one.total_cmp(other));
    let name = |cell: &Cell| scene.labels.full(cell);
    html! {
        dl.tiles {
            @if let Some(cell) = most {
                div { dt { "Most requests a second" } dd.big { (with_interval(cell)) } dd { (name(cell)) } }
            }
            @if let Some(cell) = widest {
                div { dt { "Most payload, one way" } dd.big { (brief(cell.gbit_per_s)) " Gbit/s" } dd { (name(cell)) } }
            }
            @if let Some((cell, p99)) = quickest {
                div { dt { "Lowest p99, " (Kind::seen(cell).name()) " time" } dd.big { (brief(p99)) " µs" } dd { (name(cell)) } }
            }
        }
    }
}

/// Where several things were driven in one place, which was the fastest.
fn fastest(scene: &Scene<'_>) -> Vec<String> {
    let mut places: Vec<(String, Vec<&Cell>)> = Vec::new();
    for cell in scene.run.cells.iter().filter(|cell| cell.may_compare() && cell.open_loop.is_none()) {
        let place = place(cell);
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, cells)) => cells.push(cell),
            None => places.push((place, vec![cell])),
        }
    }
    let mut lines = Vec::new();
    for (place, cells) in places.iter_mut().filter(|(_, cells)| cells.len() > 1).take(MOST_PLACES) {
        cells.sort_by(|one, other| other.tps.total_cmp(&one.tps));
        let (first, next) = (cells[0], cells[1]);
        lines.push(format!(
            "{place}: most tps on {}, {}; next {}, {}",
            scene.setup(first),
            with_interval(first),
            scene.setup(next),
            with_interval(next)
        ));
    }
    if !lines.is_empty() {
        lines.push(
            "That one was faster here does not show that it is: bench-cli compare tests it.".to_owned(),
        );
    }
    lines
}
