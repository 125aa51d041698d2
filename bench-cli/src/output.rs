//! Where a run's files go, tried before anything is measured.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use listenrain_results::{NewRun, Run, Store};

use crate::cli::OutputArgs;

/// Whether everything that was asked for can be written. A file that is there keeps what it holds, and none is left
/// behind.
///
/// # Errors
///
/// A text for the user that names the flag, the path and the reason.
pub(crate) fn check(output: &OutputArgs) -> Result<(), String> {
    if let Some(file) = output.json.as_deref().filter(|file| *file != Path::new("-")) {
        check_file(file).map_err(|error| format!("--json: cannot write {}: {error}", file.display()))?;
    }
    if let Some(folder) = &output.record {
        let tried = Store::new(folder).check_writable();
        tried.map_err(|error| format!("--record: {}", chain(&error)))?;
    }
    Ok(())
}

/// Prints the table and writes the files that were asked for.
pub(crate) fn show(table: &str, run: &Run, output: &OutputArgs) -> Result<(), String> {
    let json_to_stdout = output.json.as_deref() == Some(Path::new("-"));
    if json_to_stdout {
        eprint!("{table}");
        print(&run.to_json())?;
    } else {
        print(table)?;
    }
    if let Some(file) = output.json.as_deref().filter(|_| !json_to_stdout) {
        std::fs::write(file, run.to_json())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    if let Some(folder) = output.record.as_ref().filter(|_| !run.cells.is_empty()) {
        let date = run.env.started.get(..10).unwrap_or_default();
        let kept = Store::new(folder).record(&NewRun { date, run, notes: &[] });
        let kept = kept.map_err(|error| chain(&error))?;
        eprintln!("recorded in {}", kept.display());
    }
    Ok(())
}

/// A reader that has had enough, such as `head`, is no failure.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

fn check_file(file: &Path) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if there.is_file() || there.is_dir() => OpenOptions::new().write(true).open(file).map(drop),
        // Opening a pipe would wait for its reader, and closing it would end what the reader waits for.
        Ok(_) => Ok(()),
        Err(_) => match OpenOptions::new().write(true).create_new(true).open(file) {
            Ok(_) => fs::remove_file(file),
            // A link to what is not there yet: writing will tell.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        },
    }
}

/// An error and its cause.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trying_a_file_neither_leaves_nor_changes_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.json");
        check_file(&file).unwrap();
        assert!(!file.exists());
        fs::write(&file, "kept").unwrap();
        check_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        check_file(folder.path()).unwrap_err();
    }
}
