//! Tables of the page: what a terminal shows, every launch, and every percentile.

use listenrain_results::Interval;
use maud::{Markup, html};

use super::{Scene, as_text, section as whole_section};
use crate::metrics::{Kind, TIMES};
use crate::report::sheets::{Sheet, sheets};
use crate::report::table::{Align, Table};
use crate::units::{brief, or_none, whole};

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let body = html! {
        @for sheet in sheets(scene.run) { (table(&sheet)) }
        (launches(scene))
        (percentiles(scene))
    };
    whole_section(scene, "figures", "Figures", "", &body)
}

fn table(sheet: &Sheet<'_>) -> Markup {
    let state = |row: usize| match sheet.cells[row] {
        cell if !cell.is_well() => "failed",
        cell if cell.generator_limited => "limited",
        _ => "well",
    };
    let table = sheet.table();
    let rows = if table.rows.len() == 1 { "row" } else { "rows" };
    let caption = format!("{}, {} {rows}", sheet.title, table.rows.len());
    html! {
        h3 { (sheet.title) }
        p.explanation { (sheet.caption) }
        (grid(&caption, &table, state))
    }
}

/// A table in a box of its own, so that a narrow window moves it and not the page.
pub(super) fn scrolled(caption: &str, table: &Table) -> Markup {
    grid(caption, table, |_| "well")
}

/// The same with the state of each row. The first column names the rows.
fn grid(caption: &str, table: &Table, state: impl Fn(usize) -> &'static str) -> Markup {
    let side = |at: usize| if table.heads[at].1 == Align::Right { "number" } else { "name" };
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for (at, (head, _)) in table.heads.iter().enumerate() { th scope="col" class=(side(at)) { (head) } } } }
                tbody { @for (number, row) in table.rows.iter().enumerate() { tr class=(state(number)) {
                    @for (at, text) in row.iter().enumerate() {
                        @if at == 0 {
                            th scope="row" { (text) @if state(number) == "failed" { " " strong.bad { "failed" } } }
                        } @else { td class=(side(at)) { (text) } }
                    }
                } } }
            }
        }
    }
}

fn launches(scene: &Scene<'_>) -> Markup {
    let mut rows = Vec::new();
    for cell in scene.run.cells.iter().filter(|cell| cell.launches.len() > 1) {
        for launch in &cell.launches {
            let seen = launch.response_us.unwrap_or(launch.service_us);
            rows.push(vec![
                scene.labels.full(cell),
                (launch.order + 1).to_string(),
                whole(launch.tps),
                or_none(launch.cpu_us_per_request, brief),
                or_none(seen.p50, brief),
                or_none(seen.p99, brief),
                brief(seen.max),
                launch.errors.to_string(),
            ]);
        }
    }
    let intervals = scene.run.cells.iter().filter_map(|cell| {
        let of = |interval: Interval, text: fn(f64) -> String| {
            format!("{} [{}, {}]", text(interval.mean), text(interval.low), text(interval.high))
        };
        let tps = cell.tps_interval?;
        let cpu = cell.cpu_us_interval.map_or_else(|| "n/a".to_owned(), |cpu| of(cpu, brief));
        Some(vec![scene.labels.full(cell), tps.n.to_string(), of(tps, whole), cpu])
    });
    let intervals: Vec<_> = intervals.collect();
    let heads = "<cell, started as, tps, cpu µs/request, p50 µs, p99 µs, max µs, errors";
    let rows = Table::new(heads, rows);
    let intervals = Table::new("<cell, launches, tps, cpu µs/request", intervals);
    html! {
        @if !intervals.rows.is_empty() {
            h3 { "Over the launches" }
            p.explanation { "Mean and 95 % interval over fresh starts of both processes. Percentiles are never averaged: those of a cell come from the counts of all its launches together." }
            (scrolled("Mean and 95 % interval", &intervals))
        }
        @if !rows.rows.is_empty() { details { summary { "Each launch" } (scrolled("Each launch by itself", &rows)) } }
    }
}

/// Every percentile of every kind of time.
fn percentiles(scene: &Scene<'_>) -> Markup {
    let mut rows = Vec::new();
    for cell in &scene.run.cells {
        for kind in Kind::ALL {
            let Some(us) = kind.times(cell) else { continue };
            let figures = TIMES
                .map(|(name, _, figure)| or_none(figure(&us), if name == "count" { whole } else { brief }));
            rows.push(
                [vec![scene.labels.full(cell), kind.name().replace('_', " ")], figures.into()].concat(),
            );
        }
    }
    let heads = TIMES.map(|(_, head, _)| head).join(", ");
    let table = Table::new(&format!("<cell, time, {heads}"), rows);
    html! {
        h3 { "Times in full" }
        p.explanation { "Microseconds. n/a where the sample is too small to say that percentile with 99 % confidence. Minimum, maximum and mean are exact." }
        (as_text("Every percentile, µs", &table))
    }
}
