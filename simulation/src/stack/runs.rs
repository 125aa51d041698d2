//! Executors of handlers and callbacks, by name.

use crate::context::Situation;
use crate::random::Random;

/// What runs handlers, or callbacks: each executor that there is, and kinds that users may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runs {
    /// What the protocol has by default.
    Default,
    /// Where they stand, until they wait.
    Inline,
    /// In a task each.
    Spawned,
    /// One after the other, in one task.
    OneByOne,
    /// In a task each, some milliseconds later.
    Late,
    /// In a task each, but for one in eight, which is dropped.
    Careless,
    /// In a task each, but for one in eight, at which the executor panics.
    Panicking,
    /// One of these, as the seed says.
    Any,
}

impl Runs {
    const OWN: [Self; 6] =
        [Self::Inline, Self::Spawned, Self::OneByOne, Self::Late, Self::Careless, Self::Panicking];

    /// Which it is in the run of `seed`, for `whom`.
    #[must_use]
    pub fn of(self, seed: u64, whom: &str) -> Self {
        match self {
            Self::Any => Self::OWN[Random::of(seed, whom).below(Self::OWN.len())],
            one => one,
        }
    }

    /// Whether some are not run.
    #[must_use]
    pub fn loses(self) -> bool {
        matches!(self, Self::Careless | Self::Panicking)
    }

    /// That handlers are run so.
    pub(crate) fn situation(self) -> Option<Situation> {
        let place = Self::OWN.iter().position(|own| *own == self)?;
        Some(SITUATIONS[place])
    }
}

/// That handlers were run by each, for a scenario to demand.
pub(crate) const SITUATIONS: [Situation; 6] = [
    Situation::Seen("handlers run inline"),
    Situation::Seen("handlers run in tasks"),
    Situation::Seen("handlers run one by one"),
    Situation::Seen("handlers run late"),
    Situation::Seen("handlers that an executor drops"),
    Situation::Seen("handlers at which an executor panics"),
];
