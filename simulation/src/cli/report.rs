//! The report of a session as JSON.

use serde::Serialize;

use crate::conformance::Record;

/// Version of this schema. It grows by one whenever a reader of the last one could go wrong.
const SCHEMA: u32 = 1;

/// Everything that is known of a session.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) schema: u32,
    /// Decides every random choice.
    pub(super) seed: u64,
    /// How many times smaller than their full sizes transfers were.
    pub(super) smaller: usize,
    /// Whether it was interrupted before the last trial.
    pub(super) interrupted: bool,
    pub(super) environment: Environment,
    pub(super) records: Vec<Record>,
}

/// Where it ran.
#[derive(Debug, Serialize)]
pub(super) struct Environment {
    pub(super) version: String,
    pub(super) os: String,
    pub(super) arch: String,
    pub(super) cores: usize,
    pub(super) command: String,
}

impl Report {
    pub(super) fn new(seed: u64, smaller: usize) -> Self {
        Self {
            schema: SCHEMA,
            seed,
            smaller,
            interrupted: false,
            environment: Environment::here(),
            records: Vec::new(),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        !self.records.iter().any(|record| record.verdict.is_bad())
    }
}

impl Environment {
    pub(super) fn here() -> Self {
        let program = env!("CARGO_PKG_NAME").to_owned();
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            command: std::iter::once(program).chain(words).collect::<Vec<_>>().join(" "),
        }
    }
}
