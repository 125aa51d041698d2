//! The child protocol: a line of JSON a message, over the child's standard input and output.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use listenrain_results::{Histograms, Steadiness, Times};
use serde::{Deserialize, Serialize};

use super::Tick;
use crate::load::CellConfig;
use crate::meter::UNFINISHED;
use crate::meter::usage::Snapshot;

/// The version, since either side may be another build of this program. Changed with any of the messages below.
pub const PROTOCOL: u32 = 6;

/// The cell spec: what the parent hands to the child as its argument.
#[derive(Debug, Serialize, Deserialize)]
pub struct CellSpec {
    /// Under the name that every version of this program looks for.
    #[serde(rename = "words")]
    pub protocol: u32,
    /// What is measured.
    pub config: CellConfig,
    /// Which end of the cell the child is.
    pub role: Role,
    /// The processors to stay on; none means all.
    pub pin: Vec<usize>,
    /// The parent's process id: the child dies with it.
    pub parent: u32,
    /// Whether a live view wants ticks.
    pub wants_ticks: bool,
}

/// What the child is of the cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Both ends, or the client of a server elsewhere.
    Whole,
    /// The server, which the client of another process connects to.
    Server,
    /// The client of the server that listens there.
    Client(String),
}

/// From the child to its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromChild {
    /// The server listens there.
    Listening(String),
    /// Every connection of the client stands; it waits for [`ToChild::Go`].
    Connected,
    /// The client has come to the mark of that number: the beginning of the timed window is 0, each window ends with one
    /// more.
    Marked(usize),
    /// What a live view shows of the last moments.
    Tick(Tick),
    /// One for each phase of a scenario, else one.
    Measured(Vec<Measured>),
    /// The server is done.
    Served(Served),
    /// Nothing was measured, and why.
    Failed(String),
}

/// From the parent to the child. The end of its standard input means that the parent is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToChild {
    /// To the client: begin.
    Go,
    /// To the server: the client has come to that mark.
    Mark(usize),
    /// To the client: end now, with what there is. To the server: the client is done.
    Finish,
}

/// What a client measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Each window of the timed part, those that were cut too.
    pub windows: Vec<WindowFigures>,
    /// So many windows at the beginning are in none of the figures below.
    pub cut: usize,
    /// Whether the throughput of the windows was steady.
    pub steadiness: Steadiness,
    /// Requests that were answered.
    pub requests: u64,
    /// One-way messages that were sent.
    pub one_ways: u64,
    /// Time that callers spent between a reply and their next request, all callers together.
    pub paused: Duration,
    /// From sending a request to its reply.
    pub service: Times,
    /// Of an open loop.
    pub response: Option<Times>,
    /// How late an open loop sent its requests.
    pub send_lag: Option<Times>,
    /// Requests that an open loop was to send.
    pub intended: u64,
    /// Requests that an open loop did not send, because too many were outstanding.
    pub dropped: u64,
    /// The distributions of the times above.
    pub histograms: Histograms,
    /// Errors by kind.
    pub error_kinds: BTreeMap<String, u64>,
    /// The first few errors, as text.
    pub error_samples: Vec<String>,
    /// One more than there are windows.
    pub marks: Vec<Snapshot>,
    /// Largest resident memory of the process. Unit: MiB.
    pub peak_mib: Option<f64>,
    /// Processor time of the tool itself a request, where it is known. Unit: µs.
    pub tool_us: Option<f64>,
    /// Whether it was ended before its time.
    pub was_cut_short: bool,
}

impl Measured {
    /// Where an open loop was ended with requests outstanding, each of them is an error, and not all of them one: also of a
    /// stack that did not count them.
    pub(super) fn count_unanswered(&mut self, answered: u64) {
        let failed: u64 =
            self.error_kinds.iter().filter(|(kind, _)| *kind != UNFINISHED).map(|(_, count)| count).sum();
        if let Some(count) = self.error_kinds.get_mut(UNFINISHED) {
            let unanswered = self.intended.saturating_sub(self.dropped + answered + failed);
            *count = unanswered.max(*count);
        }
    }
}

/// One window's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowFigures {
    /// Requests that were answered.
    pub requests: u64,
    /// µs: response time of an open loop, service time of a closed one.
    pub p50_us: f64,
    /// The same at the 99th percentile.
    pub p99_us: f64,
    /// The longest of them.
    pub max_us: f64,
}

/// What a server used.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Served {
    /// At the client's marks.
    pub marks: Vec<Snapshot>,
    /// Largest resident memory of the process. Unit: MiB.
    pub peak_mib: Option<f64>,
}

/// Reads the argument of a child.
///
/// # Errors
///
/// A text for the parent: no cell spec, or one of another version of this program.
pub(super) fn spec(text: &str) -> Result<CellSpec, String> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "words")]
        protocol: u32,
    }
    let by_hand = |error| format!("a cell is started by other commands, not by hand: {error}");
    let Head { protocol } = serde_json::from_str(text).map_err(by_hand)?;
    if protocol != PROTOCOL {
        return Err(format!(
            "protocol version mismatch: {protocol}, this program speaks {PROTOCOL}; build both from versions that are \
             closer"
        ));
    }
    serde_json::from_str(text).map_err(by_hand)
}

/// Sends a message to the parent.
pub(super) fn send(message: &FromChild) {
    // Plain data with string keys: there is nothing that JSON cannot say. A parent that is gone does not listen.
    let line = serde_json::to_string(message).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
