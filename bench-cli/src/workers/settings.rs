//! Settings that must be the same for all workers of a run.

use crc::{CRC_64_XZ, Crc};
use serde_json::{Map, Value, json};

use crate::histogram;
use crate::load::CellConfig;
use crate::machine::secrets::without_secrets;

/// Settings as one JSON object whose keys are sorted, so that equal settings are equal texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings(Value);

/// A setting that two workers have with different values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Such as `cells.0.payload`.
    pub(crate) name: String,
    /// The first one's value, as JSON; `nothing` where it has none.
    pub(crate) ours: String,
    /// The other's.
    pub(crate) theirs: String,
}

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
        sorted(&self.0).to_string()
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

    /// The first setting that differs.
    #[must_use]
    pub(crate) fn difference(&self, theirs: &Self) -> Option<Difference> {
        differ("", &self.0, &theirs.0)
    }
}

/// With the keys in order, even if some dependency has `serde_json` keep them as they were inserted.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_unstable_by_key(|(key, _)| *key);
            Value::Object(
                keys.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn differ(name: &str, ours: &Value, theirs: &Value) -> Option<Difference> {
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
        (Value::Array(a), Value::Array(b)) => Some(Difference {
            name: name.to_owned(),
            ours: format!("{} of them", a.len()),
            theirs: format!("{} of them", b.len()),
        }),
        (ours, theirs) if ours == theirs => None,
        _ => Some(Difference { name: name.to_owned(), ours: said(ours), theirs: said(theirs) }),
    }
}

fn said(value: &Value) -> String {
    // It is told to other hosts, and may come into a run.
    if value.is_null() { "nothing".to_owned() } else { without_secrets(&sorted(value).to_string()) }
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
        let (one, other) = (r#"{"b":1,"a":{"d":2,"c":3}}"#, r#"{"a":{"c":3,"d":2},"b":1}"#);
        let text = |text| Settings::from_text(text).unwrap().to_text();
        assert_eq!(text(one), text(other));
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let ours = Settings::of(&[cell(4096), cell(16)]);
        let differs = |theirs: &Settings| {
            let Difference { name, ours, theirs } = ours.difference(theirs).unwrap();
            (name, ours, theirs)
        };
        let said =
            |name: &str, ours: &str, theirs: &str| (name.to_owned(), ours.to_owned(), theirs.to_owned());
        assert_eq!(ours.difference(&ours.clone()), None);
        assert_eq!(differs(&Settings::of(&[cell(4096), cell(32)])), said("cells.1.payload", "16", "32"));
        assert_eq!(differs(&Settings::of(&[cell(4096)])), said("cells", "2 of them", "1 of them"));
        assert_eq!(differs(&ours.clone().with("seed", 7)), said("seed", "nothing", "7"));
        assert_eq!(differs(&ours.clone().with("version", "9.9.9")).0, "version");
        let target = CellConfig { target: Some("tcp://me:S3CRET@host:1".to_owned()), ..cell(4096) };
        let (name, nothing, target) = differs(&Settings::of(&[target, cell(16)]));
        assert_eq!((name.as_str(), nothing.as_str()), ("cells.0.target", "nothing"));
        assert!(target.contains("@host:1") && !target.contains("S3CRET"), "{target}");
    }
}
