//! Placement of the two ends: in which processes, and on which processors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where client and server live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// One process holds both, as the original's benchmark does.
    #[default]
    Same,
    /// Each is a process of its own.
    Split,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::Split => "split",
        })
    }
}

/// The processors that each end is kept to; none means all. Written `server=0,client=1` or `server=0-3,client=4-7`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pins {
    /// The server's.
    pub server: Vec<usize>,
    /// The client's.
    pub client: Vec<usize>,
}

const ALLOWED: &str =
    "allowed: server=LIST and client=LIST, where a list is 0, 0-3 or 0+2, such as server=0,client=1";

impl FromStr for Pins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pins = Self::default();
        for part in text.split(',') {
            let (side, list) = part.split_once('=').ok_or(ALLOWED)?;
            let side = match side {
                "server" => &mut pins.server,
                "client" => &mut pins.client,
                _ => return Err(ALLOWED.to_owned()),
            };
            if !side.is_empty() {
                return Err(format!("{part}: given twice"));
            }
            *side = cores(list)?;
        }
        Ok(pins)
    }
}

fn cores(list: &str) -> Result<Vec<usize>, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| ALLOWED.to_owned());
    let mut cores = Vec::new();
    for part in list.split('+') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last || last - first > 4096 {
                    return Err(format!("{part}: not a range of processors"));
                }
                cores.extend(first..=last);
            }
            None => cores.push(number(part)?),
        }
    }
    Ok(cores)
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |cores: &[usize]| cores.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
        let sides = [("server", &self.server), ("client", &self.client)];
        let sides: Vec<_> = sides
            .into_iter()
            .filter(|(_, cores)| !cores.is_empty())
            .map(|(side, cores)| format!("{side}={}", list(cores)))
            .collect();
        f.write_str(&sides.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_read_back_as_they_are_written() {
        for text in ["server=0,client=1", "server=0+2", "client=3"] {
            assert_eq!(text.parse::<Pins>().unwrap().to_string(), text);
        }
        let pins: Pins = "server=0-2,client=5+7".parse().unwrap();
        assert_eq!((pins.server, pins.client), (vec![0, 1, 2], vec![5, 7]));
        assert_eq!(Pins::default().to_string(), "");
    }

    #[test]
    fn wrong_pins_are_told_what_is_allowed() {
        for text in
            ["", "0", "server", "middle=0", "server=x", "server=0-", "server=3-1", "server=0,server=1"]
        {
            text.parse::<Pins>().unwrap_err();
        }
        assert!("0".parse::<Pins>().unwrap_err().contains("server=0,client=1"));
    }
}
