//! Several values of one thing against each other, in blocks; or a thing against itself.
//!
//! `blocks` measures in random order, `judge` says what follows.

mod blocks;
mod judge;

use listenrain_results::{Cell, Comparison, Run};

use self::blocks::Taken;
use crate::launch::Program;
use crate::load::CellConfig;
use crate::merge;
use crate::session::Session;
use crate::stats::{LEVEL, flips};
use crate::streams::say;

/// What is compared. Each value has the same cells, in the same order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) factor: &'static str,
    pub(crate) values: Vec<Value>,
    /// Why other values are left out.
    pub(crate) left_out: Vec<String>,
    pub(crate) blocks: u64,
    pub(crate) noise_floor: f64,
    pub(crate) seed: u64,
}

/// One value: its name, the program that measures it, its cells.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) program: Program,
    pub(crate) cells: Vec<CellConfig>,
}

impl Plan {
    /// Every cell of every value.
    pub(crate) fn all(&self) -> Vec<CellConfig> {
        self.values.iter().flat_map(|value| value.cells.clone()).collect()
    }

    /// Cells of each value.
    fn cells(&self) -> usize {
        self.values[0].cells.len()
    }
}

/// Measures `plan` block by block, and puts into `run` what follows.
pub(crate) async fn measure(plan: &Plan, session: &mut Session<'_>, run: &mut Run) {
    warn(plan, run);
    let all = plan.values.len() * plan.cells();
    let mut begun = 0;
    let launch = async |value: usize, cell: usize| -> Option<Cell> {
        let value = &plan.values[value];
        session.launcher.program = value.program.clone();
        let block = begun / all;
        begun += 1;
        session.single(&value.cells[cell], block, plan.blocks as usize).await
    };
    let taken = blocks::run_blocks([plan.values.len(), plan.cells()], plan.blocks, plan.seed, launch).await;
    let blocks = (taken.len() / all) as u64;
    if blocks < plan.blocks {
        run.warnings.push(format!("interrupted: {blocks} whole blocks of {} were measured", plan.blocks));
    }
    run.seed = Some(plan.seed);
    run.cells = merged(&taken, plan);
    run.comparison = Some(judged(plan, blocks, blocks::whole(&taken, all)));
}

/// Says before anything is measured that nothing can come of it.
fn warn(plan: &Plan, run: &mut Run) {
    let rows = (plan.cells() * (plan.values.len() - 1)) as f64;
    let least = |blocks: u64| flips::smallest(blocks) * rows;
    if least(plan.blocks) > 1.0 - LEVEL {
        let enough = (plan.blocks..).find(|blocks| least(*blocks) <= 1.0 - LEVEL).unwrap_or(plan.blocks);
        let why = format!(
            "{} blocks are too few to show a difference in {rows} rows a figure: the smallest corrected p-value is {:.2}; \
             --blocks {enough} is enough",
            plan.blocks,
            least(plan.blocks)
        );
        say(format_args!("warning: {why}"));
        run.warnings.push(why);
    }
}

/// A cell of all launches of each value in each cell.
fn merged(taken: &[Taken], plan: &Plan) -> Vec<Cell> {
    let places = (0..plan.values.len()).flat_map(|value| (0..plan.cells()).map(move |cell| (value, cell)));
    let launches = places.map(|place| {
        let of = taken.iter().filter(|one| (one.value, one.at) == place);
        of.map(|one| &one.cell).collect::<Vec<_>>()
    });
    launches
        .filter(|launches| !launches.is_empty())
        .map(|launches| merge::launches(&launches, None))
        .collect()
}

fn judged(plan: &Plan, blocks: u64, taken: &[Taken]) -> Comparison {
    let place = |config: &CellConfig| (config.parallel, config.payload as u64);
    let places: Vec<(u64, u64)> = plan.values[0].cells.iter().map(place).collect();
    let values: Vec<String> = plan.values.iter().map(|value| value.name.clone()).collect();
    Comparison {
        factor: plan.factor.to_owned(),
        blocks,
        seed: plan.seed,
        level: LEVEL,
        noise_floor: plan.noise_floor,
        rows: judge::rows(taken, &values, &places, plan.noise_floor, plan.seed),
        samples: taken.iter().map(|one| one.sample(places[one.at])).collect(),
        values,
    }
}
