//! Line charts as SVG: drawn for the width of a phone, so that their text is readable there, and as sharp when larger.

use maud::{Markup, html};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 38.0;
/// Colours and dashes in the style sheet.
pub(super) const STYLES: usize = 8;

/// One axis.
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) is_log: bool,
    /// Where a line and a text stand.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// One that holds `values`, its ends at round numbers.
    pub(super) fn linear(label: &str, values: impl Iterator<Item = f64>, text: fn(f64) -> String) -> Self {
        let (low, high) = range(values.filter(|value| value.is_finite()), (0.0, 1.0));
        let step = round_step((high - low).max(high.abs() * 1e-3).max(1e-9) / 4.0);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks: Vec<_> = (0..=((last - first) as usize).min(12))
            .map(|tick| (first + tick as f64) * step)
            .map(|at| (at, text((at * 1e6).round() / 1e6)))
            .collect();
        Self {
            label: label.to_owned(),
            low: first * step,
            high: last.max(first + 1.0) * step,
            is_log: false,
            ticks,
        }
    }

    /// One whose tenfold is equally far everywhere; values that are not above 0 have no place on it.
    pub(super) fn log(label: &str, values: impl Iterator<Item = f64>, text: fn(f64) -> String) -> Self {
        let (low, high) = range(values.filter(|value| *value > 0.0 && value.is_finite()), (1.0, 10.0));
        let (low, high) = (low / 1.1, high * 1.1);
        let decades = (high / low).log10();
        let steps: &[f64] = if decades < 2.2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let tens = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let every = ((decades / 6.0).ceil() as i32).max(1);
        let ticks = tens
            .filter(|ten| ten % every == 0)
            .flat_map(|ten| steps.iter().map(move |step| step * 10.0_f64.powi(ten)))
            .filter(|at| (low..=high).contains(at))
            .map(|at| (at, text(at)))
            .collect();
        Self { label: label.to_owned(), low, high, is_log: true, ticks }
    }

    /// Where `value` lies, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let (low, high, value) = match self.is_log {
            true => (self.low.ln(), self.high.ln(), value.max(self.low).ln()),
            false => (self.low, self.high, value),
        };
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

fn range(values: impl Iterator<Item = f64>, otherwise: (f64, f64)) -> (f64, f64) {
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    ends.unwrap_or(otherwise)
}

/// 1, 2 or 5 times a power of ten, `least` or a little more.
fn round_step(least: f64) -> f64 {
    let ten = 10.0_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * ten >= least * 0.999);
    step.unwrap_or(10.0) * ten
}

/// One line of a chart.
pub(super) struct Line {
    pub(super) name: String,
    /// Which colour and dash.
    pub(super) style: usize,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point is marked.
    pub(super) marked: bool,
}

/// A line from edge to edge, such as a bound.
pub(super) struct Rule {
    pub(super) at: f64,
    pub(super) is_across: bool,
    pub(super) text: String,
}

/// A chart.
pub(super) struct Chart {
    /// Unlike every other on the page.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) rules: Vec<Rule>,
    /// From the left edge to here is what does not count.
    pub(super) shaded_until: Option<f64>,
}

impl Chart {
    fn at_x(&self, value: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * self.x.share(value)
    }

