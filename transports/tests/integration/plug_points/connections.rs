//! A connection pool: a plain list, the oldest first.

use std::sync::{Mutex, MutexGuard};

use listenrain::{Connection, ConnectionPool, Generation, MakeConnection, PoolKey};

use super::used::Used;

#[derive(Debug)]
pub(crate) struct Listed {
    entries: Mutex<Entries>,
    used: Used,
}

#[derive(Debug, Default)]
struct Entries {
    list: Vec<(PoolKey, Generation, Connection)>,
    made: u64,
}

impl Listed {
    const LIMIT: usize = 2;

    pub(crate) fn new(used: &Used) -> Self {
        Self { entries: Mutex::default(), used: used.clone() }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        let mut entries = self.entries.lock().unwrap();
        entries.list.retain(|(.., connection)| !connection.state().is_closed());
        entries
    }
}

impl ConnectionPool for Listed {
    fn get(&self, key: &PoolKey, make: MakeConnection<'_>) -> Option<Connection> {
        self.used.note("connections asked for");
        let mut entries = self.entries();
        if let Some((.., there)) = entries.list.iter().find(|(other, ..)| other == key) {
            return Some(there.clone());
        }
        if entries.list.len() == Self::LIMIT {
            return None;
        }
        self.used.note("connections made");
        entries.made += 1;
        let generation = Generation(entries.made);
        let made = make(generation);
        entries.list.push((key.clone(), generation, made.clone()));
        Some(made)
    }

    fn remove(&self, key: &PoolKey, generation: Generation) -> Option<Connection> {
        let mut entries = self.entries();
        let same = |entry: &(PoolKey, Generation, Connection)| (&entry.0, entry.1) == (key, generation);
        let at = entries.list.iter().position(same)?;
        Some(entries.list.remove(at).2)
    }

    fn connections(&self) -> Vec<Connection> {
        let entries = self.entries();
        entries.list.iter().map(|(.., there)| there.clone()).collect()
    }
}
