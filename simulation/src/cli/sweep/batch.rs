//! `sweep`: plays a batch of seeds and prints what it covered.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use tokio::signal::ctrl_c;

use super::args::SweepArgs;
use super::{choose, removed, report};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::cli::progress::Progress;
use crate::cli::{Tool, session};
use crate::sweep::{Failure, Stop, Sweep, Swept};

/// Plays what `args` ask for.
pub(in crate::cli) fn sweep(args: &SweepArgs, tool: &Tool) -> Exit {
    if args.doubles {
        return removed("--doubles is gone: use `cargo test -p listenrain-simulation --test faulty`");
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
    let seeds = args.seeds.end - args.seeds.start;
    eprintln!("sweeping {seeds} seeds; Ctrl-C ends it and prints what it covered");
    let progress = Arc::new(Progress::new(usize::try_from(seeds).unwrap_or(usize::MAX)));
    let shown = progress.clone();
    let watcher = move |ran: &crate::sweep::Ran| {
        shown.ended();
        if let Some(first) = ran.violations.first() {
            let plan = &ran.plan;
            shown.say(&format!("seed {} of {} on {}: {first}", plan.seed, plan.scenario, plan.network));
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
        .networks(choose::networks(&args.network, &tool.networks)?)
        .shared_stack(tool.stack.clone())
        .twice_every(args.twice_every);
    let sweep = if args.partial { sweep.partial() } else { sweep };
    let sweep = match args.jobs {
        Some(jobs) => sweep.jobs(jobs.into()),
        None => sweep,
    };
    if sweep.deal().cells().is_empty() {
        let told = "none of these scenarios can be played on one of these networks; `list` shows which can";
        return Err(format!("--scenario, --network: {told}"));
    }
    if let Some(folder) = &args.plans {
        fs::create_dir_all(folder)
            .map_err(|error| format!("--plans: cannot write {}: {error}", folder.display()))?;
    }
    let json = args.json.as_deref().map(|path| Output::open("--json", path)).transpose()?;
    Ok((sweep, json))
}

/// From now on the first Ctrl-C ends the sweep, and the second the program.
pub(super) fn stop_at_ctrl_c(stop: Stop) {
    let Some(runtime) = session::runtime() else { return };
    let (tell, watches) = channel();
    let wait = async move {
        let mut first = pin!(ctrl_c());
        // It is looked out for from its first poll on.
        let early = tokio::select! {
            biased;
            ended = &mut first => Some(ended),
            () = std::future::ready(()) => None,
        };
        let _ = tell.send(());
        let ended = match early {
            Some(ended) => ended,
            None => first.await,
        };
        if ended.is_ok() {
            stop.set();
            if ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        }
    };
    thread::spawn(move || runtime.block_on(wait));
    // Where it panicked there is nothing to wait for.
    let _ = watches.recv();
}

fn show(swept: &Swept, args: &SweepArgs, json: Option<Output>) -> Result<(), String> {
    let text = swept.to_string();
    if json.as_ref().is_some_and(Output::is_stdout) {
        eprint!("{text}");
    } else {
        print(&text)?;
    }
    json.map_or(Ok(()), |output| output.write(&report::json(swept)))?;
    match &args.plans {
        Some(folder) => swept.failures.iter().try_for_each(|failure| write_plans(failure, folder)),
        None => Ok(()),
    }
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
