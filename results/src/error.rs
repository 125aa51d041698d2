//! What can go wrong with a run file, one enum for reading and one for recording.

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
    #[error("{origin}: line {line}, column {column}: not a run file")]
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
