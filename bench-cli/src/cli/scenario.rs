//! `bench-cli scenario`: load from a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, value_parser};

use super::exit::ended;
use super::measured::measured;
use super::{Beside, Exit, OutputArgs, plan, printed, selection};
use crate::drive::Registry;
use crate::load::{CellConfig, Pins, Placement, RuntimeChoice, Scenario, WINDOW};
use crate::progress::View;
use crate::report::tables;
#[cfg(feature = "simulate")]
use crate::session::simulated;
use crate::session::{Repeat, Session};

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli scenario bench-cli/scenarios/mixed.toml --check       what it comes to, without running it
  bench-cli scenario bench-cli/scenarios/mixed.toml --simulate 7 --json simulated.json
  bench-cli scenario bench-cli/scenarios/stall.toml --transport tcp,unix --placement split

Each phase is a row. Simulated times are the model's, and no machine's: the same seed gives the same file.
docs/scenarios.md has every key.";

/// A scenario file, and where it is played.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario, as TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only read it and say what it comes to
    #[arg(long)]
    pub(crate) check: bool,
    /// Play it in the simulation with that seed: a model of a link on a clock of its own, which needs no time
    #[arg(long, value_name = "SEED", conflicts_with_all = ["transport", "placement", "runtime", "pin", "seed"])]
    pub(crate) simulate: Option<u64>,
    /// Transports, by scheme, or `all`; see `bench-cli transports`. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// Where the two ends live: `same` process, or `split`
    #[arg(long, value_name = "WHERE", default_value = "same")]
    pub(crate) placement: Placement,
    /// What is driven on top of the transport; it needs messages. Default: the first that is built in
    #[arg(long, value_name = "STACK")]
    pub(crate) stack: Option<String>,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME", default_value = "current")]
    pub(crate) runtime: RuntimeChoice,
    /// Connections, over which callers are spread
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u64).range(1..=1024))]
    pub(crate) connections: u64,
    /// Keep each end to processors, such as server=0,client=1. Linux only
    #[arg(long, value_name = "PINS")]
    pub(crate) pin: Option<Pins>,
    /// Fresh starts, in shuffled order; two or more give a 95 % interval
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) launches: u32,
    /// What kinds of requests, think times, random arrivals and the order of launches are drawn from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What the simulated transport is called: channels in memory behind a link that takes time.
const SIMULATED: &str = "memory";
/// Files are read up to this.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a file, and explains it, plays it in child processes, or plays it in the simulation.
pub(super) fn scenario(args: &ScenarioArgs, registry: &Registry) -> Exit {
    ended(planned(args, registry).map(|(scenario, plan)| match args.simulate {
        _ if args.check => printed(&scenario.explained()),
        Some(seed) => simulate(args, &plan[0], seed, registry),
        None => play(args, &plan, registry),
    }))
}

fn play(args: &ScenarioArgs, plan: &[CellConfig], registry: &Registry) -> Exit {
    let repeat = Repeat { launches: args.launches, until: None, most: args.launches, seed: args.seed };
    measured(registry, &args.output, beside(args), tables::cells, async |run, context| {
        let view = View::of(plan, args.launches as usize, args.output.quiet);
        // The loads are drawn from it too.
        run.seed = Some(args.seed);
        run.cells = Session::begin(run, context, view).await.measure(plan, &repeat).await;
        Exit::Well
    })
}

fn beside(args: &ScenarioArgs) -> Beside<'_> {
    Beside { inputs: vec![args.file.as_path()], ..Beside::default() }
}

#[cfg(feature = "simulate")]
fn simulate(args: &ScenarioArgs, config: &CellConfig, seed: u64, registry: &Registry) -> Exit {
    // No figure of it is this build's.
    let output = OutputArgs { force: true, ..args.output.clone() };
    measured(registry, &output, beside(args), tables::cells, async |run, context| {
        run.warnings.push("simulated: every time is the model's, none a machine's".to_owned());
        run.seed = Some(seed);
        let (config, registry) = (config.clone(), registry.clone());
        // A runtime of its own needs a thread of its own, which an interrupt does not wait for.
        let (over, is_over) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || over.send(simulated::played(&config, seed, &registry)));
        let played = tokio::select! {
            biased;
            () = context.interrupt.once() => return Exit::Well,
            played = is_over => played,
        };
        let Ok(cells) = played else { return Exit::RowFailed };
        run.cells = cells;
        Exit::Well
    })
}

