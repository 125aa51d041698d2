//! The journal of a run: a file beside its output that holds every launch that is over, so that neither a crash nor a lost
//! connection costs it.
//!
//! Lines of JSON: the first is the run as it began, each one after it a launch. A line is on the disk before the next launch
//! begins; the last may be torn, and is left out then. The file is removed when everything that was asked for is written.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use listenrain_results::{Cell, Run};
use serde::{Deserialize, Serialize};

use super::merged;
use crate::launch::Program;
use crate::load::CellConfig;
use crate::report::files::chain;
use crate::streams::say;

/// The version of the format.
const VERSION: u32 = 1;
/// What every journal begins with, and no run file.
const BEGINS: &[u8] = br#"{"journal":"#;
/// Journals of runs that came to no end, beside one output, before a new run keeps none.
const MOST: u32 = 100;

/// Where the launches of a run are kept until its output is written.
#[derive(Debug)]
pub(crate) struct Journal {
    /// None where there is no file to keep one beside.
    wanted: Option<PathBuf>,
    open: RefCell<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    /// None when it could be written no more.
    file: Option<File>,
    /// Launches that are in it.
    kept: usize,
    /// Launches of one of these are launches of one row.
    rows: Vec<(CellConfig, Program)>,
}

#[derive(Serialize, Deserialize)]
struct Head<R> {
    journal: u32,
    run: R,
}

#[derive(Serialize, Deserialize)]
struct Entry<C> {
    /// Which row it is a launch of, by their first launches.
    row: usize,
    /// The build that was measured, where it is not this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    /// One for each phase.
    cells: C,
}

impl Journal {
    /// Kept at `wanted`, once there is something to keep; nowhere where that is none.
    pub(crate) fn at(wanted: Option<PathBuf>) -> Self {
        Self { wanted, open: RefCell::new(None) }
    }

    /// Begins with what is known of `run` before anything is measured. That it cannot be kept is told, and nothing more.
    pub(super) fn begin(&self, run: &Run) {
        let Some(wanted) = &self.wanted else { return };
        match create(wanted) {
            Ok((path, file)) => {
                let mut open = Open { path, file: Some(file), kept: 0, rows: Vec::new() };
                open.append(&Head { journal: VERSION, run });
                *self.open.borrow_mut() = Some(open);
            }
            Err(error) => not_kept(wanted, &error),
        }
    }

    /// Keeps one launch of `config` by `program`.
    pub(super) fn keep(&self, config: &CellConfig, program: &Program, cells: &[Cell]) {
        let mut open = self.open.borrow_mut();
        let Some(journal) = &mut *open else { return };
        let is_same = |row: &(CellConfig, Program)| row.0 == *config && row.1 == *program;
        let row = journal.rows.iter().position(is_same).unwrap_or_else(|| {
            journal.rows.push((config.clone(), program.clone()));
            journal.rows.len() - 1
        });
        let program = (*program != Program::default()).then(|| program.to_string());
        journal.kept += usize::from(journal.append(&Entry { row, program, cells }));
    }

    /// The run is over. The journal goes if `is_written` says that everything else that was asked for is there, or if it
    /// holds nothing; else it stays, and is told of.
    pub(crate) fn end(self, is_written: bool) {
        let Some(journal) = self.open.into_inner() else { return };
        let shown = journal.path.display();
        if is_written || journal.rows.is_empty() {
            if let Err(error) = fs::remove_file(&journal.path) {
                say(format_args!("warning: journal {shown}: cannot be removed: {error}"));
            }
        } else if journal.file.is_some() {
            say(format_args!("every launch is kept in {shown}; `bench-cli report` shows it"));
        } else {
            let kept = journal.kept;
            say(format_args!(
                "only the first {kept} launches are kept in {shown}; `bench-cli report` shows them"
            ));
        }
    }
}

impl Open {
    /// Whether it was appended. What could not be is told once; nothing is put behind it.
    fn append(&mut self, line: &impl Serialize) -> bool {
        let Some(file) = &mut self.file else { return false };
        let appended = append(file, line);
        if let Err(error) = &appended {
            not_kept(&self.path, error);
            self.file = None;
        }
        appended.is_ok()
    }
}

fn append(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

fn not_kept(path: &Path, error: &io::Error) {
    say(format_args!(
        "warning: journal {}: cannot be written: {error}; launches are kept in memory only",
        path.display()
    ));
}

/// One of its own, beside those of runs that came to no end, which are told of.
fn create(wanted: &Path) -> io::Result<(PathBuf, File)> {
    let mut path = wanted.to_owned();
    for number in 2..=MOST + 1 {
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let shown = path.display();
                say(format_args!("{shown} is of a run that came to no end; `bench-cli report` shows it"));
                let mut name = wanted.as_os_str().to_owned();
                name.push(format!("-{number}"));
                path = name.into();
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, format!("{MOST} others are there; remove them")))
}

/// Whether these are the bytes of a journal.
pub(crate) fn is_journal(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINS)
}

