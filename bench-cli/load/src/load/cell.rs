//! The configuration of one cell: the combination that a child process measures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{OpenConfig, Pins, Placement, ProtocolChoice, Request, RuntimeChoice, Scenario, Stall, Think};
use crate::limits;

/// Most windows that a cell has: they are kept until its end, however long it is.
pub(crate) const MOST_WINDOWS: u32 = 200;

/// Bytes of a first request for which its answer may take a second more: half of what a network of 100 Mbit/s carries.
const BYTES_A_SECOND: usize = 6 << 20;

const SHORTEST_WINDOW: Duration = Duration::from_millis(10);

/// One cell, as handed to the process that measures it.
///
/// Its default is what `bench-cli run` measures when nothing is typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellConfig {
    /// Scheme of the transport.
    pub transport: String,
    /// Name of the stack.
    pub stack: String,
    /// Threads of client and server.
    pub runtime: RuntimeChoice,
    /// Wire protocol.
    pub protocol: ProtocolChoice,
    /// Callers in the closed loop, all connections together.
    pub parallel: u64,
    /// Bytes of a request's payload.
    pub payload: usize,
    /// Time before the window.
    pub warmup: Duration,
    /// Length of the window.
    pub duration: Duration,
    /// Channels of each connection.
    pub lanes: u64,
    /// Connections.
    pub connections: u64,
    /// Most payload bytes outstanding at once; a payload larger than that goes alone.
    pub window: usize,
    /// Options for the transport's endpoints: name and value.
    pub options: Vec<(String, String)>,
    /// A live server to drive instead of one in the same process.
    pub target: Option<String>,
    /// What stands between client and server.
    pub via: Option<String>,
    /// Where the two ends live.
    pub placement: Placement,
    /// The processors that each end is kept to.
    pub pins: Pins,
    /// How requests are let go; none for a closed loop.
    pub open: Option<OpenConfig>,
    /// When the server stops answering on purpose, counted from the beginning of the timed window.
    pub stalls: Vec<Stall>,
    /// Whether this is one of several workers: what is cut off is then decided when all are merged.
    pub is_worker: bool,
    /// What is played instead of one loop; each of its phases is a cell of the run.
    pub scenario: Option<Scenario>,
    /// The phase that this is: the scenario's name and its own.
    pub phase: Option<(String, String)>,
}

impl Default for CellConfig {
    /// One caller with 4 KiB on TCP, the library, one thread; a second of warm-up and three of measuring.
    fn default() -> Self {
        Self {
            transport: "tcp".to_owned(),
            stack: "listenrain".to_owned(),
            runtime: RuntimeChoice::Current,
            protocol: ProtocolChoice::Native,
            parallel: 1,
            payload: 4096,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(3),
            lanes: 1,
            connections: 1,
            window: 64 << 20,
            options: Vec::new(),
            target: None,
            via: None,
            placement: Placement::Same,
            pins: Pins::default(),
            open: None,
            stalls: Vec::new(),
            is_worker: false,
            scenario: None,
            phase: None,
        }
    }
}

impl CellConfig {
    /// Most requests outstanding: `parallel` in a closed loop, the open loop's own limit in one, or fewer where the byte
    /// window holds no more; at least one.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        if let Some(scenario) = &self.scenario {
            return scenario.outstanding();
        }
        let held = (self.window / self.payload.max(1)).max(1);
        self.open.as_ref().map_or(self.parallel, |open| open.max_in_flight).min(held as u64)
    }

    /// Windows that the timed window is cut into, each 100 ms long or longer; in a short one at least 10 ms. What has not
    /// come to rest is cut off by whole windows.
    #[must_use]
    pub fn windows(&self) -> u32 {
        let length = (self.duration / 30).clamp(SHORTEST_WINDOW, Duration::from_millis(100));
        let fit = (self.duration.as_nanos() / length.as_nanos()).max(1);
        fit.min(u128::from(MOST_WINDOWS)) as u32
    }

    /// How long one of them is.
    #[must_use]
    pub fn window_length(&self) -> Duration {
        self.duration / self.windows()
    }

    /// Phases of its load: those of its scenario, else one.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.scenario.as_ref().map_or(1, |scenario| scenario.phases.len())
    }

    /// Phase number `index` as a cell of its own; without a scenario, the cell itself.
    #[must_use]
    pub fn phase(&self, index: usize) -> Self {
        self.scenario.as_ref().map_or_else(|| self.clone(), |scenario| scenario.phase(self, index))
    }

    /// The kinds of its requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        let alike = || vec![Request { payload: self.payload, share: 1.0, one_way: false }];
        self.scenario.as_ref().map_or_else(alike, |scenario| scenario.requests.clone())
    }

    /// Bytes of the first request of each channel, which is one of the cell's own.
    #[must_use]
    pub fn first_payload(&self) -> usize {
        self.requests().iter().find(|request| !request.one_way).map_or(self.payload, |it| it.payload)
    }

    /// How much longer than a short one the first request of a channel may take.
    #[must_use]
    pub fn first_allowance(&self) -> Duration {
        Duration::from_secs((self.first_payload() / BYTES_A_SECOND) as u64)
    }

    /// The same of all its channels, one after the other.
    #[must_use]
    pub fn start_allowance(&self) -> Duration {
        self.first_allowance().saturating_mul(u32::try_from(self.channels()).unwrap_or(u32::MAX))
    }

    /// Time between a caller's reply and its next request, in phase number `index`.
    #[must_use]
    pub fn think(&self, index: usize) -> Option<Think> {
        self.scenario.as_ref()?.phases.get(index)?.think
    }

    /// Raises this process's limit of open files to what it needs with `ends` ends, 1 or 2, of each of the cell's channels.
    ///
    /// # Errors
    ///
    /// A text for the user, where the hard limit is lower.
    pub fn ensure_descriptors(&self, ends: u64) -> Result<(), String> {
        limits::ensure_descriptors(limits::descriptors(self.channels(), ends, self.via.is_some()))
    }

    /// Channels of all connections together.
    #[must_use]
    pub fn channels(&self) -> u64 {
        self.connections * self.lanes
    }

    /// In a few words, for progress and errors.
    #[must_use]
    pub fn label(&self) -> String {
        let Self { transport, stack, runtime, protocol, parallel, payload, .. } = self;
        let size = crate::units::size_text(*payload as u64);
        let protocol = if *protocol == ProtocolChoice::Original { " original" } else { "" };
        let load = match &self.open {
            Some(open) => format!("{}/s", open.rate),
            None => parallel.to_string(),
        };
        let split = if self.placement == Placement::Split { ", split" } else { "" };
        if let Some(scenario) = &self.scenario {
            return format!("{transport} {stack} {} on {runtime}{split}", scenario.name);
        }
        format!("{transport} {stack}{protocol} {load} x {size} on {runtime}{split}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_long_enough_to_mean_something_and_few_enough_to_keep() {
        for (duration_ms, windows, length_ms) in [
            (10, 1, 10),
            (50, 5, 10),
            (300, 30, 10),
            (3_000, 30, 100),
            (20_000, 200, 100),
            (3_600_000, 200, 18_000),
        ] {
            let config = CellConfig { duration: Duration::from_millis(duration_ms), ..CellConfig::default() };
            assert_eq!((config.windows(), config.window_length().as_millis()), (windows, length_ms));
        }
    }
}
