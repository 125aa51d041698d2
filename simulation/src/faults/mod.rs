//! Faults: what can go wrong, and when it does in one run.
//!
//! All that happens to a channel or a dial is done by a [`Layer`] between a transport and its user, whose [`ReadFilter`] and
//! [`WriteFilter`] stand upon the two halves. A [`Hardship`] is legal and happens all the time; the stream and dial faults of
//! a plan happen at their times. A new kind of fault is a row in `kind.rs`, and what it does stands in the module `stream`
//! or, for one of a network, in [`network`](crate::network).
//!
//! A [`FaultKind`] is what can happen, a [`Fault`] one happening with its time, place and amount, a [`FaultPlan`] all that
//! happens in one run. A plan is plain data, resolved before the run begins and independent of whatever the parties
//! draw, so it can be printed, replayed, edited, and shrunk fault by fault.

mod hardship;
mod hooks;
mod kind;
mod plan;

pub use self::hardship::Hardship;
pub use self::hooks::{
    Dialer, Generators, Halves, Listening, Next, Polled, changed_channels, deliver, let_go, read_piece,
};
pub use self::kind::{Family, FaultKind};
pub use self::plan::{FaultPlan, PlanError};
pub use listenrain_transports::layer::{
    Layer, Layered, ReadFilter, Side, WriteFilter, with_read, with_write,
};

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One fault of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// From when on. Unit: milliseconds of the run.
    pub at_ms: u64,
    /// For how long it is on. Unit: milliseconds. A [momentary](FaultKind::is_momentary) kind happens at most once in
    /// that time.
    pub for_ms: u64,
    /// To which server, counted from 0, or to whose channels; `None`: to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<usize>,
    /// After how many more bytes of a channel it happens, for kinds that count bytes. Unit: bytes. Default: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_bytes: u64,
    /// How much, in the unit of its [kind](FaultKind::amount). Default: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub amount: u64,
    /// Whether it stays when the others are healed. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Fault {
    /// A fault of `kind` that is on from `at` for `lasts`, for all servers.
    #[must_use]
    pub fn new(kind: FaultKind, at: Duration, lasts: Duration) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            kind,
            at_ms: millis(at),
            for_ms: millis(lasts),
            server: None,
            after_bytes: 0,
            amount: 0,
            stays: false,
        }
    }

    /// When it begins.
    #[must_use]
    pub fn begins(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// When it ends of itself, where the rest of its plan is healed at `heal`; `None`: never.
    #[must_use]
    pub fn ends(&self, heal: Duration) -> Option<Duration> {
        (!self.stays).then(|| Duration::from_millis(self.at_ms.saturating_add(self.for_ms)).min(heal))
    }

    /// Whether it concerns `server`.
    #[must_use]
    pub fn concerns(&self, server: usize) -> bool {
        self.server.is_none_or(|only| only == server)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms", self.kind, self.at_ms)?;
        match self.stays {
            true => f.write_str(" for good")?,
            false if self.for_ms > 0 => write!(f, " for {} ms", self.for_ms)?,
            false => {}
        }
        if let Some(server) = self.server {
            write!(f, ", server {server}")?;
        }
        if self.after_bytes > 0 {
            write!(f, ", after {} bytes", self.after_bytes)?;
        }
        match self.kind.amount() {
            Some(unit) if self.amount > 0 => write!(f, ", {} {unit}", self.amount),
            _ => Ok(()),
        }
    }
}
