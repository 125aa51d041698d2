//! The command: reads a file, and explains it, plays it in child processes, or plays it in the simulation.

use std::path::Path;

use listenrain_results::{Cell, Run};

use super::Scenario;
#[cfg(feature = "simulate")]
use super::simulated;
use crate::cli::ScenarioArgs;
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch::{Launcher, all_failed};
use crate::plan;
use crate::registry::Registry;
use crate::report::{live::View, tables};
use crate::session::{self, Interrupt, Repeat, aggregate};

/// What the simulated transport is called: channels in memory behind a link that takes time.
pub(super) const SIMULATED: &str = "memory";
/// Files are read up to this.
const MOST_BYTES: u64 = 1 << 20;

/// Does what `args` say.
pub(crate) fn scenario(args: &ScenarioArgs, registry: &Registry) -> Exit {
    let (scenario, plan) = match planned(args, registry) {
        Ok(planned) => planned,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    if args.check {
        print!("{}", scenario.explained());
        return Exit::Well;
    }
    #[cfg(feature = "simulate")]
    if let Some(seed) = args.simulate {
        return simulated::run(&plan[0], seed, registry, &args.output);
    }
    session::measured(registry, &args.output, tables::cells, async |run, interrupt| {
        let mut view = View::of(&plan, args.launches as usize, args.output.quiet);
        let launcher = Launcher { wants_ticks: view.is_watched(), ..session::launcher(run).await };
        let repeat = Repeat { launches: args.launches, until: None, most: args.launches, seed: args.seed };
        // The loads are drawn from it too.
        run.seed = Some(args.seed);
        play(&plan, &repeat, &launcher, interrupt, &mut view, run).await;
        Exit::Well
    })
}

fn planned(args: &ScenarioArgs, registry: &Registry) -> Result<(Scenario, Vec<CellConfig>), String> {
    let stack = plan::stack(args.stack.as_deref(), registry)?;
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
        None => plan::transports(&args.transport, registry)?,
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
        // What one phase has left may come beside the next.
        window: super::WINDOW * scenario.phases.len(),
        placement: args.placement,
        pins: args.pin.clone().unwrap_or_default(),
        scenario: Some(scenario.clone()),
        ..CellConfig::default()
    };
    let plan: Vec<_> = transports.into_iter().map(config).collect();
    for cell in plan.iter().filter(|_| args.simulate.is_none()) {
        // A phase's own length is the file's matter.
        plan::measurable(&CellConfig { warmup: std::time::Duration::ZERO, ..cell.clone() }, registry)?;
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

/// Launches every cell of `plan` as often as `repeat` says; each of its phases is a cell of the run.
async fn play(
    plan: &[CellConfig],
    repeat: &Repeat,
    launcher: &Launcher,
    interrupt: &Interrupt,
    view: &mut View,
    run: &mut Run,
) {
    let mut launches: Vec<Vec<Vec<Cell>>> = plan.iter().map(|_| Vec::new()).collect();
    let mut order = 0;
    'rounds: for round in 0..repeat.most {
        // How often each was launched is all that a round without a precision asks.
        let measured: Vec<_> = plan.iter().map(|_| Vec::new()).collect();
        for index in repeat.round(round, plan, &measured) {
            view.begins(&plan[index], round as usize, repeat.most as usize);
            let Some(mut cells) = one(&plan[index], launcher, interrupt, view).await else { break 'rounds };
            cells.iter_mut().flat_map(|cell| &mut cell.launches).for_each(|launch| launch.order = order);
            order += 1;
            if let Some(last) = cells.last() {
                view.ended(&plan[index], last);
            }
            launches[index].push(cells);
            if interrupt.was_pressed() {
                // What was cut short is of another length than the others.
                let whole = launches[index].len() - 1;
                launches[index].truncate(whole.max(1));
                break 'rounds;
            }
        }
    }
    for launches in launches {
        let phases = launches.iter().map(Vec::len).max().unwrap_or(0);
        for phase in 0..phases {
            let cells = launches.iter().filter_map(|cells| cells.get(phase)).cloned().collect();
            run.cells.push(aggregate(cells, None));
        }
    }
}

/// Without the phases that were interrupted before they had anything to tell.
fn told(mut cells: Vec<Cell>, interrupt: &Interrupt) -> Option<Vec<Cell>> {
    if interrupt.was_pressed() {
        cells.retain(|cell| cell.series.tps.len() >= session::LEAST_WINDOWS);
    }
    (!cells.is_empty()).then_some(cells)
}

/// One launch's phases, or none when it was interrupted before it had anything to tell.
async fn one(
    config: &CellConfig,
    launcher: &Launcher,
    interrupt: &Interrupt,
    view: &mut View,
) -> Option<Vec<Cell>> {
    let ready = tokio::select! {
        biased;
        () = interrupt.once() => return None,
        ready = launcher.ready(config) => ready,
    };
    match ready {
        Err(why) => Some(all_failed(config, &why)),
        Ok(ready) => tokio::select! {
            biased;
            () = interrupt.twice() => None,
            cells = ready.play(interrupt.once(), |tick| view.tick(tick)) => told(cells, interrupt),
        },
    }
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
