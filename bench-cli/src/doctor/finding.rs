//! What a check says.

use serde::Serialize;

/// What one check found out about this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word or three.
    pub(crate) name: &'static str,
    /// What is there.
    pub(crate) found: String,
    /// What follows.
    pub(crate) verdict: Verdict,
    /// Which figures suffer; empty when it is fine.
    pub(crate) spoils: String,
    /// What to do about it; empty when there is nothing to do.
    #[serde(rename = "try")]
    pub(crate) remedy: String,
}

/// What follows from a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Nothing to worry about.
    Fine,
    /// Figures may be off, or differ from one run to the next.
    MaySpoil,
    /// This system doesn't say.
    CannotTell,
}

impl Finding {
    pub(crate) fn fine(name: &'static str, found: impl Into<String>) -> Self {
        let (spoils, remedy) = (String::new(), String::new());
        Self { name, found: found.into(), verdict: Verdict::Fine, spoils, remedy }
    }

    pub(crate) fn spoilt(name: &'static str, found: impl Into<String>, spoils: &str, remedy: &str) -> Self {
        let (spoils, remedy) = (spoils.to_owned(), remedy.to_owned());
        Self { name, found: found.into(), verdict: Verdict::MaySpoil, spoils, remedy }
    }

    pub(crate) fn unknown(name: &'static str, why: impl Into<String>, spoils: &str) -> Self {
        let (spoils, remedy) = (spoils.to_owned(), String::new());
        Self { name, found: why.into(), verdict: Verdict::CannotTell, spoils, remedy }
    }
}
