//! Output files of a run: tried before anything is measured, written when it is over.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use listenrain_results::{NewRun, Run, Store};

use super::place::{Identity, Place, beside, check_folder, is_standard, replace, resolved};
use super::{Shown, counts, csv, hgrm, hlog, page};
use crate::streams::{self, say};

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

impl Asked<'_> {
    fn is_stdout(&self) -> bool {
        Place::of(self.path) == Place::Stdout
    }

    fn is_folder(&self) -> bool {
        self.format == Format::Percentiles
    }
}

/// Whether a run can be recorded below `folder`.
///
/// # Errors
///
/// A text for the user that names the flag, the path and the reason.
pub(crate) fn check_record(folder: &Path) -> Result<(), String> {
    Store::new(folder).check_writable().map_err(|error| format!("--record: {}", chain(&error)))
}

/// Whether all files that were asked for can be written, each to a place of its own that is none of `inputs`, what is read,
/// nor of `folders`, what is written into beside them. A file that is there keeps what it holds, and none is left behind.
///
/// # Errors
///
/// A text for the user that names the flag, the path and the reason.
pub(crate) fn check(asked: &[Asked<'_>], folders: &[(&str, &Path)], inputs: &[&Path]) -> Result<(), String> {
    each_has_its_place(asked, folders, inputs)?;
    for Asked { flag, format, path } in asked.iter().copied() {
        let tried = match format {
            Format::Percentiles => check_folder(path),
            _ => Place::of(path).check(),
        };
        tried.map_err(|error| format!("{flag}: cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Two names of one file are one place, and so is a file that standard output or standard error was sent to.
fn each_has_its_place(
    asked: &[Asked<'_>],
    folders: &[(&str, &Path)],
    inputs: &[&Path],
) -> Result<(), String> {
    let taken_by = |what: &str| format!("{what} goes there already; give each a place of its own");
    let mut taken: Vec<(Identity, String)> = Vec::new();
    let mut is_stdout_taken = None;
    #[cfg(unix)]
    {
        let named = |stream: Option<Identity>, name: &str| Some((stream?, taken_by(name)));
        taken.extend(named(Identity::of_stream(&io::stdout()), "standard output"));
        taken.extend(named(Identity::of_stream(&io::stderr()), "standard error"));
    }
    for input in inputs {
        #[cfg(unix)]
        let identity =
            if is_standard(input) { Identity::of_stream(&io::stdin()) } else { Identity::of(input) };
        #[cfg(not(unix))]
        let identity = Identity::of(input);
        taken.extend(identity.map(|identity| (identity, "it is read; name another file".to_owned())));
    }
    for (flag, folder) in folders {
        taken.extend(Identity::of(folder).map(|identity| (identity, taken_by(flag))));
    }
    for one in asked {
        let (flag, shown) = (one.flag, one.path.display());
        if one.is_stdout() {
            match is_stdout_taken.replace(flag) {
                _ if one.is_folder() => {
                    return Err(format!("{flag} {shown}: it is many files; name a folder"));
                }
                Some(other) => return Err(format!("{flag} {shown}: {}", taken_by(other))),
                None => continue,
            }
        }
        let Some(identity) = Identity::of(one.path) else { continue };
        if let Some((_, why)) = taken.iter().find(|(other, _)| *other == identity) {
            return Err(format!("{flag} {shown}: {why}"));
        }
        taken.push((identity, taken_by(flag)));
    }
    Ok(())
}

/// Where a journal is kept beside the first of the files that were asked for, if any of them is one: what is printed, and a
/// device, have nothing beside them.
pub(crate) fn journal_beside(asked: &[Asked<'_>]) -> Option<PathBuf> {
    const ENDING: &str = ".journal";
    asked.iter().find_map(|one| match Place::of(one.path) {
        _ if one.is_folder() => Some(beside(&resolved(one.path), ENDING)),
        Place::File(path) => Some(beside(&path, ENDING)),
        Place::Stdout | Place::Stream(_) => None,
    })
}

/// Writes the files that were asked for, regular files before streams, which wait for their reader, and gives a text for
/// the user for each that could not be written.
pub(crate) fn write(runs: &[Shown<'_>], asked: &[Asked<'_>]) -> Vec<String> {
    let mut asked = asked.to_vec();
    asked.sort_by_key(|one| !one.is_folder() && !matches!(Place::of(one.path), Place::File(_)));
    asked.iter().filter_map(|one| write_one(runs, one).err()).collect()
}

fn write_one(runs: &[Shown<'_>], asked: &Asked<'_>) -> Result<(), String> {
    let Asked { flag, format, path } = *asked;
    let told = |why: String| format!("{flag}: {why}");
    let wrong = |path: &Path, error: io::Error| told(format!("cannot write {}: {error}", path.display()));
    if format == Format::Percentiles {
        return write_all(path, hgrm::files(runs).map_err(told)?)
            .map_err(|(path, error)| wrong(&path, error));
    }
    let bytes = bytes(format, runs).map_err(told)?;
    match Place::of(path) {
        Place::Stdout => streams::print(&bytes).map_err(told),
        place => place.write(&bytes).map_err(|error| wrong(path, error)),
    }
}

/// Prints `table`; on standard error where standard output is one of the files that were asked for.
///
/// # Errors
///
/// A text for the user that says why it cannot be printed.
pub(crate) fn show(table: &str, asked: &[Asked<'_>]) -> Result<(), String> {
    if asked.iter().any(Asked::is_stdout) {
        streams::show(table);
        return Ok(());
    }
    streams::print(table.as_bytes())
}

/// Records `run` below `folder`, unless nothing was measured.
///
/// # Errors
///
/// A text for the user that names the flag, the path and the reason.
pub(crate) fn record(run: &Run, folder: &Path) -> Result<(), String> {
    if run.cells.is_empty() {
        return Ok(());
    }
    let date = run.env.started.get(..10).unwrap_or_default();
    let kept = Store::new(folder).record(&NewRun { date, run, notes: &[] });
    let kept = kept.map_err(|error| format!("--record: {}", chain(&error)))?;
    say(format_args!("recorded in {}", kept.display()));
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

/// All of them that can be written; then the first that could not.
fn write_all(folder: &Path, files: Vec<(PathBuf, String)>) -> Result<(), (PathBuf, io::Error)> {
    fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    let write = |(name, text): (PathBuf, String)| {
        let path = folder.join(name);
        replace(&path, text.as_bytes()).err().map(|error| (path, error))
    };
    let failed: Vec<_> = files.into_iter().filter_map(write).collect();
    failed.into_iter().next().map_or(Ok(()), Err)
}

/// The run of a file that holds `bytes` and is called `name`.
///
/// # Errors
///
/// A text for the user that names the file.
pub(crate) fn run(bytes: &[u8], name: &str) -> Result<Run, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("cannot read {name}: {error}"))?;
    Run::from_json(text, name).map_err(|error| chain(&error))
}

/// What that file holds, or for `-` standard input.
///
/// # Errors
///
/// A text for the user that names the file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = match is_standard(path) {
        true => io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        false => fs::read(path),
    };
    read.map_err(|error| format!("cannot read {}: {error}", name(path)))
}

/// What an input is called.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// An error and its cause.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_takes_one_format_only() {
        let stdout = |flag, format| Asked { flag, format, path: Path::new("-") };
        let (json, csv) = (stdout("--json", Format::Json), stdout("--csv", Format::Csv));
        let why = check(&[json, csv], &[], &[]).unwrap_err();
        assert!(why.contains("--csv -") && why.contains("--json"), "{why}");
        let why = check(&[stdout("--hgrm", Format::Percentiles)], &[], &[]).unwrap_err();
        assert!(why.contains("name a folder"), "{why}");
        check(&[stdout("--html", Format::Html)], &[], &[]).unwrap();
    }
}
