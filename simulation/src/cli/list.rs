//! `conformance --list`: prints the cases.

use super::args::ConformanceArgs;
use super::exit::{Done, Exit};
use super::output::print;
use super::plan;
use crate::conformance::{Case, Source};

/// Prints the cases that are asked for.
pub(super) fn list(args: &ConformanceArgs) -> Done {
    let text: String = plan::matching(&args.case)?.into_iter().map(describe).collect();
    Ok(Exit::Well.after(print(&text)))
}

fn describe(case: &Case) -> String {
    let mut marks = vec![format!("P{}", case.priority)];
    marks.extend(case.needs.iter().map(|need| format!("needs {need}")));
    marks.extend((!case.only.is_empty()).then(|| format!("on {} only", case.only.join(", "))));
    let hardships: Vec<_> = case.hardships.iter().map(|hardship| hardship.name()).collect();
    marks.extend((!hardships.is_empty()).then(|| format!("under {}", hardships.join(", "))));
    for (holds, mark) in [(case.is_swapped, "in both roles"), (case.is_alone, "in a process of its own")] {
        marks.extend(holds.then(|| mark.to_owned()));
    }
    let sources: Vec<_> = case.sources.iter().map(|source| Source::name(*source)).collect();
    format!(
        "{} {} ({})\n    {}\n    as in: {}\n",
        case.id,
        case.name,
        marks.join(", "),
        case.checks,
        sources.join(", ")
    )
}
