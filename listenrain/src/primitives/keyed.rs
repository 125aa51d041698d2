//! A map of values that are made once per key, and removed only by a holder of that very value.

use std::collections::BTreeMap;

use crate::sync::{Mutex, lock, mutant};

/// Values by key, each with the generation under which it was put in.
#[derive(Debug)]
pub(crate) struct Keyed<K, V> {
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    values: BTreeMap<K, (u64, V)>,
    generation: u64,
}

impl<K: Ord + Clone, V: Clone> Keyed<K, V> {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner { values: BTreeMap::new(), generation: 0 }) }
    }

    /// The value of `key`, made by `make` when there is none or when `keep` rejects the one that is there. `make` runs
    /// under the lock and must be quick: it starts the work, others share it. `None` when `limit` values are there and
    /// none can make room.
    pub(crate) fn get_or_insert(
        &self,
        key: &K,
        limit: usize,
        keep: impl Fn(&V) -> bool,
        spare: impl Fn(&V) -> bool,
        make: impl FnOnce(u64) -> V,
    ) -> Option<V> {
        // Declared before the lock is taken, so that these end after it is let go: their ends may look in here again.
        let (_evicted, _replaced);
        let mut inner = lock(&self.inner);
        if let Some((_, value)) = inner.values.get(key)
            && keep(value)
        {
            return Some(value.clone());
        }
        if mutant("keyed: it looks and makes under two locks") {
            drop(inner);
            inner = lock(&self.inner);
        }
        if inner.values.len() >= limit && !inner.values.contains_key(key) {
            let spared = inner.values.iter().find(|(_, (_, value))| !keep(value) || spare(value));
            let spared = spared.map(|(key, _)| key.clone())?;
            _evicted = inner.values.remove(&spared);
        }
        inner.generation += 1;
        let generation = inner.generation;
        let value = make(generation);
        _replaced = inner.values.insert(key.clone(), (generation, value.clone()));
        Some(value)
    }

    /// Removes the value of `key` if it is still the one of `generation`.
    pub(crate) fn remove(&self, key: &K, generation: u64) -> Option<V> {
        let mut inner = lock(&self.inner);
        let (there, _) = inner.values.get(key)?;
        let same = *there == generation || mutant("keyed: remove ignores the generation");
        if same { inner.values.remove(key).map(|(_, value)| value) } else { None }
    }

    pub(crate) fn values(&self) -> Vec<V> {
        let inner = lock(&self.inner);
        let mut all: Vec<_> = inner.values.values().collect();
        all.sort_by_key(|(generation, _)| *generation);
        all.into_iter().map(|(_, value)| value.clone()).collect()
    }
}
