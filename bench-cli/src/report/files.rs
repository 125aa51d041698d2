//! Output files of a run: tried before anything is measured, written when it is over.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use listenrain_results::{NewRun, Run, Store};

use super::{Shown, counts, csv, hgrm, hlog, page};

/// What a run is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Markdown,
    Html,
    Log,
    Counts,
    /// A folder, and no file.
    Percentiles,
}

/// A file that was asked for. The path `-` is standard output; the table then goes to standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) flag: &'static str,
    pub(crate) format: Format,
    pub(crate) path: &'a Path,
}

/// Whether a run can be recorded below `folder`.
///
/// # Errors
///
/// A text for the user that names the flag, the path and the reason.
pub(crate) fn check_record(folder: &Path) -> Result<(), String> {
    Store::new(folder).check_writable().map_err(|error| format!("--record: {}", chain(&error)))
}

/// Whether all files that were asked for can be written. A file that is there keeps what it holds, and none is left behind.
///
/// # Errors
///
/// A text for the user that names the flag, the path and the reason.
pub(crate) fn check(asked: &[Asked<'_>]) -> Result<(), String> {
    let mut taken: Vec<(&str, &Path)> = Vec::new();
    for Asked { flag, format, path } in asked.iter().copied() {
        let shown = path.display();
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == path) {
            return Err(format!("{flag} {shown}: {other} goes there already; give each a place of its own"));
        }
        taken.push((flag, path));
        let tried = match format {
            Format::Percentiles if is_stdout(path) => {
                return Err(format!("{flag} -: it is many files; name a folder"));
            }
            Format::Percentiles => check_folder(path),
            _ if is_stdout(path) => Ok(()),
            _ => check_file(path),
        };
        tried.map_err(|error| format!("{flag}: cannot write {shown}: {error}"))?;
    }
    Ok(())
}

/// Prints `table`, which shows `runs`, and writes the files that were asked for.
///
/// # Errors
///
/// A text for the user that names the path and the reason.
pub(crate) fn show(table: &str, runs: &[Shown<'_>], asked: &[Asked<'_>]) -> Result<(), String> {
    match asked.iter().any(|asked| is_stdout(asked.path)) {
        true => eprint!("{table}"),
        false => print(table.as_bytes())?,
    }
    for Asked { flag, format, path } in asked.iter().copied() {
        let written = match format {
            Format::Percentiles => write_all(path, hgrm::files(runs)?),
            _ => {
                let bytes = bytes(format, runs).map_err(|why| format!("{flag}: {why}"))?;
                if is_stdout(path) {
                    print(&bytes)?;
                    Ok(())
                } else {
                    fs::write(path, bytes)
                }
            }
        };
        written.map_err(|error| format!("{flag}: cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// The same of one run that was measured just now; and keeps it, where that was asked for.
///
/// # Errors
///
/// As [`show`]'s.
pub(crate) fn finish(
    table: &str,
    run: &Run,
    asked: &[Asked<'_>],
    record: Option<&Path>,
) -> Result<(), String> {
    show(table, &[Shown::measured(run)], asked)?;
    if let Some(folder) = record.filter(|_| !run.cells.is_empty()) {
        let date = run.env.started.get(..10).unwrap_or_default();
        let kept = Store::new(folder).record(&NewRun { date, run, notes: &[] });
        let kept = kept.map_err(|error| format!("--record: {}", chain(&error)))?;
        eprintln!("recorded in {}", kept.display());
    }
    Ok(())
}

fn bytes(format: Format, runs: &[Shown<'_>]) -> Result<Vec<u8>, String> {
    let each = |text: fn(&Shown<'_>) -> String| runs.iter().map(text).collect::<Vec<_>>().join("\n");
    let text = match format {
        Format::Json => match runs {
            [one] => one.run.to_json(),
            several => {
                return Err(format!("a run file holds one run, and {} were given; name one", several.len()));
            }
        },
        Format::Csv => csv::csv(runs),
        Format::Markdown => each(|shown| listenrain_results::markdown(shown.run)),
        Format::Html => page::page(runs),
        Format::Log => return hlog::log(runs),
        Format::Counts => counts::counts(runs)?,
        Format::Percentiles => String::new(),
    };
    Ok(text.into_bytes())
}

fn write_all(folder: &Path, files: Vec<(PathBuf, String)>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    files.into_iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Prints on standard output. A reader that has had enough, such as `head`, is no failure.
pub(crate) fn print(bytes: &[u8]) -> Result<(), String> {
    match io::stdout().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
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

/// Makes the folder, so that a failure shows now; takes it away again if it was not there.
fn check_folder(folder: &Path) -> io::Result<()> {
    let was_there = folder.is_dir();
    if !was_there {
        fs::create_dir(folder)?;
    }
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    let tried = fs::create_dir(&trial).and_then(|()| fs::remove_dir(&trial));
    if !was_there {
        fs::remove_dir(folder)?;
    }
    tried
}

/// The run in that file.
///
/// # Errors
///
/// A text for the user that names the file.
pub(crate) fn read(path: &Path) -> Result<Run, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    Run::from_json(&text, &shown.to_string()).map_err(|error| chain(&error))
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

    #[test]
    fn trying_a_folder_leaves_none_behind() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("hgrm");
        check_folder(&inside).unwrap();
        assert!(!inside.exists());
        check_folder(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        check_folder(&inside.join("deeper")).unwrap_err();
    }

    #[test]
    fn one_place_takes_one_format_only() {
        let stdout = |flag, format| Asked { flag, format, path: Path::new("-") };
        let (json, csv) = (stdout("--json", Format::Json), stdout("--csv", Format::Csv));
        let why = check(&[json, csv]).unwrap_err();
        assert!(why.contains("--csv -") && why.contains("--json"), "{why}");
        let why = check(&[stdout("--hgrm", Format::Percentiles)]).unwrap_err();
        assert!(why.contains("name a folder"), "{why}");
        check(&[stdout("--html", Format::Html)]).unwrap();
    }
}
