//! Time by percentile: one line a cell, the tail as wide as the head.

use listenrain_results::Cell;
use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, legend, time_text};
use super::{Scene, as_text, section as whole_section};
use crate::metrics::Kind;
use crate::report::labels::place;
use crate::report::table::Table;
use crate::units::brief;

/// Points a decade of what is left up to 100 %.
const POINTS: u32 = 12;
/// Most nines of the last percentile that is drawn.
const NINES: f64 = 6.0;
/// To be as sure of the last point as of any percentile in the tables: 99 %.
const DOUBT: f64 = 0.01;

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let mut charts: Vec<(String, Kind, Vec<Line>)> = Vec::new();
    for cell in scene.run.cells.iter().filter(|cell| cell.requests > 0) {
        let (place, kind, setup) = (place(cell), Kind::seen(cell), scene.setup(cell));
        let line =
            Line { style: scene.style(&setup), name: setup, points: points(cell, kind), marked: false };
        if line.points.len() < 2 {
            continue;
        }
        match charts.iter_mut().find(|(known, of, _)| *known == place && *of == kind) {
            Some((_, _, lines)) => lines.push(line),
            None => charts.push((place, kind, vec![line])),
        }
    }
    if charts.is_empty() {
        return html! {};
    }
    let rows: Vec<_> = charts
        .iter()
        .flat_map(|(place, kind, lines)| {
            lines.iter().flat_map(move |line| {
                line.points.iter().map(move |(nines, us)| {
                    let percent = format!("{:.5}", 100.0 * (1.0 - 10.0_f64.powf(-nines)));
                    vec![line.name.clone(), place.clone(), kind.name().to_owned(), percent, brief(*us)]
                })
            })
        })
        .collect();
    let body = html! {
        (legend(&scene.setups))
        div.charts { @for (at, (place, kind, lines)) in charts.into_iter().enumerate() {
            (chart(scene, at, &place, kind, lines))
        } }
        (as_text("Time by percentile", &Table::new("<driven, load, time, percentile, µs", rows)))
    };
    let explanation = "How long the slowest of ten, of a hundred, of a thousand took, each step as wide as the one \
                       before. A line ends where the sample cannot support more.";
    whole_section(scene, "percentiles", "Time by percentile", explanation, &body)
}

fn chart(scene: &Scene<'_>, at: usize, place: &str, kind: Kind, lines: Vec<Line>) -> Markup {
    let most = lines.iter().flat_map(|line| &line.points).map(|(nines, _)| *nines).fold(1.0, f64::max);
    let ticks = [
        (0.301, "50 %"),
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
        (5.0, "99.999 %"),
        (6.0, "6 nines"),
    ];
    let ticks = ticks.into_iter().filter(|(nines, _)| *nines <= most + 0.01);
    let x = Axis {
        label: "of requests took no longer".to_owned(),
        low: 0.301,
        high: most,
        is_log: false,
        ticks: ticks.map(|(nines, text)| (nines, text.to_owned())).collect(),
    };
    let times = lines.iter().flat_map(|line| &line.points).map(|(_, us)| *us);
    Chart {
        id: scene.id(&format!("percentiles-{at}")),
        title: format!("{place}, {} time", kind.name()),
        y: Axis::log("", times, time_text),
        x,
        lines,
        rules: Vec::new(),
        shaded_until: None,
    }
    .draw()
}

/// How many nines, and the time, µs: of the histogram, or of the figures where there is none.
fn points(cell: &Cell, kind: Kind) -> Vec<(f64, f64)> {
    let times = kind.times(cell).unwrap_or_default();
    let Ok(Some(counts)) = kind.histogram(cell) else {
        let figures =
            [(0.301, times.p50), (1.0, times.p90), (2.0, times.p99), (3.0, times.p999), (4.0, times.p9999)];
        return figures.into_iter().filter_map(|(nines, us)| Some((nines, us?))).collect();
    };
    if counts.is_empty() {
        return Vec::new();
    }
    // The largest quantile that this many samples support: DOUBT = quantile ^ count.
    let supported = 1.0 - (DOUBT.ln() / counts.len() as f64).exp();
    let most = (-supported.log10()).min(NINES);
    let first = 0.5_f64.log10().abs();
    let steps = 0..=(((most - first).max(0.0) * f64::from(POINTS)) as u32);
    steps
        .map(|step| first + f64::from(step) / f64::from(POINTS))
        .map(|nines| {
            let us = counts.value_at_quantile(1.0 - 10.0_f64.powf(-nines)) as f64 / 1e3;
            (nines, us.min(times.max))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn a_line_rises_and_ends_where_the_sample_does() {
        let cell = fixtures::closed("tcp", "bare", 1, 4096, 1_000.0);
        let points = points(&cell, Kind::Service);
        assert!(points.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1));
        assert!(points.iter().all(|(_, us)| *us <= cell.service_us.max));
        // 40,000 samples support 99.9 % (4,603) and not 99.99 % (46,050).
        let last = points.last().unwrap().0;
        assert!(last > 3.0 && last < 4.0, "{last}");
    }

    #[test]
    fn a_run_without_histograms_has_the_points_of_its_figures() {
        let run = fixtures::schema_1();
        assert_eq!(points(&run.cells[0], Kind::Service).len(), 4, "p99.99 is absent");
    }
}
