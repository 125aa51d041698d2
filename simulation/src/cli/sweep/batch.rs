//! `sweep`: plays a batch, prints what it covered, and judges.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::args::SweepArgs;
use super::{choose, doubles, report};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::cli::progress::Progress;
use crate::cli::{Tool, session};
use crate::sweep::{Failure, Stop, Sweep, Swept};

/// Plays what `args` ask for.
pub(in crate::cli) fn sweep(args: &SweepArgs, tool: &Tool) -> Exit {
    if args.doubles {
        return doubles::sweep(args, tool);
    }
    let (sweep, json) = match prepare(args, tool) {
        Ok(prepared) => prepared,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let stop = Stop::default();
    stop_at_ctrl_c(stop.clone());
    let progress = Arc::new(Progress::new(usize::try_from(args.seeds.end - args.seeds.start).unwrap_or(0)));
    let shown = progress.clone();
    let watcher = move |ran: &crate::sweep::Ran| {
        shown.ended();
        if let Some(first) = ran.violations.first() {
            let plan = &ran.plan;
            shown.say(&format!("seed {} of {} on {}: {first}", plan.seed, plan.scenario, plan.world));
        }
    };
    let swept = sweep.until(stop).watched_by(watcher).run();
    progress.clear();
    if let Err(why) = show(&swept, args, json) {
        eprintln!("error: {why}");
        return Exit::Failed;
    }
    match swept.is_interrupted {
        true => Exit::Interrupted,
        false if swept.is_good() => Exit::Well,
        false => Exit::Failed,
    }
}

fn prepare(args: &SweepArgs, tool: &Tool) -> Result<(Sweep, Option<Output>), String> {
    let sweep = crate::sweep(args.seeds.clone())
        .scenarios(choose::scenarios(&args.scenario, &tool.scenarios)?)
        .worlds(choose::worlds(&args.world, &tool.worlds)?)
        .shared_stack(tool.stack.clone())
        .twice_every(args.twice_every);
    let sweep = if args.partial { sweep.partial() } else { sweep };
    let sweep = match args.jobs {
        Some(jobs) => sweep.jobs(jobs.into()),
        None => sweep,
    };
    if sweep.deal().cells().is_empty() {
        let told = "none of these scenarios can be played on one of these worlds; `list` shows which can";
        return Err(format!("--scenario, --world: {told}"));
    }
    if let Some(folder) = &args.plans {
        fs::create_dir_all(folder)
            .map_err(|error| format!("--plans: cannot write {}: {error}", folder.display()))?;
    }
    let json = args.json.as_deref().map(|path| Output::open("--json", path)).transpose()?;
    Ok((sweep, json))
}

/// The first Ctrl-C ends the sweep, the second the program.
pub(super) fn stop_at_ctrl_c(stop: Stop) {
    let Some(runtime) = session::runtime() else { return };
    thread::spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.set();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
    });
}

fn show(swept: &Swept, args: &SweepArgs, json: Option<Output>) -> Result<(), String> {
    let text = swept.to_string();
    if json.as_ref().is_some_and(Output::is_stdout) {
        eprint!("{text}");
    } else {
        print(&text)?;
    }
    if let Some(folder) = &args.plans {
        swept.failures.iter().try_for_each(|failure| write_plans(failure, folder))?;
    }
    json.map_or(Ok(()), |output| output.write(&report::json(swept)))
}

fn write_plans(failure: &Failure, folder: &Path) -> Result<(), String> {
    let seed = failure.plan.seed;
    let smallest =
        failure.smallest.as_ref().map(|smallest| (format!("{seed}-smallest.json"), &smallest.plan));
    let plans = [(format!("{seed}.json"), &failure.plan)].into_iter().chain(smallest);
    for (name, plan) in plans {
        let path = folder.join(name);
        fs::write(&path, format!("{}\n", plan.to_json()))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
