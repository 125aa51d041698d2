//! Choices by name: runtime and protocol.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which runtime holds an end, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeChoice {
    /// One thread.
    Current,
    /// One runtime of that many worker threads.
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
    /// A length before each message, and replies in the order of requests. Only the floor stack, which takes no other.
    #[value(skip)]
    Length,
    /// That of the library that the stack is, which takes no other.
    #[value(skip)]
    Own,
}

impl ProtocolChoice {
    /// Whether a user may ask for it. The others are those of stacks that speak one protocol, whatever is asked for.
    #[must_use]
    pub fn is_a_choice(self) -> bool {
        matches!(self, Self::Native | Self::Original)
    }
}

impl fmt::Display for ProtocolChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Original => "original",
            Self::Stream => "stream",
            Self::Length => "length",
            Self::Own => "own",
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
