//! The record of a trial.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// What was to hold did hold.
    Pass,
    /// It did not.
    Fail,
    /// It was not tried, since the transport lacks what it needs.
    Skipped,
    /// It was still not over when its watchdog ended it.
    Timeout,
}

impl Verdict {
    /// Whether the transport is at fault.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Timeout)
    }
}

impl fmt::Display for Verdict {
    /// A failure stands out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Skipped => "skipped",
            Self::Timeout => "timeout",
        })
    }
}

/// One case on one transport, with or without a hardship.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The transport's name.
    pub transport: String,
    /// The hardship's name, or `none`.
    pub hardship: String,
    /// The case's id.
    pub case: String,
    /// The case's name.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What should be known beside it, such as that memory was not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How long it took, in milliseconds, to the microsecond.
    pub milliseconds: f64,
    /// In which roles it ran; when it did not pass, the last one is the one in which it did not.
    pub roles: Vec<String>,
}

/// What stands between a reason and how to see it again.
pub(super) const AGAIN: &str = " [";
