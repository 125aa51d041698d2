//! `sweep`: plays a batch of seeds and prints what it covered.

use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use tokio::signal::ctrl_c;

use super::args::SweepArgs;
use super::report;
use crate::cli::choose::named;
use crate::cli::exit::{Done, Exit};
use crate::cli::output::{Output, show};
use crate::cli::progress::Progress;
use crate::cli::{Tool, session};
use crate::sweep::{Stop, Sweep, Swept};

/// Plays what `args` ask for.
pub(in crate::cli) fn sweep(args: &SweepArgs, tool: &Tool) -> Done {
    let (sweep, json) = prepare(args, tool)?;
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
    let shown = show(&swept.to_string(), json, report::of(&swept)).and_then(|()| write_plans(&swept, args));
    Ok(Exit::of(swept.is_interrupted, swept.is_good()).after(shown))
}

fn prepare(args: &SweepArgs, tool: &Tool) -> Result<(Sweep, Option<Output>), String> {
    let sweep = crate::sweep(args.seeds.clone())
        .scenarios(named("--scenario", &args.scenario, tool.scenarios.clone(), |scenario| scenario.name)?)
        .networks(named("--network", &args.network, tool.networks.clone(), |network| network.name())?)
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
    Ok((sweep, Output::json(args.json.as_deref())?))
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

fn write_plans(swept: &Swept, args: &SweepArgs) -> Result<(), String> {
    let Some(folder) = &args.plans else { return Ok(()) };
    for failure in &swept.failures {
        let (seed, smallest) = (failure.plan.seed, failure.smallest.as_ref());
        let smallest = smallest.map(|smallest| (format!("{seed}-smallest.json"), &smallest.plan));
        for (name, plan) in [(format!("{seed}.json"), &failure.plan)].into_iter().chain(smallest) {
            let path = folder.join(name);
            fs::write(&path, format!("{}\n", plan.to_json()))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
    }
    Ok(())
}
