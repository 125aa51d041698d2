//! A search: the answer, then every trial.

use listenrain_results::{Cell, Run, Search, Trial};

use super::columns::Align::{Left, Right};
use super::columns::{brief, or_none, render, whole};

/// All of it.
pub(crate) fn text(run: &Run) -> String {
    let mut text = String::new();
    // A search's cells are its closed loop's, then its trials'.
    let mut first = 0;
    for search in &run.searches {
        text += &(answer(search, run.cells.get(first)) + "\n");
        first += 1 + search.trials.len();
    }
    for search in run.searches.iter().filter(|search| !search.trials.is_empty()) {
        text += &format!("\n{}, {}:\n{}", search.cell, search.slo, trials(search));
    }
    text += "\nholds: the exact binomial bound of the share that is too late says so with 95 % confidence; unclear: too few \
             requests to tell.\nResponse times, from intended to done; dropped and failed requests count as too late. It \
             takes neighbours for independent, so a server that stalls wants longer trials.\n";
    text.extend(run.warnings.iter().map(|warning| format!("warning: {warning}\n")));
    text
}

fn answer(search: &Search, closed: Option<&Cell>) -> String {
    let Search { cell, slo, .. } = search;
    match (search.highest_rate, search.lowest_missed) {
        (Some(rate), Some(missed)) => {
            format!("{cell}: {slo} holds up to {}/s, and no more at {}/s", whole(rate), whole(missed))
        }
        (Some(rate), None) => {
            format!(
                "{cell}: {slo} holds at {}/s, the highest that was tried (1.2 x the closed loop's)",
                whole(rate)
            )
        }
        (None, _) if search.trials.is_empty() => {
            let errors = closed.map_or(0, |cell| cell.errors);
            let said = closed.and_then(|cell| cell.error_samples.first());
            let said = said.map_or_else(|| "no request was answered".to_owned(), Clone::clone);
            format!("{cell}: no rate was tried, since its closed loop failed with {errors} errors: {said}")
        }
        (None, _) if search.trials.iter().all(|trial| trial.verdict != "missed") => {
            format!("{cell}: whether {slo} holds can't be told at any rate that was tried")
        }
        (None, _) => format!("{cell}: {slo} holds at no rate that was tried"),
    }
}

fn trials(search: &Search) -> String {
    let heads = [
        ("rate/s", Right),
        ("achieved", Right),
        ("s", Right),
        ("p50 µs", Right),
        ("p99 µs", Right),
        ("max µs", Right),
        ("lag p99 µs", Right),
        ("dropped", Right),
        ("errors", Right),
        ("verdict", Left),
    ];
    let line = |trial: &Trial| {
        let us = &trial.response_us;
        let why = if trial.why.is_empty() { String::new() } else { format!(": {}", trial.why) };
        vec![
            whole(trial.rate),
            whole(trial.achieved),
            brief(trial.duration_s),
            or_none(us.p50, brief),
            or_none(us.p99, brief),
            brief(us.max),
            or_none(trial.send_lag_us.p99, brief),
            trial.dropped.to_string(),
            trial.errors.to_string(),
            format!("{}{why}", trial.verdict),
        ]
    };
    render(&heads, &search.trials.iter().map(line).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain_results::Env;

    #[test]
    fn a_closed_loop_that_failed_is_told_with_its_error() {
        let failed = Cell { errors: 3, error_samples: vec!["no such socket".to_owned()], ..Cell::default() };
        let mut run = Run::new(Env::default(), vec![Cell::default(), Cell::default(), failed]);
        let trials = vec![Trial { verdict: "unclear".to_owned(), ..Trial::default() }];
        run.searches = vec![
            Search { cell: "unix".to_owned(), trials, ..Search::default() },
            Search { cell: "tcp".to_owned(), ..Search::default() },
        ];
        let text = text(&run);
        assert!(
            text.contains(
                "tcp: no rate was tried, since its closed loop failed with 3 errors: no such socket"
            )
        );
        assert!(text.starts_with("unix: whether  holds can't be told"), "{text}");
    }
}
