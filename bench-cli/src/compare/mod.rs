//! Several values of one thing against each other, in blocks: `compare`, and `aa`, which compares a thing with itself.
//!
//! `plan` finds what differs, `blocks` measures in random order, `judge` says what follows, [`metrics`] by which figures.

mod blocks;
mod judge;
mod metrics;
mod plan;

use listenrain_results::{Cell, Comparison, Run};

use self::blocks::Taken;
use self::plan::Plan;
use crate::cli::CompareArgs;
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch::Launcher;
use crate::registry::Registry;
use crate::report::{comparison as report, live::View};
use crate::session::{self, Interrupt};
use crate::stats::{LEVEL, flips};

/// One thing has several values: which is better.
pub(crate) fn compare(args: &CompareArgs, registry: &Registry) -> Exit {
    begin(plan::compare(args, registry), args, registry)
}

/// Nothing differs: what this machine makes of that.
pub(crate) fn aa(args: &CompareArgs, registry: &Registry) -> Exit {
    begin(plan::aa(args, registry), args, registry)
}

fn begin(plan: Result<Plan, String>, args: &CompareArgs, registry: &Registry) -> Exit {
    match plan {
        Ok(plan) => session::measured(registry, &args.output, report::text, async |run, interrupt| {
            measure(&plan, args, run, interrupt).await;
            Exit::Well
        }),
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
    }
}

async fn measure(plan: &Plan, args: &CompareArgs, run: &mut Run, interrupt: &Interrupt) {
    let seed = args.drive.seed;
    warn(plan, args.blocks, run);
    let all: Vec<CellConfig> = plan.values.iter().flat_map(|value| value.cells.clone()).collect();
    let mut view = View::of(&all, args.blocks as usize, args.output.quiet);
    let launcher = Launcher { wants_ticks: view.is_watched(), ..session::launcher(run).await };
    let cells = plan.values[0].cells.len();
    let mut begun = 0;
    let measure = async |value: usize, cell: usize| -> Option<Cell> {
        let value = &plan.values[value];
        let launcher = Launcher { program: value.program.clone(), ..launcher.clone() };
        let config = &value.cells[cell];
        view.begins(config, begun / all.len(), args.blocks as usize);
        begun += 1;
        let cell = session::one(config, &launcher, interrupt, &mut view).await?;
        // What was cut short belongs to no block.
        if interrupt.was_pressed() {
            return None;
        }
        view.ended(config, &cell);
        Some(cell)
    };
    let taken = blocks::run_blocks([plan.values.len(), cells], args.blocks, seed, measure).await;
    let blocks = taken.len() as u64 / (plan.values.len() * cells) as u64;
    if blocks < args.blocks {
        run.warnings.push(format!("interrupted: {blocks} whole blocks of {} were measured", args.blocks));
    }
    run.seed = Some(seed);
    run.cells = aggregated(&taken, plan);
    run.comparison = Some(judged(plan, args, blocks, &taken));
}

/// Says before anything is measured that nothing can come of it.
fn warn(plan: &Plan, blocks: u64, run: &mut Run) {
    let rows = plan.values[0].cells.len() * (plan.values.len() - 1);
    let least = flips::smallest(blocks) * rows as f64;
    if least > 1.0 - LEVEL {
        let mut enough = blocks;
        while flips::smallest(enough) * rows as f64 > 1.0 - LEVEL {
            enough += 1;
        }
        let why = format!(
            "{blocks} blocks are too few to show a difference in {rows} rows a figure: the smallest corrected p-value is {least:.2}; \
             --blocks {enough} is enough"
        );
        eprintln!("warning: {why}");
        run.warnings.push(why);
    }
}

/// A cell of all launches of each value in each cell.
fn aggregated(taken: &[Taken], plan: &Plan) -> Vec<Cell> {
    let mut cells = Vec::new();
    for value in 0..plan.values.len() {
        for cell in 0..plan.values[0].cells.len() {
            let of = taken.iter().filter(|one| (one.value, one.at) == (value, cell));
            let launches: Vec<Cell> = of.map(|one| one.cell.clone()).collect();
            if !launches.is_empty() {
                cells.push(session::aggregate(launches, None));
            }
        }
    }
    cells
}

fn judged(plan: &Plan, args: &CompareArgs, blocks: u64, taken: &[Taken]) -> Comparison {
    let places: Vec<(u64, u64)> = plan.values[0].cells.iter().map(place).collect();
    let values: Vec<String> = plan.values.iter().map(|value| value.name.clone()).collect();
    Comparison {
        factor: plan.factor.to_owned(),
        blocks,
        seed: args.drive.seed,
        level: LEVEL,
        noise_floor: args.noise_floor,
        rows: judge::rows(taken, &values, &places, args.noise_floor, args.drive.seed),
        samples: taken.iter().map(|one| one.sample(places[one.at])).collect(),
        values,
    }
}

fn place(config: &CellConfig) -> (u64, u64) {
    (config.parallel, config.payload as u64)
}
