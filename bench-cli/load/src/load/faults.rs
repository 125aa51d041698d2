//! Faults by name: a server that stalls, and those of the simulation that happen to streams and dials.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Scenario, Stall};

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// From when on, counted from the beginning of the first phase.
    pub at: Duration,
    /// For how long; a momentary kind happens once at most in that time, to each channel.
    pub lasts: Duration,
    /// How much, in the unit of its kind.
    pub amount: u64,
}

/// What can go wrong in a scenario: a row of the table of kinds.
///
/// Faults of streams and dials are a layer on top of any transport; those of hosts and networks need a network that has
/// such. One that changes bytes or replies would make every reply after it wrong, and says nothing about load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct FaultKind(&'static Kind);

/// Name, unit of the amount if there is one, and whether it happens once rather than for as long as it is on.
type Kind = (&'static str, Option<&'static str>, bool);

const STALL: &str = "stall";

/// All but the first are the simulation's, under its names.
static KINDS: [Kind; 16] = [
    (STALL, None, false),
    ("slice", Some("bytes at most"), false),
    ("coalesce", Some("bytes held back"), false),
    ("storm", Some("polls in 1000"), false),
    ("spurious-wakes", Some("polls in 1000"), false),
    ("delay", Some("ms"), false),
    ("bandwidth", Some("bytes/s"), false),
    ("stall-to-server", None, false),
    ("stall-to-client", None, false),
    ("stall-both", None, false),
    ("eof", None, true),
    ("reset", None, true),
    ("dial-refused", None, false),
    ("dial-hung", None, false),
    ("dial-slow", Some("ms"), false),
    ("dial-closed", None, false),
];

impl FaultKind {
    /// The kind of that name, if a scenario can have it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, ..)| *known == name).map(Self)
    }

    /// The names of all that a scenario can have.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        KINDS.iter().map(|(name, ..)| *name).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.0
    }

    /// The unit of its amount, if it has one.
    #[must_use]
    pub fn amount(self) -> Option<&'static str> {
        self.0.1
    }

    /// Whether it happens once rather than for as long as it is on.
    #[must_use]
    pub fn is_momentary(self) -> bool {
        self.0.2
    }

    /// Whether the server reads nothing, which needs no simulation.
    #[must_use]
    pub fn is_stall(self) -> bool {
        self.name() == STALL
    }
}

impl TryFrom<String> for FaultKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| format!("{name}: there is no such fault"))
    }
}

impl From<FaultKind> for &'static str {
    fn from(kind: FaultKind) -> Self {
        kind.name()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = humantime::format_duration;
        write!(f, "{} at {}", self.kind.name(), text(self.at))?;
        if !self.kind.is_momentary() {
            write!(f, " for {}", text(self.lasts))?;
        }
        match self.kind.amount() {
            Some(unit) => write!(f, ", {} {unit}", self.amount),
            None => Ok(()),
        }
    }
}

impl Scenario {
    /// When the server reads nothing.
    pub fn stalls(&self) -> impl Iterator<Item = Stall> {
        let stalls = self.faults.iter().filter(|fault| fault.kind.is_stall());
        stalls.map(|fault| Stall { at: fault.at, length: fault.lasts })
    }

    /// The faults that only the simulation can make.
    pub fn simulated_faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| !fault.kind.is_stall())
    }
}
