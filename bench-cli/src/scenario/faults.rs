//! Faults by name: those of the simulation that happen to streams and dials, on top of any transport.

use std::fmt;
use std::time::Duration;

use listenrain_simulation::fault::{Family, Fault, FaultKind, FaultPlan};
use serde::{Deserialize, Serialize};

use super::Scenario;
use crate::config::Stall;

/// The clock of faults stands at 0 before the timed part, and shows this when it begins.
pub(crate) const BEFORE: Duration = Duration::from_millis(1);

/// Longer than any scenario.
const HEAL: Duration = Duration::from_secs(1_000_000);

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// What.
    pub kind: TroubleKind,
    /// From when on, counted from the beginning of the first phase.
    pub at: Duration,
    /// For how long; a momentary kind happens once at most in that time, to each channel.
    pub lasts: Duration,
    /// How much, in the unit of its kind.
    pub amount: u64,
}

/// What can go wrong in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TroubleKind {
    /// The server reads nothing: what arrives waits where the transport keeps it.
    Stall,
    /// A fault of the simulation.
    Known(FaultKind),
}

impl TroubleKind {
    const STALL: &str = "stall";

    /// The kind of that name, if a scenario can have it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == Self::STALL {
            return Some(Self::Stall);
        }
        FaultKind::named(name).filter(|kind| can(*kind)).map(Self::Known)
    }

    /// The names of all that a scenario can have.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let known = FaultKind::ALL.iter().filter(|kind| can(**kind)).map(|kind| kind.name());
        [Self::STALL].into_iter().chain(known).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stall => Self::STALL,
            Self::Known(kind) => kind.name(),
        }
    }

    /// The unit of its amount, if it has one.
    #[must_use]
    pub fn amount(self) -> Option<&'static str> {
        match self {
            Self::Stall => None,
            Self::Known(kind) => kind.amount(),
        }
    }

    /// Whether it happens once rather than for as long as it is on.
    #[must_use]
    pub fn is_momentary(self) -> bool {
        matches!(self, Self::Known(kind) if kind.is_momentary())
    }
}

/// Faults of streams and dials are a layer on top of any transport; those of hosts and networks need a world that has
/// such. One that changes bytes or replies would make every reply after it wrong, and says nothing about load.
fn can(kind: FaultKind) -> bool {
    let changes = kind.corrupts()
        || matches!(kind, FaultKind::DuplicateReplies | FaultKind::ReorderReplies | FaultKind::Truncate);
    matches!(kind.family(), Family::Stream | Family::Dial) && !changes
}

impl fmt::Display for Trouble {
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
    pub(crate) fn stalls(&self) -> impl Iterator<Item = Stall> {
        let stalls = self.troubles.iter().filter(|trouble| trouble.kind == TroubleKind::Stall);
        stalls.map(|trouble| Stall { at: trouble.at, length: trouble.lasts })
    }

    /// What the simulation's faults are, by the clock of [`BEFORE`]; none where there are none.
    pub(crate) fn plan(&self) -> Option<FaultPlan> {
        let faults: Vec<_> = self.troubles.iter().filter_map(Trouble::fault).collect();
        (!faults.is_empty()).then(|| self.plan_of(faults))
    }

    /// The link on which bytes travel in the simulation.
    pub(crate) fn link(&self) -> Option<FaultPlan> {
        let mut link = Fault::new(FaultKind::Delay, Duration::ZERO, HEAL);
        link.amount = self.delay.as_millis() as u64;
        self.is_simulated.then(|| self.plan_of(vec![link]))
    }

    fn plan_of(&self, faults: Vec<Fault>) -> FaultPlan {
        FaultPlan {
            seed: self.seed,
            scenario: self.name.clone(),
            world: String::new(),
            calls: 0,
            heal_ms: HEAL.as_millis() as u64,
            faults,
        }
    }
}

impl Trouble {
    fn fault(&self) -> Option<Fault> {
        let TroubleKind::Known(kind) = self.kind else { return None };
        let fault = Fault::new(kind, self.at + BEFORE, self.lasts);
        Some(Fault { amount: self.amount, ..fault })
    }
}
