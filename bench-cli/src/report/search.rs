//! A search: the answer, then every trial.

use listenrain_results::{Run, Search, Trial};

use super::columns::Align::{Left, Right};
use super::columns::{brief, or_none, render, whole};

/// All of it.
pub(crate) fn text(run: &Run) -> String {
    let mut text: String = run.searches.iter().map(|search| answer(search) + "\n").collect();
    for search in &run.searches {
        text += &format!("\n{}, {}:\n{}", search.cell, search.slo, trials(search));
    }
    text += "\nholds: the exact binomial bound of the share that is too late says so with 95 % confidence; unclear: too few \
             requests to tell.\nResponse times, from intended to done; dropped and failed requests count as too late. It \
             takes neighbours for independent, so a server that stalls wants longer trials.\n";
    text.extend(run.warnings.iter().map(|warning| format!("warning: {warning}\n")));
    text
}

fn answer(search: &Search) -> String {
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
