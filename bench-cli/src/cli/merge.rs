//! `bench-cli merge`: parts of one run as files.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use listenrain_results::{Cell, Run};

use super::exit::ended;
use super::{Beside, Exit, OutputArgs, input};
use crate::merge;
use crate::report::place::replace;
use crate::report::tables;
use crate::streams::say;

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli merge parts/worker-0.json parts/worker-1.json --json whole.json";

/// Parts of one run.
#[derive(Debug, Clone, Args)]
pub(crate) struct MergeArgs {
    /// Every worker's part: what --parts of worker 0 or --json of the others wrote, in any order; `-` is standard input
    #[arg(value_name = "PART", required = true)]
    pub(crate) parts: Vec<PathBuf>,
    /// Merge what there is although workers are missing; the run says which, and exits with 1
    #[arg(long)]
    pub(crate) allow_missing: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Keeps `parts` below `folder`, each under its worker's name.
///
/// # Errors
///
/// A text for the user that names what could not be written.
pub(super) fn keep(parts: &[Run], folder: &Path) -> Result<(), String> {
    let wrong = |path: &Path, error| format!("--parts: cannot write {}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
    let write = |part: &Run| {
        let index = part.workers.as_ref().and_then(|workers| workers.index).unwrap_or_default();
        let path = folder.join(format!("worker-{index}.json"));
        replace(&path, part.to_json().as_bytes()).map_err(|error| wrong(&path, error))
    };
    // Each is tried, whatever became of the others.
    let failed: Vec<_> = parts.iter().filter_map(|part| write(part).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// One run of the files.
pub(super) fn merge(args: &MergeArgs) -> Exit {
    ended(merged(args).map(|run| {
        if let Err(exit) = args.output.finish(&tables::cells(&run), &run) {
            return exit;
        }
        run.warnings.iter().for_each(|warning| say(format_args!("warning: {warning}")));
        let is_whole = run.workers.as_ref().is_some_and(|workers| workers.missing.is_empty());
        if is_whole && run.cells.iter().all(Cell::is_well) { Exit::Well } else { Exit::RowFailed }
    }))
}

fn merged(args: &MergeArgs) -> Result<Run, String> {
    let inputs: Vec<_> = args.parts.iter().map(PathBuf::as_path).collect();
    input::once(inputs.iter().copied())?;
    args.output.check(&Beside { inputs, ..Beside::default() })?;
    let parts = args.parts.iter().map(|path| input::read(path)).collect::<Result<_, _>>()?;
    merge::workers(parts, args.allow_missing).map_err(|error| error.to_string())
}
