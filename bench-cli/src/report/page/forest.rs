//! A comparison's ratios with their intervals, and a check's rows.

use listenrain_results::{Check, Comparison, ComparisonRow, Verdict};
use maud::{Markup, html};

use super::figures::scrolled;
use super::verdict::row_name;
use super::{Scene, section as whole_section};
use crate::cli::units::size_text;
use crate::report::columns::{brief, or_none};

const WIDTH: f64 = 240.0;
const EDGE: f64 = 10.0;

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    html! {
        @if let Some(comparison) = &scene.run.comparison { (compared(scene, comparison)) }
        @if let Some(check) = &scene.run.check { (checked(scene, check)) }
    }
}

fn compared(scene: &Scene<'_>, comparison: &Comparison) -> Markup {
    let first = comparison.values.first().map(String::as_str).unwrap_or_default();
    let scale = Scale::of(&comparison.rows);
    let explanation = format!(
        "Each figure of a value divided by the same figure of {first}, paired within {} blocks of random order (seed {}), \
         with its {:.0} % interval. The line in the middle is 1: no difference; what is smaller than {:.1} % is called none.",
        comparison.blocks,
        comparison.seed,
        comparison.level * 100.0,
        comparison.noise_floor * 100.0
    );
    let body = html! {
        div.scroll tabindex="0" role="region" aria-label="Ratios" {
            table.forest {
                caption { "Ratio to " (first) " by " (comparison.factor) }
                thead { tr {
                    th scope="col" { "value" } th scope="col" { "parallel" } th scope="col" { "payload" }
                    th scope="col" { "metric" } th scope="col" { (scale.head()) }
                    th scope="col" { "ratio" } th scope="col" { "interval" } th scope="col" { "p" }
                    th scope="col" { "p, corrected" } th scope="col" { "blocks" } th.name scope="col" { "verdict" }
                } }
                tbody { @for (at, row) in comparison.rows.iter().enumerate() {
                    (line(row, &scale, &scene.id(&format!("forest-{at}"))))
                } }
            }
        }
    };
    whole_section(scene, "comparison", "Comparison", &explanation, &body)
}

fn line(row: &ComparisonRow, scale: &Scale, id: &str) -> Markup {
    let (mark, word, class) = match row.verdict {
        Verdict::Better => ("▲", "better", "good"),
        Verdict::Worse => ("▼", "worse", "bad"),
        Verdict::NoDifference => ("=", "no difference", "remark"),
        Verdict::Invalid => ("✕", "invalid", "bad"),
    };
    let three = |value: f64| format!("{value:.3}");
    let interval = row.low.zip(row.high).map(|(low, high)| format!("[{low:.3}, {high:.3}]"));
    html! {
        tr {
            th scope="row" { (row.value) } td { (row.parallel) } td { (size_text(row.payload_bytes)) }
            td { (row.metric) } td { (scale.bar(row, class, id)) }
            td { (or_none(row.ratio, three)) } td { (interval.unwrap_or_else(|| "n/a".to_owned())) }
            td { (or_none(row.p, three)) } td { (or_none(row.p_corrected, three)) } td { (row.blocks) }
            td.name { span class=(class) { (mark) " " (word) } @if !row.why.is_empty() { ": " (row.why) } }
        }
    }
}

/// A logarithmic scale around 1, so that half and double are equally far.
struct Scale {
    reach: f64,
}

impl Scale {
    fn of(rows: &[ComparisonRow]) -> Self {
        let ends = rows.iter().flat_map(|row| [row.low, row.high, row.ratio]).flatten();
        let reach = ends.filter(|ratio| *ratio > 0.0).map(|ratio| ratio.ln().abs()).fold(0.05, f64::max);
        Self { reach: reach * 1.08 }
    }

    fn x(&self, ratio: f64) -> f64 {
        let share = (ratio.max(1e-9).ln() / self.reach).clamp(-1.0, 1.0);
        EDGE + (WIDTH - 2.0 * EDGE) * (share + 1.0) / 2.0
    }

    fn head(&self) -> Markup {
        let (low, high) = ((-self.reach).exp(), self.reach.exp());
        html! {
            svg.bar viewBox={"0 0 " (WIDTH) " 18"} width=(WIDTH) height="18" aria-hidden="true" {
                text x=(EDGE) y="13" { (format!("{low:.2}")) }
                text x=(WIDTH / 2.0) y="13" text-anchor="middle" { "1" }
                text x=(WIDTH - EDGE) y="13" text-anchor="end" { (format!("{high:.2}")) }
            }
            span.hidden { "ratio and interval, drawn" }
        }
    }

    fn bar(&self, row: &ComparisonRow, class: &str, id: &str) -> Markup {
        let middle = WIDTH / 2.0;
        html! {
            svg.bar viewBox={"0 0 " (WIDTH) " 22"} width=(WIDTH) height="22" role="img" aria-labelledby=(id) {
                title id=(id) { (row_name(row)) ": " (or_none(row.ratio, |ratio| format!("{ratio:.3}"))) }
                line.axis x1=(middle) x2=(middle) y1="0" y2="22" {}
                @if let (Some(ratio), Some(low), Some(high)) = (row.ratio, row.low, row.high) {
                    line.whisker.(class) x1=(text(self.x(low))) x2=(text(self.x(high))) y1="11" y2="11" {}
                    line.whisker.(class) x1=(text(self.x(low))) x2=(text(self.x(low))) y1="6" y2="16" {}
                    line.whisker.(class) x1=(text(self.x(high))) x2=(text(self.x(high))) y1="6" y2="16" {}
                    circle.point.(class) cx=(text(self.x(ratio))) cy="11" r="4.5" {}
                }
            }
        }
    }
}

fn text(x: f64) -> String {
    format!("{x:.1}")
}

fn checked(scene: &Scene<'_>, check: &Check) -> Markup {
    let percent = |share: f64| format!("{:+.1} %", share * 100.0);
    let rows: Vec<_> = check
        .rows
        .iter()
        .map(|row| {
            vec![
                row.cell.clone(),
                row.metric.clone(),
                row.threshold.clone(),
                or_none(row.baseline, brief),
                or_none(row.candidate, brief),
                row.change.map_or_else(|| "n/a".to_owned(), percent),
                row.low.zip(row.high).map_or_else(
                    || "n/a".to_owned(),
                    |(low, high)| format!("[{}, {}]", percent(low), percent(high)),
                ),
                row.verdict.clone(),
                row.why.clone(),
            ]
        })
        .collect();
    let heads =
        ["cell", "metric", "threshold", "baseline", "now", "change", "95 % interval", "verdict", "why"];
    let caption = format!("Against {}", check.baseline);
    whole_section(scene, "check", "Check", "", &scrolled(&caption, &heads, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_double_are_equally_far_from_one() {
        let row =
            ComparisonRow { ratio: Some(2.0), low: Some(1.8), high: Some(2.2), ..ComparisonRow::default() };
        let scale = Scale::of(&[row]);
        let (half, one, double) = (scale.x(0.5), scale.x(1.0), scale.x(2.0));
        assert!((one - WIDTH / 2.0).abs() < 1e-9 && ((one - half) - (double - one)).abs() < 1e-9);
        assert!(scale.x(2.2) <= WIDTH - EDGE);
    }
}