    fn at_y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.y.share(value)
    }

    /// The figure with its heading and its description.
    pub(super) fn draw(&self) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let names: Vec<_> = self.lines.iter().map(|line| line.name.as_str()).collect();
        html! {
            figure {
                figcaption { (self.title) }
                svg viewBox={"0 0 " (WIDTH) " " (HEIGHT)} role="img" aria-labelledby={(self.id) "-title " (self.id) "-desc"} {
                    title id={(self.id) "-title"} { (self.title) }
                    desc id={(self.id) "-desc"} {
                        "Lines: " (names.join(", ")) ". Across: " (self.x.label) ". The figures stand below as text."
                    }
                    @if let Some(until) = self.shaded_until {
                        rect.cut x=(LEFT) y=(TOP) width=(text(self.at_x(until) - LEFT)) height=(bottom - TOP) {}
                    }
                    @for (at, label) in &self.y.ticks {
                        line.grid x1=(LEFT) x2=(right) y1=(text(self.at_y(*at))) y2=(text(self.at_y(*at))) {}
                        text x=(LEFT - 6.0) y=(text(self.at_y(*at) + 3.5)) text-anchor="end" { (label) }
                    }
                    @for (index, (at, label)) in self.x.ticks.iter().enumerate() {
                        line.tick x1=(text(self.at_x(*at))) x2=(text(self.at_x(*at))) y1=(bottom) y2=(bottom + 4.0) {}
                        text x=(text(self.at_x(*at))) y=(bottom + 15.0) text-anchor=(self.anchor(index)) { (label) }
                    }
                    line.axis x1=(LEFT) x2=(right) y1=(bottom) y2=(bottom) {}
                    text x=(text((LEFT + right) / 2.0)) y=(HEIGHT - 6.0) text-anchor="middle" { (self.x.label) }
                    @for rule in &self.rules { (self.rule(rule)) }
                    @for line in &self.lines { (self.line(line)) }
                }
            }
        }
    }

    /// The last text ends at its line, so that the edge does not cut it.
    fn anchor(&self, tick: usize) -> &'static str {
        let (at, _) = self.x.ticks[tick];
        if self.x.share(at) > 0.97 { "end" } else { "middle" }
    }

    fn line(&self, line: &Line) -> Markup {
        let place = |(x, y): &(f64, f64)| format!("{:.1},{:.1}", self.at_x(*x), self.at_y(*y));
        let places: Vec<_> = line.points.iter().map(place).collect();
        let style = line.style % STYLES;
        html! {
            polyline class={"line s" (style)} points=(places.join(" ")) { title { (line.name) } }
            @if line.marked { @for (x, y) in &line.points {
                circle class={"mark s" (style)} cx=(text(self.at_x(*x))) cy=(text(self.at_y(*y))) r="3" {}
            } }
        }
    }

    fn rule(&self, rule: &Rule) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        if rule.is_across {
            let y = self.at_y(rule.at);
            return html! {
                line.rule x1=(LEFT) x2=(right) y1=(text(y)) y2=(text(y)) {}
                text.ruled x=(LEFT + 4.0) y=(text(y - 4.0)) { (rule.text) }
            };
        }
        let x = self.at_x(rule.at);
        let (anchor, beside) = if x > WIDTH / 2.0 { ("end", x - 4.0) } else { ("start", x + 4.0) };
        html! {
            line.rule x1=(text(x)) x2=(text(x)) y1=(TOP) y2=(bottom) {}
            text.ruled x=(text(beside)) y=(bottom - 5.0) text-anchor=(anchor) { (rule.text) }
        }
    }
}

/// Which line is whose, in the order of their styles.
pub(super) fn legend(names: &[String]) -> Markup {
    html! {
        ul.legend aria-label="Lines" { @for (style, name) in names.iter().enumerate() {
            li {
                svg viewBox="0 0 28 8" width="28" height="8" aria-hidden="true" {
                    line class={"line s" (style % STYLES)} x1="0" x2="28" y1="4" y2="4" {}
                }
                (name)
            }
        } }
    }
}

/// A place on a picture, to a tenth.
pub(super) fn text(at: f64) -> String {
    format!("{at:.1}")
}

/// A time in the unit that makes it short.
pub(super) fn time_text(us: f64) -> String {
    let short = |value: f64| {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match us {
        us if us < 1.0 => format!("{} ns", short(us * 1e3)),
        us if us < 1e3 => format!("{} µs", short(us)),
        us if us < 1e6 => format!("{} ms", short(us / 1e3)),
        us => format!("{} s", short(us / 1e6)),
    }
}

/// A count in thousands or millions where that makes it short.
pub(super) fn count_text(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{} M", count / 1e6),
        count if count >= 1e4 => format!("{} k", count / 1e3),
        count => format!("{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_what_is_drawn() {
        let axis = Axis::linear("", [0.0, 171_300.0].into_iter(), count_text);
        let texts: Vec<_> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["0", "50 k", "100 k", "150 k", "200 k"]);
        assert!(axis.low <= 0.0 && axis.high >= 171_300.0);
        let axis = Axis::log("", [12.0, 90_000.0].into_iter(), time_text);
        let texts: Vec<_> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["100 µs", "1 ms", "10 ms"]);
    }

    #[test]
    fn an_axis_of_nothing_or_of_one_value_is_one_all_the_same() {
        for values in [&[][..], &[5.0], &[0.0, 0.0], &[f64::NAN, f64::INFINITY]] {
            for axis in [
                Axis::linear("", values.iter().copied(), count_text),
                Axis::log("", values.iter().copied(), time_text),
            ] {
                assert!(axis.high > axis.low && axis.low.is_finite(), "{values:?}");
                assert!(axis.share(5.0).is_finite());
            }
        }
    }
}
