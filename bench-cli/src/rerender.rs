//! Runs that were measured before: shown again, and written into the READMEs.

use std::fs;
use std::path::Path;

use listenrain_results::{Cell, ReadError, Run, Store, update};

use crate::cli::ReportArgs;
use crate::exit::Exit;
use crate::output;
use crate::report::{Shown, tables};

/// Shows the runs of `args`, or writes their tables anew.
pub(crate) fn report(args: &ReportArgs) -> Exit {
    let done = if args.update.is_empty() { show(args) } else { update_all(args).map(|()| Exit::Well) };
    done.unwrap_or_else(|why| {
        eprintln!("error: {why}");
        Exit::Usage
    })
}

fn show(args: &ReportArgs) -> Result<Exit, String> {
    output::check_files(&args.files)?;
    let store = Store::new(&args.store);
    let mut runs = Vec::new();
    for path in &args.runs {
        let run = load(path, &store).map_err(|error| output::chain(&error))?;
        runs.push((path.display().to_string(), run));
    }
    let shown: Vec<_> = runs.iter().map(|(name, run)| Shown::read(name, run)).collect();
    let titled = |shown: &Shown<'_>| match runs.len() {
        1 => tables::any(shown.run),
        _ => format!("== {}\n\n{}", shown.name, tables::any(shown.run)),
    };
    let table: Vec<_> = shown.iter().map(titled).collect();
    output::show(&table.join("\n"), &shown, &args.files)?;
    // A trial of a search that failed is an answer.
    let is_well = |(_, run): &(String, Run)| !run.searches.is_empty() || run.cells.iter().all(Cell::is_well);
    Ok(if runs.iter().all(is_well) { Exit::Well } else { Exit::RowFailed })
}

/// The run that `path` is: a file, a folder that holds one, or the name of a recorded one.
fn load(path: &Path, store: &Store) -> Result<Run, ReadError> {
    let read = |path: &Path| {
        let open = |source| ReadError::Open { path: path.to_owned(), source };
        Run::from_json(&fs::read_to_string(path).map_err(open)?, &path.display().to_string())
    };
    match path {
        path if path.is_dir() => read(&path.join("run.json")),
        path if path.exists() || path.components().count() != 1 => read(path),
        name => store.load(&name.display().to_string()),
    }
}

fn update_all(args: &ReportArgs) -> Result<(), String> {
    let recorded = Store::new(&args.store).all().map_err(|error| output::chain(&error))?;
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
