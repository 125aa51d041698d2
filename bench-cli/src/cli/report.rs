//! `bench-cli report`: runs that were measured before, shown again, and written into the READMEs.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use listenrain_results::{Cell, Run, Store, update};

use super::exit::{ended, failure};
use super::{Exit, FileArgs, input};
use crate::report::files::Format;
use crate::report::place::{is_standard, replace, resolved};
use crate::report::{Shown, files, tables};
use crate::streams;

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli report out.json                          its tables, without measuring anything
  bench-cli report out.json --html out.html          one page for a browser; it needs no network
  bench-cli report old.json new.json --html both.html
  bench-cli report 2026-11-22-linux-amd-epyc-1 --csv -
  bench-cli report out.json.journal                  what a run that was killed had measured
  bench-cli report --update README.md results/README.md

Exit codes: 0 well, 1 a row of a run had failed or a file could not be written, 2 wrong usage: a run that cannot be read,\nor a place where no file can be written, too.";

/// Runs to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Run files, folders with a run.json, names of recorded runs, or journals of runs that came to no end; `-` is standard
    /// input
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
    ended(if args.update.is_empty() { show(args) } else { update_all(args) })
}

fn show(args: &ReportArgs) -> Result<Exit, String> {
    let paths: Vec<_> = args.runs.iter().map(|run| found(run, &args.store)).collect();
    let inputs: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    input::once(inputs.iter().copied())?;
    let asked = args.files.asked();
    files::check(&asked, &[], &inputs)?;
    if let Some(one) = asked.iter().find(|one| one.format == Format::Json && inputs.len() > 1) {
        let count = inputs.len();
        return Err(format!("{}: a run file holds one run, and {count} were given; name one", one.flag));
    }
    let load = |(run, path): (&PathBuf, &PathBuf)| Ok::<_, String>((files::name(run), input::read(path)?));
    let runs: Vec<(String, Run)> = args.runs.iter().zip(&paths).map(load).collect::<Result<_, _>>()?;
    let shown: Vec<_> = runs.iter().map(|(name, run)| Shown::read(name, run)).collect();
    let titled = |shown: &Shown<'_>| match runs.len() {
        1 => tables::any(shown.run),
        _ => format!("== {}\n\n{}", shown.name, tables::any(shown.run)),
    };
    let table: Vec<_> = shown.iter().map(titled).collect();
    let mut failed = files::write(&shown, &asked);
    failed.extend(files::show(&table.join("\n"), &asked).err());
    for why in &failed {
        failure(why);
    }
    // A trial of a search that failed is an answer.
    let is_well = |(_, run): &(String, Run)| !run.searches.is_empty() || run.cells.iter().all(Cell::is_well);
    Ok(if failed.is_empty() && runs.iter().all(is_well) { Exit::Well } else { Exit::RowFailed })
}

/// The file that `run` is or names: itself, that in a folder, or that of a recorded run.
fn found(run: &Path, store: &Path) -> PathBuf {
    match run {
        folder if folder.is_dir() => folder.join("run.json"),
        name if is_recorded(name) => store.join(name).join("run.json"),
        file => file.to_owned(),
    }
}

/// Whether that is the name of a recorded run, and no file's.
fn is_recorded(run: &Path) -> bool {
    !is_standard(run) && !run.exists() && run.components().count() == 1
}

fn update_all(args: &ReportArgs) -> Result<Exit, String> {
    let recorded = Store::new(&args.store).all().map_err(|error| files::chain(&error))?;
    let updated = |path: &PathBuf| {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let updated = update(&text, &recorded).map_err(|error| format!("{shown}: {error}"))?;
        Ok::<_, String>((text, updated))
    };
    // Nothing is written unless all of them can be read.
    let all: Vec<_> = args.update.iter().map(updated).collect::<Result<_, _>>()?;
    let mut exit = Exit::Well;
    for (path, (text, updated)) in args.update.iter().zip(all) {
        let shown = path.display();
        let said = match updated == text {
            true => Ok("as it should be"),
            false => replace(&resolved(path), updated.as_bytes()).map(|()| "written anew"),
        };
        let told = match said {
            Ok(said) => streams::print(format!("{shown}: {said}\n").as_bytes()),
            Err(error) => Err(format!("cannot write {shown}: {error}")),
        };
        if let Err(why) = told {
            exit = failure(&why);
        }
    }
    Ok(exit)
}
