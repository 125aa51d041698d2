//! A check: the verdict, every goal in every cell, what it means.

use listenrain_results::{CheckRow, Run};

use super::columns::Align::{Left, Right};
use super::columns::{brief, or_none, render};

/// All of it.
pub(crate) fn text(run: &Run) -> String {
    let Some(check) = &run.check else { return String::new() };
    let of = |verdict: &str| check.rows.iter().filter(|row| row.verdict == verdict).count();
    let counts = ["passed", "regression", "limit-missed", "inconclusive"];
    let counts = counts.map(|verdict| (verdict, of(verdict))).into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.map(|(verdict, count)| format!("{count} {verdict}")).collect();
    let mut text = format!("{} against {}: {}\n\n", check.verdict, check.baseline, counts.join(", "));
    let heads = [
        ("cell", Left),
        ("threshold", Left),
        ("baseline", Right),
        ("now", Right),
        ("change", Right),
        ("from", Right),
        ("to", Right),
        ("verdict", Left),
    ];
    text += &render(&heads, &check.rows.iter().map(line).collect::<Vec<_>>());
    text += "\nregression: the whole 95 % interval of the change (Welch, on logarithms, over launches) is beyond the \
             threshold;\npassed: the whole of it is within; inconclusive: neither. Times in µs: response time of an open \
             loop, service time of a closed one.\nbaseline and now: of a change the geometric means over launches, whose ratio is \
             judged; of a limit the figure of all launches.\n";
    text.extend(run.warnings.iter().map(|warning| format!("warning: {warning}\n")));
    text
}

fn line(row: &CheckRow) -> Vec<String> {
    let percent = |share: f64| format!("{:+.1} %", share * 100.0);
    // A limit's interval is of the figure itself.
    let changes = [row.change, row.low, row.high];
    let changes = changes.map(|value| or_none(value.filter(|_| row.change.is_some()), percent));
    let figure = |value: Option<f64>| match value {
        Some(share) if row.metric == "errors" => format!("{:.4} %", share * 100.0),
        value => or_none(value, brief),
    };
    let why = if row.why.is_empty() { String::new() } else { format!(": {}", row.why) };
    let names = [row.cell.clone(), row.threshold.clone(), figure(row.baseline), figure(row.candidate)];
    names.into_iter().chain(changes).chain([format!("{}{why}", row.verdict)]).collect()
}
