//! Which plug-ins were really used, and how often.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Counts by name. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Used {
    pub(crate) fn note(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().get(what).copied().unwrap_or(0)
    }
}
