//! Settings that must be the same for all workers of a run.

use crc::{CRC_64_XZ, Crc};
use serde_json::{Value, json};

use crate::histogram;
use crate::load::CellConfig;
use crate::machine::secrets::without_secrets;

/// Settings as one JSON object, written in one order by all processes of one build, so that equal settings are equal texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings(Value);

impl Settings {
    /// Those of a run of `cells`, which are the whole's and no worker's share.
    #[must_use]
    pub(crate) fn of(cells: &[CellConfig]) -> Self {
        let bounds = histogram::empty();
        // Plain data with string keys: there is nothing that JSON cannot say.
        let cells = serde_json::to_value(cells).unwrap_or_default();
        Self(json!({
            "cells": cells,
            "histogram": { "low_ns": bounds.low(), "high_ns": bounds.high(), "digits": bounds.sigfig() },
            "version": env!("CARGO_PKG_VERSION"),
        }))
    }

    /// The same and `value` under `name`: whatever else decides what the workers do, such as the order of launches.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(settings) = &mut self.0 {
            settings.insert(name.to_owned(), value.into());
        }
        self
    }

    /// As it is sent.
    #[must_use]
    pub(crate) fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// What [`to_text`](Self::to_text) wrote.
    pub(crate) fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// A short name for them, the same for the same settings.
    #[must_use]
    pub(crate) fn hash(&self) -> String {
        format!("{:016x}", Crc::<u64>::new(&CRC_64_XZ).checksum(self.to_text().as_bytes()))
    }

    /// The first setting that another worker has with another value, both as JSON; `nothing` where one has none.
    #[must_use]
    pub(crate) fn difference(&self, theirs: &Self) -> Option<String> {
        differ("", &self.0, &theirs.0)
    }
}

fn differ(name: &str, ours: &Value, theirs: &Value) -> Option<String> {
    let told = |ours: &str, theirs: &str| Some(format!("{name} is {theirs} there and {ours} at worker 0"));
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    let absent = Value::Null;
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let mut pairs =
                keys.map(|key| (key, a.get(key).unwrap_or(&absent), b.get(key).unwrap_or(&absent)));
            pairs.find_map(|(key, a, b)| differ(&below(key), a, b))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(place, (a, b))| differ(&below(&place.to_string()), a, b))
        }
        (Value::Array(a), Value::Array(b)) => {
            told(&format!("{} of them", a.len()), &format!("{} of them", b.len()))
        }
        (ours, theirs) if ours == theirs => None,
        _ => told(&said(ours), &said(theirs)),
    }
}

fn said(value: &Value) -> String {
    // It is told to other hosts, and may come into a run.
    if value.is_null() { "nothing".to_owned() } else { without_secrets(&value.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(payload: usize) -> CellConfig {
        CellConfig { payload, ..CellConfig::default() }
    }

    #[test]
    fn the_same_settings_are_the_same_text_and_read_back() {
        let settings = Settings::of(&[cell(4096), cell(16)]).with("seed", 7);
        assert_eq!(Settings::from_text(&settings.to_text()).unwrap(), settings);
        assert_eq!(settings.hash(), Settings::of(&[cell(4096), cell(16)]).with("seed", 7).hash());
        assert_ne!(settings.hash(), Settings::of(&[cell(4096), cell(17)]).with("seed", 7).hash());
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let ours = Settings::of(&[cell(4096), cell(16)]);
        let differs = |theirs: &Settings| ours.difference(theirs).unwrap();
        assert_eq!(ours.difference(&ours.clone()), None);
        for (theirs, told) in [
            (Settings::of(&[cell(4096), cell(32)]), "cells.1.payload is 32 there and 16 at worker 0"),
            (Settings::of(&[cell(4096)]), "cells is 1 of them there and 2 of them at worker 0"),
            (ours.clone().with("seed", 7), "seed is 7 there and nothing at worker 0"),
        ] {
            assert_eq!(differs(&theirs), told);
        }
        assert!(differs(&ours.clone().with("version", "9.9.9")).starts_with("version is "));
        let target = CellConfig { target: Some("tcp://me:S3CRET@host:1".to_owned()), ..cell(4096) };
        let told = differs(&Settings::of(&[target, cell(16)]));
        assert!(told.starts_with("cells.0.target is ") && told.contains("@host:1"), "{told}");
        assert!(!told.contains("S3CRET"), "{told}");
    }
}
