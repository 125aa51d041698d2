//! A comparison's ratios with their intervals, and a check's rows.

use listenrain_results::{Check, Comparison, ComparisonRow, Verdict};
use maud::{Markup, html};

use super::chart::text;
use super::figures::scrolled;
use super::verdict::row_name;
use super::{Scene, section as whole_section};
use crate::report::results::{check_table, comparison_table};
use crate::units::or_none;

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
    let table = comparison_table(comparison);
    let body = html! {
        div.scroll tabindex="0" role="region" aria-label="Ratios" {
            table.forest {
                caption { "Ratio to " (first) " by " (comparison.factor) }
                thead { tr {
                    @for (at, (head, _)) in table.heads.iter().enumerate() {
                        @if at == PICTURE { th scope="col" { (scale.head()) } }
                        th.name[at + 1 == table.heads.len()] scope="col" { (head) }
                    }
                } }
                tbody { @for (at, (row, texts)) in comparison.rows.iter().zip(&table.rows).enumerate() {
                    (line(row, texts, &scale, &scene.id(&format!("forest-{at}"))))
                } }
            }
        }
    };
    whole_section(scene, "comparison", "Comparison", &explanation, &body)
}

/// The picture stands before this column.
const PICTURE: usize = 4;

fn line(row: &ComparisonRow, texts: &[String], scale: &Scale, id: &str) -> Markup {
    let (mark, class) = match row.verdict {
        Verdict::Better => ("▲", "good"),
        Verdict::Worse => ("▼", "bad"),
        Verdict::NoDifference => ("=", "remark"),
        Verdict::Invalid => ("✕", "bad"),
    };
    html! {
        tr { @for (at, text) in texts.iter().enumerate() {
            @if at == PICTURE { td { (scale.bar(row, class, id)) } }
            @if at == 0 { th scope="row" { (text) } }
            @else if at + 1 == texts.len() { td.name { span class=(class) { (mark) " " } (text) } }
            @else { td { (text) } }
        } }
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

fn checked(scene: &Scene<'_>, check: &Check) -> Markup {
    let caption = format!("Against {}", check.baseline);
    whole_section(scene, "check", "Check", "", &scrolled(&caption, &check_table(check)))
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
