//! The frame of every command that measures: environment, interruption, output, exit code.

use listenrain_results::{Cell, Run};

use super::exit::{failure, usage};
use super::{Beside, Exit, OutputArgs};
use crate::drive::Registry;
use crate::machine;
use crate::session::Context;
use crate::streams::say;

/// Instead of a table without a row.
const NOTHING: &str = "nothing was measured: interrupted before the first cell was over\n";
/// A build without optimisation measures itself.
const WARNING: &str = "THIS BUILD IS NOT OPTIMISED; ITS FIGURES MEAN NOTHING";

/// What a run by a build of that optimisation level has to say, if anything.
///
/// # Errors
///
/// Why there is no such run, unless `force` wants it all the same.
fn unoptimised(opt_level: &str, force: bool) -> Result<Option<&'static str>, &'static str> {
    match (opt_level, force) {
        ("0", false) => {
            Err("this build is not optimised; build it with `cargo build --release`, or say --force")
        }
        ("0", true) => Ok(Some(WARNING)),
        _ => Ok(None),
    }
}

/// Refuses what cannot be, describes the machine, and when `work` is done shows, writes and judges.
pub(super) fn measured(
    registry: &Registry,
    output: &OutputArgs,
    beside: Beside<'_>,
    render: fn(&Run) -> String,
    work: impl AsyncFnOnce(&mut Run, &Context) -> Exit,
) -> Exit {
    let warned = match unoptimised(machine::OPT_LEVEL, output.force) {
        Ok(warning) => warning,
        Err(why) => return usage(why),
    };
    let (journal, mut beside) = (output.journal(), beside);
    beside.folders.extend(journal.as_deref().map(|path| ("the journal of this run", path)));
    if let Err(why) = output.check(&beside) {
        return usage(&why);
    }
    let env = match machine::describe(registry.allocator()) {
        Ok(env) => env,
        Err(why) => return failure(&why),
    };
    let context = Context::new(journal.clone());
    let mut run = Run::new(env, Vec::new());
    if let Some(warning) = warned {
        say(format_args!("warning: {warning}"));
        run.warnings.push(warning.to_owned());
    }
    if output.record.is_some() {
        machine::add_commit(&mut run.env);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&format!("no runtime: {error}")),
    };
    let verdict = runtime.block_on(work(&mut run, &context));
    let was_interrupted = context.interrupt.was_pressed();
    run.env.interrupted = was_interrupted;
    let text = match run.cells.is_empty() {
        true if was_interrupted => NOTHING.to_owned(),
        true => "nothing was measured\n".to_owned(),
        false => render(&run),
    };
    // What stands there is worth more than a run without a cell.
    let is_written = run.cells.is_empty() || output.write(&run);
    context.journal.end(is_written && !run.cells.is_empty());
    // Last, since standard output may have no reader.
    if !output.show(&text) || !is_written {
        return Exit::RowFailed;
    }
    match verdict {
        _ if was_interrupted => Exit::Interrupted,
        // Where nothing was asked that could allow an error, a row that has one failed.
        Exit::Well if !run.cells.iter().all(Cell::is_well) => Exit::RowFailed,
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_14_a_build_without_optimisation_measures_only_when_forced_and_its_run_says_so() {
        assert!(unoptimised("0", false).unwrap_err().contains("--force"));
        assert_eq!(unoptimised("0", true), Ok(Some(WARNING)));
        for level in ["1", "2", "3", "s", "z"] {
            assert_eq!(unoptimised(level, false), Ok(None));
        }
    }
}
