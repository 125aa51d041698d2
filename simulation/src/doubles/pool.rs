//! A pool: one line for each endpoint and protocol, made when it is first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use listenrain::{Endpoint, Transport};
use tokio::time::sleep;

use super::flaw::{Faulty, Flaw};
use super::line::{Kept, Line, State};
use super::source::Source;
use crate::scenario::ClientSetup;

/// How long after a caller has found a line down it has it dropped.
const DROPS_AFTER: Duration = Duration::from_millis(100);

/// Lines by what they lead to.
#[derive(Debug)]
pub(super) struct Pool {
    faulty: Faulty,
    transport: Arc<dyn Transport>,
    setup: ClientSetup,
    /// What each way leads to: an endpoint, and the number of a protocol.
    ways: Vec<(Endpoint, usize)>,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    made: u64,
    by_key: BTreeMap<Key, Pooled>,
}

type Key = (String, usize);

#[derive(Debug)]
struct Pooled {
    generation: u64,
    kept: Kept,
}

impl Pool {
    /// A pool of lines to each of `endpoints` by each of `protocols` protocols, which makes none yet.
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        setup: &ClientSetup,
        endpoints: &[Endpoint],
        protocols: usize,
        faulty: Faulty,
    ) -> Arc<Self> {
        let of = |protocol| endpoints.iter().map(move |endpoint| (endpoint.clone(), protocol));
        let ways = (0..protocols.max(1)).flat_map(of).collect();
        Arc::new(Self { faulty, transport, setup: setup.clone(), ways, lines: Mutex::default() })
    }

    /// The line of way `to`, which is made where there is none.
    pub(super) fn line(self: &Arc<Self>, to: usize) -> Result<Arc<Line>, String> {
        let (endpoint, protocol) = &self.ways[to % self.ways.len()];
        let key = self.key(endpoint, *protocol);
        let mut lines = self.lines();
        if let Some(pooled) = lines.by_key.get(&key) {
            let line = pooled.kept.line.clone();
            if *line.state.borrow() == State::Down {
                self.drop_later(key, pooled.generation);
            }
            return Ok(line);
        }
        let source = Source::new(&self.transport, std::slice::from_ref(endpoint), self.faulty)?;
        let kept = Kept::start(&self.setup, source, self.faulty);
        let line = kept.line.clone();
        lines.made += 1;
        let generation = lines.made;
        lines.by_key.insert(key, Pooled { generation, kept });
        Ok(line)
    }

    fn key(&self, endpoint: &Endpoint, protocol: usize) -> Key {
        (endpoint.to_string(), if self.faulty.has(Flaw::LR13) { 0 } else { protocol })
    }

    /// A caller has found the line of `generation` down: another is to be made in its place.
    fn drop_later(self: &Arc<Self>, key: Key, generation: u64) {
        let pool = self.clone();
        tokio::spawn(async move {
            sleep(DROPS_AFTER).await;
            pool.drop_now(&key, generation);
        });
    }

    fn drop_now(&self, key: &Key, generation: u64) {
        let mut lines = self.lines();
        let Some(there) = lines.by_key.get(key).map(|pooled| pooled.generation) else { return };
        if self.faulty.has(Flaw::LR14) {
            // What is no longer in the pool is never closed.
            std::mem::forget(lines.by_key.remove(key));
        } else if there == generation
            && let Some(pooled) = lines.by_key.remove(key)
        {
            pooled.kept.line.ended();
        }
    }

    /// Lines that are in it.
    pub(super) fn all(&self) -> Vec<Arc<Line>> {
        self.lines().by_key.values().map(|pooled| pooled.kept.line.clone()).collect()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
