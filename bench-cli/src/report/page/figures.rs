//! The tables: what a terminal shows, every launch, and every percentile.

use listenrain_results::{Cell, Interval};
use maud::{Markup, html};

use super::{Scene, as_text, section as whole_section};
use crate::report::columns::{Align, brief, or_none, whole};
use crate::report::kinds::Kind;
use crate::report::sheets::{Sheet, sheets};

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let body = html! {
        @for sheet in sheets(scene.run) { (table(&sheet)) }
        (launches(scene))
        (percentiles(scene))
    };
    whole_section(scene, "figures", "Figures", "", &body)
}

fn table(sheet: &Sheet<'_>) -> Markup {
    let rows = sheet.rows();
    html! {
        h3 { (sheet.title) }
        p.explanation { (sheet.caption) }
        div.scroll tabindex="0" role="region" aria-label=(sheet.title) {
            table {
                caption { (sheet.title) ", " (rows.len()) @if rows.len() == 1 { " row" } @else { " rows" } }
                thead { tr { @for column in &sheet.columns { th scope="col" class=(side(column.align)) { (column.head) } } } }
                tbody {
                    @for (row, cell) in rows.iter().zip(&sheet.cells) {
                        tr class=(state(cell)) {
                            @for (at, (text, column)) in row.iter().zip(&sheet.columns).enumerate() {
                                @if at == 0 {
                                    th scope="row" { (text) @if !cell.is_well() { " " strong.bad { "failed" } } }
                                } @else { td class=(side(column.align)) { (text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn side(align: Align) -> &'static str {
    if align == Align::Right { "number" } else { "name" }
}

fn state(cell: &Cell) -> &'static str {
    match cell {
        cell if !cell.is_well() => "failed",
        cell if cell.generator_limited => "limited",
        _ => "well",
    }
}

/// A table in a box of its own, so that a narrow window moves it and not the page. The first column names the rows.
pub(super) fn scrolled(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { tr { @for (at, text) in row.iter().enumerate() {
                    @if at == 0 { th scope="row" { (text) } } @else { td { (text) } }
                } } } }
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
    let heads = ["cell", "started as", "tps", "cpu µs/request", "p50 µs", "p99 µs", "max µs", "errors"];
    html! {
        @if !intervals.is_empty() {
            h3 { "Over the launches" }
            p.explanation { "Mean and 95 % interval over fresh starts of both processes. Percentiles are never averaged: those of a cell come from the counts of all its launches together." }
            (scrolled("Mean and 95 % interval", &["cell", "launches", "tps", "cpu µs/request"], &intervals))
        }
        @if !rows.is_empty() { details { summary { "Each launch" } (scrolled("Each launch by itself", &heads, &rows)) } }
    }
}

/// Every percentile of every kind of time.
fn percentiles(scene: &Scene<'_>) -> Markup {
    let mut rows = Vec::new();
    for cell in &scene.run.cells {
        for kind in Kind::ALL {
            let Some(us) = kind.times(cell) else { continue };
            let shares = [us.p50, us.p90, us.p99, us.p999, us.p9999].map(|at| or_none(at, brief));
            let mut row = vec![scene.labels.full(cell), kind.name().replace('_', " ")];
            row.push(whole(us.count as f64));
            row.push(brief(us.min));
            row.extend(shares);
            row.extend([brief(us.max), brief(us.mean)]);
            rows.push(row);
        }
    }
    let heads = ["cell", "time", "count", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"];
    html! {
        h3 { "Times in full" }
        p.explanation { "Microseconds. n/a where the sample is too small to say that percentile with 99 % confidence. Minimum, maximum and mean are exact." }
        (as_text("Every percentile, µs", &heads, &rows))
    }
}
