//! `bench-cli report`: runs that were measured before, shown again, and written into the READMEs.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use listenrain_results::{Cell, Run, Store, update};

use super::exit::ended;
use super::{Exit, FileArgs};
use crate::report::{Shown, files, tables};

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli report out.json                          its tables, without measuring anything
  bench-cli report out.json --html out.html          one page for a browser; it needs no network
  bench-cli report old.json new.json --html both.html
  bench-cli report 2026-11-22-linux-amd-epyc-1 --csv -
  bench-cli report --update README.md results/README.md

Exit codes: 0 well, 1 a row of a run had failed, 2 a run cannot be read, or a file cannot be written.";

/// Runs to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Run files, folders with a run.json, or names of recorded runs
    #[arg(value_name = "RUN", required_unless_present = "update")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of the recorded runs
    #[arg(long = "runs", value_name = "DIR", default_value = "results/runs")]
    pub(crate) store: PathBuf,
    /// Write the tables of recorded runs in these files anew: what lies between `<!-- table:RUN -->` and
    /// `<!-- /table -->`, and the list of all between `<!-- runs -->` and `<!-- /runs -->`
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "runs")]
    pub(crate) update: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

/// Shows the runs of `args`, or writes their tables anew.
pub(super) fn report(args: &ReportArgs) -> Exit {
    let done = if args.update.is_empty() { show(args) } else { update_all(args).map(|()| Exit::Well) };
    ended(done)
}

fn show(args: &ReportArgs) -> Result<Exit, String> {
    files::check(&args.files.asked())?;
    let store = Store::new(&args.store);
    let load = |path: &PathBuf| Ok::<_, String>((path.display().to_string(), load(path, &store)?));
    let runs: Vec<(String, Run)> = args.runs.iter().map(load).collect::<Result<_, String>>()?;
    let shown: Vec<_> = runs.iter().map(|(name, run)| Shown::read(name, run)).collect();
    let titled = |shown: &Shown<'_>| match runs.len() {
        1 => tables::any(shown.run),
        _ => format!("== {}\n\n{}", shown.name, tables::any(shown.run)),
    };
    let table: Vec<_> = shown.iter().map(titled).collect();
    files::show(&table.join("\n"), &shown, &args.files.asked())?;
    // A trial of a search that failed is an answer.
    let is_well = |(_, run): &(String, Run)| !run.searches.is_empty() || run.cells.iter().all(Cell::is_well);
    Ok(if runs.iter().all(is_well) { Exit::Well } else { Exit::RowFailed })
}

/// The run that `path` is: a file, a folder that holds one, or the name of a recorded one.
fn load(path: &Path, store: &Store) -> Result<Run, String> {
    match path {
        path if path.is_dir() => files::read(&path.join("run.json")),
        path if path.exists() || path.components().count() != 1 => files::read(path),
        name => store.load(&name.display().to_string()).map_err(|error| files::chain(&error)),
    }
}

fn update_all(args: &ReportArgs) -> Result<(), String> {
    let recorded = Store::new(&args.store).all().map_err(|error| files::chain(&error))?;
    for path in &args.update {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let updated = update(&text, &recorded).map_err(|error| format!("{shown}: {error}"))?;
        if updated == text {
            println!("{shown}: as it should be");
            continue;
        }
        fs::write(path, updated).map_err(|error| format!("cannot write {shown}: {error}"))?;
        println!("{shown}: written anew");
    }
    Ok(())
}
