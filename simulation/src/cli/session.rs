//! One session of trials: planned, run, printed, written and judged.

use std::env;
use std::process::Command;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::args::ConformanceArgs;
use super::exit::{Done, Exit};
use super::output::{Output, print, show};
use super::plan::{self, Plan};
use super::progress::Progress;
use super::report::Report;
use super::table::table;
use crate::conformance::{Alone, Settings, Trial, answer};
use crate::registry::Subjects;

/// Instead of a matrix without a row.
const NOTHING: &str = "nothing was run: interrupted before the first trial was over\n";

/// Runs what `args` ask for.
pub(super) fn conformance(args: &ConformanceArgs, registry: &Subjects) -> Done {
    let (plan, json) = prepare(args, registry)?;
    let Some(runtime) = runtime() else { return Ok(Exit::Failed) };
    let settings = Settings { seed: args.seed, divisor: args.smaller as usize, patience: args.patience };
    let mut report = Report::new(settings.seed, settings.divisor);
    report.interrupted = runtime.block_on(run(&plan, registry, &settings, args.here, &mut report));
    if args.here {
        let records: String = report.records.iter().map(answer).collect();
        return Ok(Exit::Well.after(print(&records)));
    }
    let text = if report.records.is_empty() { NOTHING.to_owned() } else { table(&report.records) };
    Ok(Exit::of(report.interrupted, report.is_good()).after(show(&text, json, &report)))
}

/// What watches over trials, which have runtimes of their own.
pub(super) fn runtime() -> Option<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.inspect_err(|error| eprintln!("error: no runtime: {error}")).ok()
}

fn prepare(args: &ConformanceArgs, registry: &Subjects) -> Result<(Plan, Option<Output>), String> {
    let plan = Plan {
        transports: plan::transports(&args.transport, registry)?,
        cases: plan::matching(&args.case)?,
        hardships: plan::hardships(&args.hardship)?,
    };
    if plan.trials(registry).is_empty() {
        let what = if plan.hardships.contains(&None) {
            "--case, --transport: none of these cases is about one of these transports"
        } else {
            "--case, --hardship: none of these cases runs under one of these hardships; add `none`"
        };
        return Err(what.to_owned());
    }
    Ok((plan, Output::json(args.json.as_deref())?))
}

/// Adds a record to `report` for each trial; whether it was interrupted before the last.
async fn run(plan: &Plan, registry: &Subjects, settings: &Settings, here: bool, report: &mut Report) -> bool {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let trials = plan.trials(registry);
    let progress = Progress::new(trials.len());
    for (transport, hardship, case) in trials {
        let Some(make) = registry.get(transport).cloned() else { continue };
        let trial = Trial {
            transport: transport.to_owned(),
            make,
            case,
            hardship,
            settings: settings.clone(),
            alone: if here { Alone::Here } else { alone() },
            replay: settings.replay(transport, case, hardship),
        };
        progress.begins(format!("{} {} on {transport}", case.id, case.name));
        let record = tokio::select! {
            biased;
            _ = &mut interrupted => return true,
            record = trial.run() => record,
        };
        if record.verdict.is_bad() {
            progress.say(&format!("{} {} on {transport}: {}", case.id, case.name, record.verdict));
        }
        progress.ended();
        report.records.push(record);
    }
    false
}

/// How trials are run that need a process of their own: by this program, which runs that one alone.
fn alone() -> Alone {
    Alone::Process(Arc::new(|trial| {
        let Trial { transport, case, settings, .. } = trial;
        let mut command = Command::new(env::current_exe().expect("this program knows where it is"));
        command.args(["conformance", "--here", "--hardship", "none", "--case", case.id]);
        command.args(["--transport", transport]);
        command.args(["--seed", &settings.seed.to_string(), "--smaller", &settings.divisor.to_string()]);
        command.args(["--patience", &settings.patience.to_string()]);
        command
    }))
}
