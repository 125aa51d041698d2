//! Open loops, and stalls of a server on purpose.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::parse_duration_within;

/// An open loop: requests go when they are due, whatever has become of those before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenConfig {
    /// Requests a second, all connections together.
    pub rate: f64,
    /// How far apart they are.
    pub arrivals: Arrivals,
    /// Most outstanding at once; what is due beyond them is dropped, and counted.
    pub max_in_flight: u64,
    /// What keeps the time.
    pub pacer: PacerChoice,
    /// What random arrivals are drawn from.
    pub seed: u64,
}

/// How far apart requests are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Equally far.
    Fixed,
    /// Exponentially: as independent users come, and the harder test.
    #[default]
    Exp,
}

/// What keeps the time of an open loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PacerChoice {
    /// A thread of its own, to some ten microseconds; it needs a processor now and then.
    #[default]
    Thread,
    /// The runtime's own timers, to the millisecond: what is due within one goes in one burst.
    Tick,
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "fixed",
            Self::Exp => "exp",
        })
    }
}

impl fmt::Display for PacerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread => "thread",
            Self::Tick => "tick",
        })
    }
}

/// A time during which the server reads nothing. Written `500ms@2s`: for half a second, two seconds into the timed window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// When it begins, counted from the beginning of the timed window.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = humantime::format_duration;
        write!(f, "{}@{}", text(self.length), text(self.at))
    }
}

impl FromStr for Stall {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (length, at) = text
            .split_once('@')
            .ok_or("allowed: LENGTH@WHEN, such as 500ms@2s: half a second, two seconds in")?;
        let within = |text| parse_duration_within(text, Duration::ZERO, Duration::from_secs(3600));
        Ok(Self { at: within(at)?, length: within(length)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_a_length_at_a_time() {
        let stall: Stall = "500ms@2s".parse().unwrap();
        assert_eq!((stall.length, stall.at), (Duration::from_millis(500), Duration::from_secs(2)));
        assert_eq!(stall.to_string(), "500ms@2s");
        assert_eq!(
            "1500ms@0s".parse::<Stall>().unwrap().to_string().parse::<Stall>().unwrap().length.as_millis(),
            1500
        );
        for text in ["", "500ms", "500ms@", "@2s", "fast@2s"] {
            assert!(text.parse::<Stall>().unwrap_err().contains("such as 500ms"), "{text}");
        }
    }
}
