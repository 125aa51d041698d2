//! `sweep --doubles`: whether scenarios notice what they are there for.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::args::SweepArgs;
use super::{batch, choose};
use crate::cli::Tool;
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::cli::progress::Progress;
use crate::doubles::{self, Double};
use crate::scenario::Scenario;
use crate::sweep::{Caught, Stop, Swept, catch};
use crate::world::World;

/// Has each double caught, and the sound model pass the same scenarios.
pub(super) fn sweep(args: &SweepArgs, tool: &Tool) -> Exit {
    let worlds = match choose::worlds(&args.world, &tool.worlds) {
        Ok(worlds) => worlds,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let stop = Stop::default();
    batch::stop_at_ctrl_c(stop.clone());
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    let caught = catch_all(&worlds, &args.seeds, jobs, &stop);
    let sound = sound(args, &worlds, jobs, &stop);
    let mut mistakes: Vec<_> = caught.iter().filter_map(Caught::mistake).collect();
    if !sound.is_good() {
        mistakes.push(format!("the sound model fails\n{sound}"));
    }
    let all = doubles::all().len();
    if let Err(why) = print(&describe(&caught, all, &sound, &mistakes)) {
        eprintln!("error: {why}");
        return Exit::Failed;
    }
    match stop.is_set() && (caught.len() < all || sound.is_interrupted) {
        true => Exit::Interrupted,
        false if mistakes.is_empty() => Exit::Well,
        false => Exit::Failed,
    }
}

/// What became of each double, in their order; fewer than all where `stop` came first.
fn catch_all(worlds: &[Arc<dyn World>], seeds: &Range<u64>, jobs: usize, stop: &Stop) -> Vec<Caught> {
    let all = doubles::all();
    let progress = Progress::new(all.len());
    let left = Mutex::new(all.into_iter().enumerate());
    let found = Mutex::new(Vec::new());
    let work = || {
        while !stop.is_set() {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, double)) = next else { return };
            progress.begins(double.name.to_owned());
            let Some(scenario) = crate::scenario::named(double.scenario) else { continue };
            let caught = catch(double, &scenario, worlds, seeds, stop);
            progress.ended();
            if caught.failure.is_some() || !stop.is_set() {
                found.lock().unwrap_or_else(PoisonError::into_inner).push((number, caught));
            }
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, caught)| caught).collect()
}

/// What a batch of the sound model finds, over the scenarios of the doubles.
fn sound(args: &SweepArgs, worlds: &[Arc<dyn World>], jobs: usize, stop: &Stop) -> Swept {
    let all = doubles::all();
    let is_of_model = |double: &&Double| double.flaw != "library";
    let is_one = |scenario: &Arc<Scenario>| {
        all.iter().filter(is_of_model).any(|double| double.scenario == scenario.name)
    };
    crate::sweep(args.seeds.clone())
        .scenarios(crate::scenario::all().into_iter().filter(is_one))
        .worlds(worlds.iter().cloned())
        .shared_stack(doubles::sound())
        .jobs(jobs)
        .partial()
        .until(stop.clone())
        .run()
}

fn describe(caught: &[Caught], all: usize, sound: &Swept, mistakes: &[String]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for Caught { double, failure, .. } in caught {
        let Double { name, flaw, meaning, scenario, .. } = double;
        let _ = writeln!(text, "{name} ({flaw}): {meaning}");
        let Some(failure) = failure else {
            let _ = writeln!(text, "  not caught by {scenario}\n");
            continue;
        };
        let violation = double.shown_by(&failure.smallest_violations).unwrap_or("something else");
        let _ = writeln!(text, "  caught: {violation}\n  again: {}", failure.replay);
        let plan = failure.smallest.as_ref().map_or(&failure.plan, |smallest| &smallest.plan);
        let _ =
            writeln!(text, "  the smallest plan that fails: {}\n", plan.to_string().replace('\n', "\n  "));
    }
    for mistake in mistakes {
        let _ = writeln!(text, "MISTAKE: {mistake}");
    }
    let good = caught.iter().filter(|caught| caught.mistake().is_none()).count();
    let _ = writeln!(
        text,
        "the sound model: {} of {} runs failed\n{good} of {all} doubles caught, each by a plan of at most {} faults",
        sound.failed,
        sound.runs,
        Caught::MOST_FAULTS
    );
    text
}
