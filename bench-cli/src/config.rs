//! What one cell is: the combination that a child process is told to measure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One cell, as handed to the process that measures it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl CellConfig {
    /// Requests outstanding by plan: `parallel`, or as many payloads as the window holds, at least one.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        let held = (self.window / self.payload.max(1)).max(1);
        self.parallel.min(held as u64)
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
        let size = crate::cli::units::size_text(*payload as u64);
        let protocol = if *protocol == ProtocolChoice::Original { " original" } else { "" };
        format!("{transport} {stack}{protocol} {parallel} x {size} on {runtime}")
    }
}

/// Which runtime holds client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeChoice {
    /// One thread holds both ends.
    Current,
    /// One runtime of that many worker threads holds both ends.
    Multi(u16),
}

impl RuntimeChoice {
    const MOST: u16 = 256;

    /// Threads that run tasks.
    #[must_use]
    pub fn threads(self) -> usize {
        match self {
            Self::Current => 1,
            Self::Multi(workers) => usize::from(workers),
        }
    }
}

impl fmt::Display for RuntimeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("current"),
            Self::Multi(workers) => write!(f, "multi:{workers}"),
        }
    }
}

impl FromStr for RuntimeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "current" {
            return Ok(Self::Current);
        }
        let workers = text.strip_prefix("multi:").and_then(|workers| workers.parse().ok());
        match workers {
            Some(workers) if (1..=Self::MOST).contains(&workers) => Ok(Self::Multi(workers)),
            _ => Err(format!("allowed: current, or multi:N with N from 1 to {}", Self::MOST)),
        }
    }
}

/// What goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ProtocolChoice {
    /// The library's own packets.
    Native,
    /// The original's packets and its benchmark's messages.
    Original,
    /// No packets: a stream of payloads. Only the bare stack, which takes no other.
    #[value(skip)]
    Stream,
}

impl fmt::Display for ProtocolChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Original => "original",
            Self::Stream => "stream",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_reads_back_as_it_is_written() {
        for text in ["current", "multi:1", "multi:2"] {
            assert_eq!(text.parse::<RuntimeChoice>().unwrap().to_string(), text);
        }
        for text in ["", "multi", "multi:0", "multi:257", "multi:x", "two"] {
            assert!(text.parse::<RuntimeChoice>().unwrap_err().contains("multi:N"), "{text}");
        }
    }
}
