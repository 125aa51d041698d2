//! Response time by load: what a rising rate costs, and where a service level ends.

use listenrain_results::{Cell, Search};
use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Rule, count_text, legend, time_text};
use super::{Scene, as_text, section as whole_section};
use crate::report::results::trials_table;
use crate::units::{brief, size_text};

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let charts: Vec<_> = [of_cells(scene), of_searches(scene)].into_iter().flatten().collect();
    if charts.is_empty() {
        return html! {};
    }
    let body = html! {
        @if scene.setups.len() > 1 { (legend(&scene.setups)) }
        div.charts { @for chart in &charts { (chart) } }
        @for search in &scene.run.searches {
            (as_text(&format!("Trials of {}, {}", search.cell, search.slo), &trials_table(search)))
        }
    };
    let explanation = "99 of 100 requests were answered within this time, counted from when they were due.";
    whole_section(scene, "load", "Response time by load", explanation, &body)
}

/// A chart for each payload that was measured at several rates.
fn of_cells(scene: &Scene<'_>) -> Vec<Markup> {
    let mut charts: Vec<(u64, Vec<Line>)> = Vec::new();
    for cell in &scene.run.cells {
        let Some((rate, p99)) = point(cell) else { continue };
        let setup = scene.setup(cell);
        let at = charts.iter().position(|(payload, _)| *payload == cell.payload_bytes).unwrap_or_else(|| {
            charts.push((cell.payload_bytes, Vec::new()));
            charts.len() - 1
        });
        let lines = &mut charts[at].1;
        match lines.iter_mut().find(|line| line.name == setup) {
            Some(line) => line.points.push((rate, p99)),
            None => lines.push(Line {
                style: scene.style(&setup),
                name: setup,
                points: vec![(rate, p99)],
                marked: true,
            }),
        }
    }
    let several = |(_, lines): &(u64, Vec<Line>)| lines.iter().any(|line| line.points.len() > 1);
    charts
        .into_iter()
        .filter(several)
        .map(|(payload, lines)| {
            chart(
                scene,
                &format!("rates-{payload}"),
                format!("p99 of {}", size_text(payload)),
                lines,
                Vec::new(),
            )
        })
        .collect()
}

fn point(cell: &Cell) -> Option<(f64, f64)> {
    Some((cell.open_loop.as_ref()?.rate, cell.response_us?.p99?))
}

fn of_searches(scene: &Scene<'_>) -> Vec<Markup> {
    scene.run.searches.iter().enumerate().map(|(at, search)| of_search(scene, at, search)).collect()
}

fn of_search(scene: &Scene<'_>, at: usize, search: &Search) -> Markup {
    let points = search.trials.iter().filter_map(|trial| Some((trial.rate, trial.response_us.p99?)));
    let line = Line { style: 0, name: search.cell.clone(), points: points.collect(), marked: true };
    let mut rules = Vec::new();
    if let Some(us) = limit(&search.slo) {
        rules.push(Rule { at: us, is_across: true, text: search.slo.clone() });
    }
    if let Some(rate) = search.highest_rate {
        rules.push(Rule { at: rate, is_across: false, text: format!("holds to {}", brief(rate)) });
    }
    chart(scene, &format!("search-{at}"), format!("Search: {}, p99", search.cell), vec![line], rules)
}

fn chart(scene: &Scene<'_>, id: &str, title: String, mut lines: Vec<Line>, rules: Vec<Rule>) -> Markup {
    for line in &mut lines {
        line.points.sort_by(|one, next| one.0.total_cmp(&next.0));
    }
    let rates = lines.iter().flat_map(|line| &line.points).map(|(rate, _)| *rate);
    let limits = rules.iter().filter(|rule| rule.is_across).map(|rule| rule.at);
    let times = lines.iter().flat_map(|line| &line.points).map(|(_, us)| *us).chain(limits);
    Chart {
        id: scene.id(id),
        title,
        x: Axis::linear("requests a second", rates, count_text),
        y: Axis::log("", times, time_text),
        lines,
        rules,
        shaded_until: None,
    }
    .draw()
}

/// The bound on p99 in a service level such as `p99<2ms,errors<0.01%`, µs.
fn limit(slo: &str) -> Option<f64> {
    let bound = slo.split(',').find_map(|part| part.trim().strip_prefix("p99<"))?;
    let time = humantime::parse_duration(bound.trim_start_matches('=').trim()).ok()?;
    Some(time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_service_level_is_its_bound_on_p99() {
        assert_eq!(limit("p99<2ms"), Some(2_000.0));
        assert_eq!(limit("errors<0.01%, p99<=500us"), Some(500.0));
        assert_eq!(limit("p99.9<2ms"), None);
    }
}
