//! A run that is spread over workers, from one worker's side.

use std::net::SocketAddr;

use listenrain_results::{Cell, Run};
use tokio::time::sleep_until;

use super::{Interrupt, LEAST_WINDOWS, Repeat, aggregate, launcher, measured, whole};
use crate::cli::{OutputArgs, WorkerArgs};
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch::Launcher;
use crate::machine::told_without_secrets;
use crate::registry::Registry;
use crate::report::live::View;
use crate::report::tables;
use crate::workers::{Ended, Identity, Joined, Pace, Settings, Stretch, Worker, keep, share};

/// Measures this worker's share of `plan`; worker 0 shows the whole, the others their part.
pub(crate) fn run(
    plan: &[CellConfig],
    repeat: &Repeat,
    registry: &Registry,
    args: &WorkerArgs,
    output: &OutputArgs,
) -> Exit {
    let ours =
        Identity::find((args.index, args.count), |name| std::env::var(name).ok()).and_then(|identity| {
            let shares: Result<Vec<_>, _> = plan.iter().map(|cell| share(cell, identity)).collect();
            shares.map(|shares| (identity, shares))
        });
    let (identity, shares) = match ours {
        Ok(ours) => ours,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let settings = Settings::of(plan).with("launches", repeat.launches).with("seed", repeat.seed);
    let pace = Pace { gather: args.rendezvous_within, ..Pace::default() };
    let worker = Worker { identity, settings, servers: args.servers, pace };
    measured(registry, output, tables::cells, async |run, interrupt| {
        let mut view = View::of(&shares, repeat.launches as usize, output.quiet);
        let done = take_part(worker, &shares, repeat, args, run, interrupt, &mut view).await;
        match done {
            Ok(()) => Exit::Well,
            Err(why) => {
                eprintln!("error: {why}");
                Exit::RowFailed
            }
        }
    })
}

async fn take_part(
    worker: Worker,
    shares: &[CellConfig],
    repeat: &Repeat,
    args: &WorkerArgs,
    run: &mut Run,
    interrupt: &Interrupt,
    view: &mut View,
) -> Result<(), String> {
    let launcher = Launcher { wants_ticks: view.is_watched(), ..launcher(run).await };
    run.seed = (repeat.most > 1).then_some(repeat.seed);
    let address = args.rendezvous.as_deref().unwrap_or_default();
    let listens = |at: SocketAddr| eprintln!("rendezvous at {at}");
    let mut joined = tokio::select! {
        biased;
        () = interrupt.once() => return Err("interrupted before all were there".to_owned()),
        joined = worker.join(address, listens) => joined.map_err(|ended| ended.to_string())?,
    };
    run.cells = measure(shares, repeat, &launcher, interrupt, &mut joined, view).await;
    run.env.interrupted = interrupt.was_pressed();
    let finished = joined.finish(run).await.map_err(|ended| ended.to_string())?;
    let Some(finished) = finished else { return Ok(()) };
    *run = finished.run;
    if let Some(folder) = &args.parts {
        keep(&finished.parts, folder)?;
    }
    match finished.void {
        Some(why) => Err(Ended::Aborted(why).to_string()),
        None => Ok(()),
    }
}

/// As alone, but each launch begins when all are ready, and a launch that cannot be is the end of the run for all.
async fn measure(
    shares: &[CellConfig],
    repeat: &Repeat,
    launcher: &Launcher,
    interrupt: &Interrupt,
    joined: &mut Joined,
    view: &mut View,
) -> Vec<Cell> {
    let mut launches: Vec<Vec<Cell>> = shares.iter().map(|_| Vec::new()).collect();
    let mut order = 0;
    'rounds: for round in 0..repeat.most {
        for index in repeat.round(round, shares, &launches) {
            let config = &shares[index];
            view.begins(config, round as usize, repeat.launches.max(round + 1) as usize);
            let mut cell = match one(index, config, launcher, interrupt, joined, view).await {
                Ok(cell) => cell,
                Err(why) => {
                    joined.abort(&told_without_secrets(&why, config.target.as_deref()));
                    break 'rounds;
                }
            };
            cell.launches.iter_mut().for_each(|launch| launch.order = order);
            order += 1;
            view.ended(config, &cell);
            launches[index].push(cell);
            if interrupt.was_pressed() {
                joined.abort("interrupted");
                break 'rounds;
            }
        }
    }
    let some = launches.into_iter().filter(|launches| !launches.is_empty());
    some.map(|launches| aggregate(whole(launches), None)).collect()
}

/// One launch, begun with all others. An error means that there is none, and why.
async fn one(
    index: usize,
    config: &CellConfig,
    launcher: &Launcher,
    interrupt: &Interrupt,
    joined: &mut Joined,
    view: &mut View,
) -> Result<Cell, String> {
    let aborted = joined.aborted();
    let stretch = Stretch { cell: index as u64, warmup: config.warmup, duration: config.duration };
    let begun = async {
        let ready = launcher.ready(config).await?;
        let start = joined.ready(stretch).await.map_err(|ended| ended.to_string())?;
        sleep_until(start.0.into()).await;
        Ok::<_, String>(ready)
    };
    let mut aborted = std::pin::pin!(aborted);
    let ready = tokio::select! {
        biased;
        () = interrupt.once() => return Err("interrupted".to_owned()),
        ended = &mut aborted => return Err(ended.to_string()),
        ready = begun => ready?,
    };
    let stop = async {
        tokio::select! {
            () = interrupt.once() => {}
            _ = &mut aborted => {}
        }
    };
    let cell = tokio::select! {
        biased;
        () = interrupt.twice() => return Err("interrupted".to_owned()),
        cell = ready.run(stop, |tick| view.tick(tick)) => cell,
    };
    let was_stopped = cell.duration_s < config.duration.as_secs_f64() * 0.5;
    if was_stopped && cell.series.tps.len() < LEAST_WINDOWS {
        return Err("it was stopped before it had anything to tell".to_owned());
    }
    Ok(cell)
}
