//! A scenario: load that has phases, a mix of requests, think time and faults by name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CellConfig, Fault, OpenConfig, PacerChoice, Think};

/// Most payload bytes of a phase that are outstanding at once.
pub const WINDOW: usize = 256 << 20;

/// Load as a file describes it, within all its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name, in every cell of its runs.
    pub name: String,
    /// Time before the first phase, spent as in that phase; its replies are checked and not counted.
    pub warmup: Duration,
    /// The mix. At least one kind is answered.
    pub requests: Vec<Request>,
    /// What is done, in order. At least one.
    pub phases: Vec<Phase>,
    /// What goes wrong meanwhile.
    pub faults: Vec<Fault>,
    /// How long bytes travel at most, each way, in the simulation: half of it at least. Whole milliseconds.
    pub delay: Duration,
    /// What kinds, think times and random arrivals are drawn from.
    pub seed: u64,
    /// Whether it is played in the simulation.
    pub is_simulated: bool,
}

/// A kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Bytes.
    pub payload: usize,
    /// Its weight beside the others.
    pub share: f64,
    /// Whether it is one-way: no reply comes.
    pub one_way: bool,
}

/// A time during which load is of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name, in its cell.
    pub name: String,
    /// How long it is.
    pub duration: Duration,
    /// Callers of a closed loop; 1 in an open one.
    pub parallel: u64,
    /// Time between a caller's reply and its next request; none in an open loop.
    pub think: Option<Think>,
    /// How requests are let go; none for a closed loop.
    pub open: Option<OpenConfig>,
}

impl Scenario {
    /// The same for the simulation: no thread but one may keep the time.
    pub fn simulate(&mut self) {
        self.is_simulated = true;
        for open in self.phases.iter_mut().filter_map(|phase| phase.open.as_mut()) {
            open.pacer = PacerChoice::Tick;
        }
    }

    /// The length of all phases together.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.duration).sum()
    }

    /// The largest payload, bytes.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.requests.iter().map(|request| request.payload).max().unwrap_or(1)
    }

    /// The mean payload of those requests that are answered, bytes.
    #[must_use]
    pub fn mean_payload(&self) -> f64 {
        let answered = || self.requests.iter().filter(|request| !request.one_way);
        let shares: f64 = answered().map(|request| request.share).sum();
        answered().map(|request| request.share * request.payload as f64).sum::<f64>() / shares
    }

    /// Most requests of `open` outstanding at once: fewer where the largest payloads would be more than [`WINDOW`].
    #[must_use]
    pub fn in_flight(&self, open: &OpenConfig) -> u64 {
        open.max_in_flight.min(((WINDOW / self.largest()) as u64).max(1))
    }

    /// Most requests outstanding: what one phase has left may come beside the next.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        let of = |phase: &Phase| phase.open.as_ref().map_or(phase.parallel, |open| self.in_flight(open));
        self.phases.iter().map(of).sum()
    }

    /// Phase number `index` of a cell that plays this.
    #[must_use]
    pub(super) fn phase(&self, whole: &CellConfig, index: usize) -> CellConfig {
        let phase = &self.phases[index];
        CellConfig {
            parallel: phase.parallel,
            payload: self.mean_payload().round() as usize,
            warmup: if index == 0 { self.warmup } else { Duration::ZERO },
            duration: phase.duration,
            window: WINDOW,
            open: phase.open.clone().map(|open| OpenConfig { max_in_flight: self.in_flight(&open), ..open }),
            scenario: None,
            phase: Some((self.name.clone(), phase.name.clone())),
            ..whole.clone()
        }
    }
}
