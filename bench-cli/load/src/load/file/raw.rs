//! The keys of a scenario file, with the type and bounds of each value.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::LONGEST;
use crate::limits::MAX_PAYLOAD;
use crate::load::{Arrivals, Think};
use crate::payload::STAMP;
use crate::units::{parse_duration_within, parse_rate, parse_size_within};

const LONGEST_THINK: Duration = Duration::from_secs(60);

/// A text with a unit, as [`units`](crate::units) reads it.
macro_rules! text {
    ($name:ident($type:ty), $parse:expr) => {
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(pub(super) $type);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let parse: fn(&str) -> Result<$type, String> = $parse;
                parse(&text).map(Self)
            }
        }
    };
}

text!(Time(Duration), |text| parse_duration_within(text, Duration::ZERO, LONGEST));
text!(Size(usize), |text| parse_size_within(text, STAMP as u64, MAX_PAYLOAD));
text!(Rate(f64), parse_rate);
text!(ThinkTime(Think), |text| {
    let (is_exp, text) = text.strip_prefix("exp:").map_or((false, text), |mean| (true, mean));
    let mean = parse_duration_within(text, Duration::from_millis(1), LONGEST_THINK)
        .map_err(|why| format!("{why}; a time such as 5ms is always the same, exp:5ms is exponential"))?;
    Ok(Think { mean, is_exp })
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Spanned<String>,
    pub(super) warmup: Option<Spanned<Time>>,
    #[serde(default)]
    pub(super) request: Vec<Spanned<RawRequest>>,
    #[serde(default)]
    pub(super) phase: Vec<Spanned<RawPhase>>,
    #[serde(default)]
    pub(super) fault: Vec<Spanned<RawFault>>,
    pub(super) simulation: Option<RawSimulation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequest {
    pub(super) payload: Size,
    pub(super) share: Option<Spanned<f64>>,
    #[serde(default)]
    pub(super) one_way: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    pub(super) name: Spanned<String>,
    pub(super) duration: Spanned<Time>,
    pub(super) parallel: Option<Spanned<u64>>,
    pub(super) think: Option<Spanned<ThinkTime>>,
    pub(super) rate: Option<Rate>,
    pub(super) arrivals: Option<Spanned<Arrivals>>,
    pub(super) max_in_flight: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    pub(super) kind: Spanned<String>,
    pub(super) at: Spanned<Time>,
    pub(super) lasts: Option<Spanned<Time>>,
    pub(super) amount: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSimulation {
    pub(super) delay: Spanned<Time>,
}
