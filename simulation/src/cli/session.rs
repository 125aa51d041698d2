//! One session from its plan to its files: runs trial after trial, then prints, writes and judges.

use tokio::runtime::{Builder, Runtime};

use super::args::ConformanceArgs;
use super::exit::Exit;
use super::junit::junit;
use super::order;
use super::output::{Output, print};
use super::plan::{self, Plan};
use super::progress::Progress;
use super::report::Report;
use super::table::table;
use crate::conformance::{Settings, Trial};
use crate::lineup::Lineup;

/// Instead of a matrix without a row.
const NOTHING: &str = "nothing was run: interrupted before the first trial was over\n";

/// Runs what `args` ask for.
pub(super) fn conformance(args: &ConformanceArgs, lineup: &Lineup) -> Exit {
    let (plan, outputs) = match prepare(args, lineup) {
        Ok(prepared) => prepared,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let Some(runtime) = runtime() else {
        return Exit::Failed;
    };
    let settings = settings(args);
    let mut report = Report::new(settings.seed, settings.divisor);
    report.interrupted = runtime.block_on(run(&plan, lineup, &settings, &mut report));
    if let Err(why) = show(&report, outputs) {
        eprintln!("error: {why}");
        return Exit::Failed;
    }
    match report.interrupted {
        true => Exit::Interrupted,
        false if report.is_good() => Exit::Well,
        false => Exit::Failed,
    }
}

/// What watches over trials, which have runtimes of their own.
pub(super) fn runtime() -> Option<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.inspect_err(|error| eprintln!("error: no runtime: {error}")).ok()
}

pub(super) fn settings(args: &ConformanceArgs) -> Settings {
    Settings { seed: args.seed, divisor: args.smaller as usize, patience: args.patience }
}

struct Outputs {
    json: Option<Output>,
    junit: Option<Output>,
}

fn prepare(args: &ConformanceArgs, lineup: &Lineup) -> Result<(Plan, Outputs), String> {
    let plan = Plan {
        transports: plan::transports(&args.transport, lineup)?,
        cases: plan::matching(&args.case)?,
        hardships: plan::hardships(&args.hardship)?,
    };
    if plan.trials(lineup).is_empty() {
        let what = if plan.hardships.contains(&None) {
            "--case, --transport: none of these cases is about one of these transports"
        } else {
            "--case, --hardship: none of these cases runs under a hardship; add `none`"
        };
        return Err(what.to_owned());
    }
    let json = args.json.as_deref().map(|path| Output::open("--json", path)).transpose()?;
    let junit = args.junit.as_deref().map(|path| Output::open("--junit", path)).transpose()?;
    if [&json, &junit].iter().all(|output| output.as_ref().is_some_and(Output::is_stdout)) {
        return Err("--json, --junit: only one of them can go to standard output".to_owned());
    }
    Ok((plan, Outputs { json, junit }))
}

/// Adds a record to `report` for each trial; whether it was interrupted before the last.
async fn run(plan: &Plan, lineup: &Lineup, settings: &Settings, report: &mut Report) -> bool {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let trials = plan.trials(lineup);
    let progress = Progress::new(trials.len());
    for (transport, hardship, case) in trials {
        let Some(make) = order::maker(transport, lineup) else { continue };
        let trial = Trial {
            transport: transport.to_owned(),
            make,
            case,
            hardship,
            settings: settings.clone(),
            alone: order::alone(),
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

fn show(report: &Report, outputs: Outputs) -> Result<(), String> {
    let text = if report.records.is_empty() { NOTHING.to_owned() } else { table(&report.records) };
    let Outputs { json, junit: xml } = outputs;
    if [&json, &xml].iter().any(|output| output.as_ref().is_some_and(Output::is_stdout)) {
        eprint!("{text}");
    } else {
        print(&text)?;
    }
    json.map_or(Ok(()), |output| output.write(&report.to_json()))?;
    xml.map_or(Ok(()), |output| output.write(&junit(&report.records)))
}
