//! Throughput, times and CPU over time.

use listenrain_results::Cell;
use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, count_text, legend, time_text};
use super::{Scene, as_text, section as whole_section};
use crate::report::table::Table;
use crate::units::{brief, whole};

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let cells: Vec<_> = scene.run.cells.iter().filter(|cell| cell.series.tps.len() > 1).collect();
    if cells.is_empty() {
        return html! {};
    }
    let body = html! {
        @for (at, cell) in cells.iter().enumerate() {
            details.cell open[at < 3] {
                summary { (scene.labels.full(cell)) }
                div.charts.three { @for chart in charts(scene, at, cell) { (chart) } }
                (as_text(&format!("{} over time", scene.labels.full(cell)), &Table::new(HEADS, rows(cell))))
            }
        }
    };
    let explanation =
        "Of the launch in the middle by throughput. What is shaded is left out of every figure.";
    whole_section(scene, "time", "Over time", explanation, &body)
}

const HEADS: &str = "<second, counted, tps, p50 µs, p99 µs, max µs, client or both cpu %, server cpu %";

fn rows(cell: &Cell) -> Vec<Vec<String>> {
    let series = &cell.series;
    let at = |column: &[f64], at: usize, text: fn(f64) -> String| {
        column.get(at).map_or_else(|| "n/a".to_owned(), |value| text(*value))
    };
    (0..series.tps.len())
        .map(|index| {
            vec![
                format!("{:.2}", index as f64 * series.window_s),
                if (index as u64) < series.cut { "no" } else { "yes" }.to_owned(),
                at(&series.tps, index, whole),
                at(&series.p50_us, index, brief),
                at(&series.p99_us, index, brief),
                at(&series.max_us, index, brief),
                at(&series.client_cpu_percent, index, whole),
                at(&series.server_cpu_percent, index, whole),
            ]
        })
        .collect()
}

fn charts(scene: &Scene<'_>, at: usize, cell: &Cell) -> Vec<Markup> {
    let series = &cell.series;
    let line = |name: &str, style: usize, values: &[f64]| Line {
        name: name.to_owned(),
        style,
        points: values.iter().enumerate().map(|(at, value)| (at as f64 * series.window_s, *value)).collect(),
        marked: false,
    };
    let is_split = !series.server_cpu_percent.is_empty();
    let cpu = if is_split { "client" } else { "both ends" };
    let panels = [
        ("Requests a second", vec![line("tps", 0, &series.tps)]),
        (
            "Time",
            vec![
                line("p50", 0, &series.p50_us),
                line("p99", 1, &series.p99_us),
                line("max", 2, &series.max_us),
            ],
        ),
        (
            "CPU %, 100 = one core",
            vec![line(cpu, 0, &series.client_cpu_percent), line("server", 1, &series.server_cpu_percent)],
        ),
    ];
    panels
        .into_iter()
        .enumerate()
        .filter_map(|(panel, (title, mut lines))| {
            lines.retain(|line| !line.points.is_empty());
            let values: Vec<f64> =
                lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).collect();
            let seconds = lines.first()?.points.iter().map(|(second, _)| *second).chain([0.0]);
            let names: Vec<_> = lines.iter().map(|line| line.name.clone()).collect();
            let chart = Chart {
                id: scene.id(&format!("time-{at}-{panel}")),
                title: title.to_owned(),
                x: Axis::linear("seconds", seconds, |second| format!("{second}")),
                y: match panel {
                    1 => Axis::log("", values.into_iter(), time_text),
                    _ => Axis::linear("", values.into_iter().chain([0.0]), count_text),
                },
                lines,
                rules: Vec::new(),
                shaded_until: (series.cut > 0).then_some(series.cut as f64 * series.window_s),
            };
            Some(html! { div { (chart.draw()) @if names.len() > 1 { (legend(&names)) } } })
        })
        .collect()
}
