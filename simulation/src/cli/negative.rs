//! `conformance --negative-controls`: whether the cases catch what is broken on purpose.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::resume_unwind;

use tokio::task::JoinSet;

use super::args::ConformanceArgs;
use super::exit::Exit;
use super::output::print;
use super::progress::Progress;
use super::{order, plan, session};
use crate::conformance::controls::{Caught, Control, Judge, SOUND_ONES, controls};
use crate::conformance::{self, Case, Verdict};

/// Runs the controls that the cases of `args` are there for under those cases, and the sound transports too.
pub(super) fn negative(args: &ConformanceArgs) -> Exit {
    let cases = match plan::matching(&args.case) {
        Ok(cases) => cases,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let Some(runtime) = session::runtime() else {
        return Exit::Failed;
    };
    let mut judge = Judge::new(order::alone());
    judge.settings.seed = args.seed;
    judge.settings.patience = args.patience;
    let (caught, interrupted) = runtime.block_on(try_all(&judge, &cases));
    let mistakes = mistakes(&caught, cases.len() == conformance::cases().count());
    if let Err(why) = print(&table(&caught, &mistakes)) {
        eprintln!("error: {why}");
        return Exit::Failed;
    }
    match interrupted {
        true => Exit::Interrupted,
        false if mistakes.is_empty() => Exit::Well,
        false => Exit::Failed,
    }
}

/// What became of each control, and whether it was interrupted before the last. They run side by side, since those
/// that hang do nothing but wait; the judge sees to it that they are not too many.
async fn try_all(judge: &Judge, cases: &[&'static Case]) -> (Vec<Caught>, bool) {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let is_wanted = |control: &&'static Control| cases.iter().any(|case| case.id == control.case);
    let wanted: Vec<_> = SOUND_ONES.into_iter().chain(controls().filter(is_wanted)).collect();
    let progress = Progress::new(wanted.len());
    let mut trying = JoinSet::new();
    for (index, control) in wanted.into_iter().enumerate() {
        let (judge, cases) = (judge.clone(), cases.to_vec());
        trying.spawn(async move { (index, judge.try_control(control, &cases).await) });
    }
    let mut caught = Vec::new();
    let was_interrupted = loop {
        tokio::select! {
            biased;
            _ = &mut interrupted => break true,
            one = trying.join_next() => match one {
                Some(Ok(one)) => caught.push(one),
                // A panic of the judge's own: its control must not go missing.
                Some(Err(error)) => resume_unwind(error.into_panic()),
                None => break false,
            },
        }
        progress.ended();
    };
    caught.sort_by_key(|(index, _)| *index);
    (caught.into_iter().map(|(_, one)| one).collect(), was_interrupted)
}

/// What is not as it should be: a control that its case lets pass or fails for another reason, two that only the same case
/// catches, a sound transport that is caught. Whether only one case catches a control is not known unless all cases were run.
fn mistakes(caught: &[Caught], by_all: bool) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut only: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in caught {
        let Control { name, case, symptom, .. } = one.control;
        match (&one.own, &one.by[..]) {
            (None, []) if case.is_empty() => {}
            (None, []) => mistakes.push(format!("{name} was not judged by {case}")),
            (None, by) => mistakes.push(format!("{name} is caught by {}", by.join(", "))),
            (Some(record), _) if !one.is_caught() => {
                let reason = record.reason.as_deref().unwrap_or("it passed");
                mistakes.push(format!(
                    "{name} is not caught by {case}, which ended as {}: {reason}; where it catches it, it {symptom}",
                    record.verdict
                ));
            }
            (Some(_), [single]) => only.entry(single).or_default().push(name),
            (Some(_), _) => {}
        }
    }
    let twins = only.iter().filter(|(_, names)| by_all && names.len() > 1);
    mistakes.extend(twins.map(|(case, names)| format!("only {case} catches {}", names.join(" and "))));
    mistakes
}

fn table(caught: &[Caught], mistakes: &[String]) -> String {
    let controls = || caught.iter().filter(|one| one.own.is_some());
    let width = controls().map(|one| one.control.name.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}  case  caught by\n", "control");
    for one in controls() {
        let own = if one.is_caught() { one.control.case } else { "-" };
        let also: Vec<_> = one.by.iter().filter(|id| **id != one.control.case).copied().collect();
        let also = if also.is_empty() { "it alone".to_owned() } else { format!("and {}", also.join(" ")) };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:width$}  {:4}  {own} {also}", one.control.name, one.control.case);
        let reason = one.own.as_ref().and_then(|record| record.reason.as_deref()).unwrap_or("it passed");
        let verdict = one.own.as_ref().map_or(Verdict::Skipped, |record| record.verdict);
        let _ = writeln!(text, "    {}\n    {} {verdict}: {reason}", one.control.breaks, one.control.case);
    }
    for mistake in mistakes {
        let _ = writeln!(text, "MISTAKE: {mistake}");
    }
    let (all, good) = (controls().count(), controls().filter(|one| one.is_caught()).count());
    let how = if mistakes.is_empty() { "each by its own case" } else { "with the mistakes above" };
    let _ = writeln!(text, "\n{good} of {all} caught, {how}");
    text
}
