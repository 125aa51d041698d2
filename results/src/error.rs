//! Errors of run files, one enum for reading and one for recording.

use std::io;
use std::path::PathBuf;

use crate::schema::OLDEST;

/// Why a run could not be read. The file is untouched in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file or folder could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is no run file.
    #[error(
        "{origin}: line {line}, column {column}: not a run file, or one that was cut short or changed by hand; get it \
         from where it was recorded, or measure again"
    )]
    Corrupt {
        /// Where the text came from.
        origin: String,
        /// Line of the first thing that is wrong, from 1.
        line: usize,
        /// Column there, from 1; 0 when the end of the text came too early.
        column: usize,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// A run file of a schema that this version cannot read.
    #[error(
        "{origin}: schema {found}, but this version reads schemas {OLDEST} to {known}; use a newer version"
    )]
    Schema {
        /// Where the text came from.
        origin: String,
        /// The schema it says it has.
        found: u64,
        /// The newest schema that can be read.
        known: u32,
    },
}

/// Why the tables in a text could not be written anew. The text is untouched.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockError {
    /// A block names a run that is not there.
    #[error("`<!-- table:{id} -->` names no recorded run; there are: {}", known.join(", "))]
    Unknown {
        /// What it names.
        id: String,
        /// What it could name.
        known: Vec<String>,
    },
    /// A block has no end.
    #[error("`{begin}` has no `{end}` after it; add one")]
    Unclosed {
        /// Its first line.
        begin: String,
        /// What its last line should be.
        end: &'static str,
    },
}

/// Why a run was not recorded. What had been recorded before is untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The date is not written as year-month-day.
    #[error("date `{date}` is not of the form 2026-11-22")]
    Date {
        /// As given.
        date: String,
    },
    /// A folder or file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