/// Refused while it was planned.
#[cfg(not(feature = "simulate"))]
fn simulate(_: &ScenarioArgs, _: &CellConfig, _: u64, _: &Registry) -> Exit {
    Exit::Usage
}

fn planned(args: &ScenarioArgs, registry: &Registry) -> Result<(Scenario, Vec<CellConfig>), String> {
    let stack = selection::stack(args.stack.as_deref(), registry)?;
    if !stack.plays() {
        let able: Vec<_> =
            registry.stacks().iter().filter(|stack| stack.plays()).map(|stack| stack.name()).collect();
        return Err(format!(
            "--stack {}: it has no messages, which scenarios are made of; those that have: {}",
            stack.name(),
            able.join(", ")
        ));
    }
    if args.simulate.is_some() && args.launches > 1 {
        return Err(
            "--launches does not go with --simulate: one seed makes the same run each time; try other seeds"
                .into(),
        );
    }
    let seed = args.simulate.unwrap_or(args.seed);
    let mut scenario = read(&args.file, seed)?;
    if !args.check {
        buildable(args.simulate.is_some(), &scenario, cfg!(feature = "simulate"))?;
    }
    let transports = match args.simulate {
        Some(_) => vec![SIMULATED.to_owned()],
        None => selection::transports(&args.transport, registry)?,
    };
    if args.simulate.is_some() {
        scenario.simulate();
    }
    let config = |transport| CellConfig {
        transport,
        stack: stack.name().to_owned(),
        runtime: args.runtime,
        protocol: stack.protocols()[0],
        payload: scenario.largest(),
        warmup: scenario.warmup,
        duration: scenario.duration(),
        connections: args.connections,
        // Requests that a phase left outstanding may be answered during the next one.
        window: WINDOW * scenario.phases.len(),
        placement: args.placement,
        pins: args.pin.clone().unwrap_or_default(),
        scenario: Some(scenario.clone()),
        ..CellConfig::default()
    };
    let plan: Vec<_> = transports.into_iter().map(config).collect();
    for cell in plan.iter().filter(|_| args.simulate.is_none()) {
        // A phase's own length is the file's matter.
        plan::measurable(&CellConfig { warmup: Duration::ZERO, ..cell.clone() }, registry)?;
    }
    Ok((scenario, plan))
}

/// What needs the simulation can be done only where that was built in.
fn buildable(is_simulated: bool, scenario: &Scenario, has_simulation: bool) -> Result<(), String> {
    let what = match scenario.simulated_faults().next() {
        _ if has_simulation => return Ok(()),
        _ if is_simulated => "--simulate".to_owned(),
        Some(fault) => format!("fault {}", fault.kind.name()),
        None => return Ok(()),
    };
    Err(format!(
        "{what}: this program was built without the simulation; build it with `--features simulate`, such as `cargo run \
         -p bench-cli --features simulate`"
    ))
}

/// The scenario in that file.
fn read(path: &Path, seed: u64) -> Result<Scenario, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("{shown}: {error}; give the path of a scenario file");
    let length = std::fs::metadata(path).map_err(cannot)?.len();
    if length > MOST_BYTES {
        return Err(format!("{shown}: {length} bytes; a scenario has at most {MOST_BYTES}"));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    Scenario::parse(&text, seed).map_err(|error| format!("{shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_the_simulation_says_how_to_build_it() {
        let of = |fault: &str| {
            let text = format!("name = 'x'\n[[phase]]\nname = 'a'\nduration = '2s'\nparallel = 1\n{fault}");
            Scenario::parse(&text, 1).unwrap()
        };
        let fault = |kind| format!("[[fault]]\nat = '1s'\nlasts = '1s'\nkind = '{kind}'\n");
        let (plain, stall, reset) = (of(""), of(&fault("stall")), of(&fault("reset")));
        for (is_simulated, scenario, said) in [
            (true, &plain, Some("--simulate: ")),
            (false, &reset, Some("fault reset: ")),
            (false, &stall, None),
            (false, &plain, None),
        ] {
            assert_eq!(buildable(is_simulated, scenario, true), Ok(()));
            let without = buildable(is_simulated, scenario, false);
            match said {
                Some(said) => {
                    let why = without.unwrap_err();
                    assert!(why.starts_with(said) && why.contains("`--features simulate`"), "{why}");
                }
                None => assert_eq!(without, Ok(())),
            }
        }
    }
}