/// The run that a journal holds; `name` is its file's.
///
/// # Errors
///
/// A text for the user that names the file, and the line that cannot be read.
pub(crate) fn read(bytes: &[u8], name: &str) -> Result<Run, String> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // Behind the last line feed there is nothing, unless the last line was torn.
    let mut is_torn = lines.pop().is_some_and(|rest| !rest.is_empty());
    let Some((head, launches)) = lines.split_first() else {
        return Err(format!("{name}: a journal that was cut short before its first launch; measure again"));
    };
    let wrong = |line: usize, error: &dyn std::fmt::Display| {
        format!("{name}: line {line}: not a journal, or one that was changed by hand: {error}")
    };
    let head: Head<serde_json::Value> = serde_json::from_slice(head).map_err(|error| wrong(1, &error))?;
    if head.journal != VERSION {
        return Err(format!(
            "{name}: journal {}, but this version reads journal {VERSION}; use a version that is nearer",
            head.journal
        ));
    }
    let mut run = Run::from_json(&head.run.to_string(), name).map_err(|error| chain(&error))?;
    let mut rows: Vec<Row> = Vec::new();
    for (at, line) in launches.iter().enumerate() {
        match serde_json::from_slice::<Entry<Vec<Cell>>>(line) {
            Ok(entry) if entry.row <= rows.len() => keep(&mut rows, entry, at as u64),
            Ok(entry) => return Err(wrong(at + 2, &format!("row {} comes too early", entry.row))),
            // A system that crashed may have put anything behind what was synced.
            Err(_) if at + 1 == launches.len() => is_torn = true,
            Err(error) => return Err(wrong(at + 2, &error)),
        }
    }
    let launches: usize = rows.iter().map(|row| row.launches.len()).sum();
    run.env.interrupted = true;
    run.warnings.push(format!("from the journal of a run that came to no end, with {launches} launches"));
    if is_torn {
        run.warnings.push("the last line of the journal is torn, and left out".to_owned());
    }
    run.cells = rows.into_iter().flat_map(Row::cells).collect();
    Ok(run)
}

#[derive(Default)]
struct Row {
    program: Option<String>,
    launches: Vec<Vec<Cell>>,
}

impl Row {
    /// A cell for each phase.
    fn cells(self) -> Vec<Cell> {
        let mut cells = merged(&self.launches, None);
        let measured = self.program.map(|program| format!("measured by {program}"));
        cells.iter_mut().for_each(|cell| cell.warnings.extend(measured.clone()));
        cells
    }
}

fn keep(rows: &mut Vec<Row>, entry: Entry<Vec<Cell>>, order: u64) {
    if entry.row == rows.len() {
        rows.push(Row { program: entry.program, ..Row::default() });
    }
    let mut cells = entry.cells;
    cells.iter_mut().flat_map(|cell| &mut cell.launches).for_each(|launch| launch.order = order);
    rows[entry.row].launches.push(cells);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::files::read_bytes;

    fn launch(tps: f64) -> Vec<Cell> {
        let launch = listenrain_results::Launch { tps, requests: 1, ..Default::default() };
        vec![Cell { tps, requests: 1, launches: vec![launch], ..Cell::default() }]
    }

    fn config(parallel: u64) -> CellConfig {
        CellConfig { parallel, ..CellConfig::default() }
    }

    fn run() -> Run {
        Run { seed: Some(7), ..Run::new(listenrain_results::Env::default(), Vec::new()) }
    }

    /// Two launches of one row, and one of another.
    fn kept(folder: &Path) -> Journal {
        let journal = Journal::at(Some(folder.join("out.journal")));
        journal.begin(&run());
        for (parallel, tps) in [(1, 10.0), (4, 40.0), (1, 12.0)] {
            journal.keep(&config(parallel), &Program::default(), &launch(tps));
        }
        journal
    }

    #[test]
    fn what_was_kept_is_read_as_one_row_a_cell_with_its_launches_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let _journal = kept(folder.path());
        let bytes = read_bytes(&folder.path().join("out.journal")).unwrap();
        assert!(is_journal(&bytes) && !is_journal(run().to_json().as_bytes()));
        let read = read(&bytes, "out.journal").unwrap();
        assert!(read.env.interrupted && read.seed == Some(7));
        let orders = |cell: &Cell| cell.launches.iter().map(|launch| launch.order).collect::<Vec<_>>();
        assert_eq!(read.cells.iter().map(orders).collect::<Vec<_>>(), [vec![0, 2], vec![1]]);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_told_wherever_it_was_cut() {
        // Broken by a reader that takes the whole for text, or half a line for a launch.
        let folder = tempfile::tempdir().unwrap();
        let _journal = kept(folder.path());
        let bytes = read_bytes(&folder.path().join("out.journal")).unwrap();
        let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at + 1).collect();
        for length in ends[0]..=bytes.len() {
            let read = read(&bytes[..length], "x").unwrap();
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            let launches: usize = read.cells.iter().map(|cell| cell.launches.len()).sum();
            assert_eq!(launches, whole, "{length}");
            let is_told = read.warnings.iter().any(|warning| warning.contains("torn"));
            assert_eq!(is_told, !ends.contains(&length), "{length}");
        }
        for length in 0..ends[0] {
            assert!(read(&bytes[..length], "x").is_err());
        }
        let mut zeroed = bytes.clone();
        zeroed[ends[1]..].fill(0);
        assert_eq!(read(&zeroed, "x").unwrap().cells.len(), 1);
        let mut changed = bytes.clone();
        changed[ends[1]] = b'x';
        let why = read(&changed, "x").unwrap_err();
        assert!(why.contains("x: line 3:"), "{why}");
    }

    #[test]
    fn a_journal_goes_only_with_its_output_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        kept(folder.path()).end(false);
        assert_eq!(names(), ["out.journal"]);
        kept(folder.path()).end(true);
        assert_eq!(names(), ["out.journal"], "that of the first run");
        kept(folder.path()).end(false);
        assert_eq!(names(), ["out.journal", "out.journal-2"]);
        let empty = Journal::at(Some(folder.path().join("empty")));
        empty.begin(&run());
        empty.end(false);
        assert_eq!(names(), ["out.journal", "out.journal-2"]);
    }

    #[test]
    fn a_journal_that_cannot_be_kept_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(Some(folder.path().join("nowhere/out.journal")));
        journal.begin(&run());
        journal.keep(&config(1), &Program::default(), &launch(1.0));
        journal.end(true);
    }
}
