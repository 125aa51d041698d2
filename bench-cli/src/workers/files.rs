//! Parts as files: those that worker 0 keeps, and those that `merge` is given.

use std::fs;
use std::path::Path;

use listenrain_results::{Cell, Run};

use super::merge;
use crate::cli::MergeArgs;
use crate::exit::Exit;
use crate::output;
use crate::report::tables;

/// Keeps `parts` below `folder`, each under its worker's name.
///
/// # Errors
///
/// A text for the user that names what could not be written.
pub(crate) fn keep(parts: &[Run], folder: &Path) -> Result<(), String> {
    let wrong = |path: &Path, error| format!("--parts: cannot write {}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
    for part in parts {
        let index = part.workers.as_ref().and_then(|workers| workers.index).unwrap_or_default();
        let path = folder.join(format!("worker-{index}.json"));
        fs::write(&path, part.to_json()).map_err(|error| wrong(&path, error))?;
    }
    Ok(())
}

/// `bench-cli merge`: one run of the files.
pub(crate) fn merge_files(args: &MergeArgs) -> Exit {
    match merged(args) {
        Ok(run) => {
            if let Err(why) = output::finish(&tables::cells(&run), &run, &args.output) {
                eprintln!("error: {why}");
                return Exit::RowFailed;
            }
            run.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            let is_whole = run.workers.as_ref().is_some_and(|workers| workers.missing.is_empty());
            if is_whole && run.cells.iter().all(Cell::is_well) { Exit::Well } else { Exit::RowFailed }
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
    }
}

fn merged(args: &MergeArgs) -> Result<Run, String> {
    output::check(&args.output)?;
    let mut parts = Vec::new();
    for path in &args.parts {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        parts.push(Run::from_json(&text, &name).map_err(|error| output::chain(&error))?);
    }
    merge(parts, args.allow_missing).map_err(|error| error.to_string())
}
