//! `bench-cli merge`: parts of one run as files.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use listenrain_results::{Cell, Run};

use super::exit::ended;
use super::{Exit, OutputArgs};
use crate::merge;
use crate::report::{files, tables};

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli merge parts/worker-0.json parts/worker-1.json --json whole.json";

/// Parts of one run.
#[derive(Debug, Clone, Args)]
pub(crate) struct MergeArgs {
    /// Every worker's part: what --parts of worker 0 or --json of the others wrote, in any order
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
    for part in parts {
        let index = part.workers.as_ref().and_then(|workers| workers.index).unwrap_or_default();
        let path = folder.join(format!("worker-{index}.json"));
        fs::write(&path, part.to_json()).map_err(|error| wrong(&path, error))?;
    }
    Ok(())
}

/// One run of the files.
pub(super) fn merge(args: &MergeArgs) -> Exit {
    ended(merged(args).map(|run| {
        if let Err(exit) = args.output.finish(&tables::cells(&run), &run) {
            return exit;
        }
        run.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let is_whole = run.workers.as_ref().is_some_and(|workers| workers.missing.is_empty());
        if is_whole && run.cells.iter().all(Cell::is_well) { Exit::Well } else { Exit::RowFailed }
    }))
}

fn merged(args: &MergeArgs) -> Result<Run, String> {
    args.output.check()?;
    let parts = args.parts.iter().map(|path| files::read(path)).collect::<Result<_, _>>()?;
    merge::workers(parts, args.allow_missing).map_err(|error| error.to_string())
}
