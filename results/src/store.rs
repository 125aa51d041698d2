//! Recorded runs on disk: one folder each, named `<date>-<os>-<cpu>-<n>`, with `run.json` and a `README.md`.
//!
//! A folder that is there is never written again.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::{ReadError, RecordError};
use crate::markdown::markdown;
use crate::schema::{Env, Run};

/// A folder of recorded runs.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A run to record, and what only its caller can say about it.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'a> {
    /// Day of the run, as `2026-11-22`.
    pub date: &'a str,
    /// What was measured. Its `env` says the command, the commit, and the machine.
    pub run: &'a Run,
    /// What the reader should know besides, one sentence each.
    pub notes: &'a [String],
}

impl Store {
    /// The recorded runs below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The names of the recorded runs, sorted.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, ReadError> {
        let open = |source| ReadError::Open { path: self.root.clone(), source };
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(open)? {
            let entry = entry.map_err(open)?;
            if entry.path().join("run.json").is_file() {
                ids.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// The recorded run of that name.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be read.
    pub fn load(&self, id: &str) -> Result<Run, ReadError> {
        let path = self.root.join(id).join("run.json");
        let text =
            fs::read_to_string(&path).map_err(|source| ReadError::Open { path: path.clone(), source })?;
        Run::from_json(&text, &path.display().to_string())
    }

    /// Every recorded run by its name, sorted.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read.
    pub fn all(&self) -> Result<Vec<(String, Run)>, ReadError> {
        let ids = self.ids()?;
        ids.into_iter().map(|id| self.load(&id).map(|run| (id, run))).collect()
    }

    /// Records a run in a new folder, whose path it returns. A folder that could not be filled is removed.
    ///
    /// # Errors
    ///
    /// When the date is none, or something cannot be written.
    pub fn record(&self, new: &NewRun<'_>) -> Result<PathBuf, RecordError> {
        if !is_date(new.date) {
            return Err(RecordError::Date { date: new.date.to_owned() });
        }
        let env = &new.run.env;
        let name = format!("{}-{}-{}", new.date, slug(&env.os), slug(&env.cpu));
        let folder = self.make_folder(&name)?;
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let written = write_new(&folder.join("run.json"), &new.run.to_json())
            .and_then(|()| write_new(&folder.join("README.md"), &readme(&id, new)));
        if written.is_err() {
            // Half a run would be taken for one.
            let _ = fs::remove_dir_all(&folder);
        }
        written.map(|()| folder)
    }

    /// Tries whether a run can be recorded here, and makes the folder if there is none. Leaves nothing else behind.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or nothing can be written to it.
    pub fn check_writable(&self) -> Result<(), RecordError> {
        let write = |source| RecordError::Write { path: self.root.clone(), source };
        fs::create_dir_all(&self.root).map_err(write)?;
        let trial = self.root.join(format!(".trial-{}", std::process::id()));
        fs::create_dir(&trial).and_then(|()| fs::remove_dir(&trial)).map_err(write)
    }

    /// The first folder of that name whose number is free. Creating is the test, so two recorders never share one.
    fn make_folder(&self, name: &str) -> Result<PathBuf, RecordError> {
        let write = |path: &Path, source: io::Error| RecordError::Write { path: path.to_owned(), source };
        fs::create_dir_all(&self.root).map_err(|source| write(&self.root, source))?;
        let mut number = 1u32;
        loop {
            let folder = self.root.join(format!("{name}-{number}"));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(write(&folder, source)),
            }
        }
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), RecordError> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|source| RecordError::Write { path: path.to_owned(), source })
}

fn is_date(date: &str) -> bool {
    date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// A name's letters and digits in lower case, everything between them one dash, at most 32 bytes.
fn slug(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-");
    slug.truncate(32);
    match slug.trim_end_matches('-') {
        "" => "unknown".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// How it was measured, in two sentences.
fn method(run: &Run) -> String {
    let open = run.cells.iter().filter(|cell| cell.open_loop.is_some()).count();
    let times = match open {
        0 => "Closed loop: `parallel` callers, so times are service times.",
        open if open == run.cells.len() => "Open loop: times count from when a request was due.",
        _ => {
            "Closed loops have `parallel` callers and service times; open loops have a rate, and times from when a \
             request was due."
        }
    };
    let split = run.cells.iter().any(|cell| cell.placement == "split");
    let placed = if split {
        "Client and server were processes of their own where the placement says `split`."
    } else {
        "Each cell ran in a process of its own."
    };
    format!("{times} {placed}")
}

fn readme(id: &str, new: &NewRun<'_>) -> String {
    let Env { command, rustc, opt_level, allocator, os, kernel, arch, cpu, cores, started, .. } =
        &new.run.env;
    let commit = new.run.env.commit.as_deref().unwrap_or("unknown");
    let dirty = match new.run.env.dirty {
        Some(true) => ", with uncommitted changes",
        Some(false) => ", clean",
        None => "",
    };
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let memory = or_unknown(new.run.env.memory_mib.map(|mib| format!("{mib} MiB")));
    let governor = or_unknown(new.run.env.governor.clone());
    let load = or_unknown(new.run.env.load_average.map(|load| format!("{load:.2}")));
    let notes: String = new.notes.iter().map(|note| format!("- {note}\n")).collect();
    let how = method(new.run);
    let cut = if new.run.env.interrupted { "- Interrupted: not every cell was measured.\n" } else { "" };
    format!(
        "# {id}\n\n- Command: `{command}`\n- Began: {started}\n- Commit: {commit}{dirty}\n\
         - Build: {rustc}, opt-level {opt_level}, allocator {allocator}\n- System: {os} {kernel} {arch}\n\
         - Processor: {cpu}, {cores} cores usable, governor {governor}; memory {memory}\n\
         - Other load when it began (1 minute average): {load}\n\
         - {how}\n\
         {cut}{notes}\nOne run on one machine: compare ratios within it, not its figures with another machine's.\n\n{}",
        markdown(new.run)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let env = Env { os: "linux".to_owned(), cpu: "Some (R) CPU @ 2.5 GHz".to_owned(), ..Env::default() };
        Run::new(env, Vec::new())
    }

    #[test]
    fn trying_whether_a_run_can_be_recorded_leaves_no_run_behind() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("runs");
        Store::new(&root).check_writable().unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        let error = Store::new(&file).check_writable().unwrap_err();
        assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
    }

    #[test]
    fn a_recorded_run_never_overwrites_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("runs"));
        let run = run();
        let new = NewRun { date: "2026-11-22", run: &run, notes: &["A note.".to_owned()] };
        for _ in 0..3 {
            store.record(&new).unwrap();
        }
        let name = "2026-11-22-linux-some-r-cpu-2-5-ghz";
        assert_eq!(store.ids().unwrap(), [1, 2, 3].map(|n| format!("{name}-{n}")));
        assert_eq!(store.load(&format!("{name}-2")).unwrap(), run);
        let readme = fs::read_to_string(folder.path().join(format!("runs/{name}-1/README.md"))).unwrap();
        assert!(readme.contains("- A note."), "{readme}");
    }

    #[test]
    fn a_date_that_is_none_names_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let run = run();
        for date in ["../../../etc", "22.11.2026", ""] {
            let new = NewRun { date, run: &run, notes: &[] };
            assert!(matches!(Store::new(folder.path()).record(&new), Err(RecordError::Date { .. })));
        }
    }

    #[test]
    fn a_run_that_is_not_there_names_its_path() {
        let error = Store::new("nowhere").load("x").unwrap_err();
        assert!(error.to_string().contains("run.json"), "{error}");
    }
}
