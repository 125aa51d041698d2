//! Timers with a coarse policy: each deadline is rounded up, so that many calls share one wake-up.

use std::time::Duration;

use listenrain::{CallId, Timers};
use tokio::time::Instant;

use super::used::Used;

#[derive(Debug)]
pub(crate) struct Coarse {
    start: Instant,
    deadlines: Vec<(Instant, CallId)>,
    used: Used,
}

const GRAIN: Duration = Duration::from_millis(8);

impl Coarse {
    pub(crate) fn new(used: &Used) -> Self {
        Self { start: Instant::now(), deadlines: Vec::new(), used: used.clone() }
    }
}

impl Timers for Coarse {
    fn add(&mut self, call: CallId, deadline: Instant) {
        self.used.note("deadlines added");
        self.remove(call);
        // Never earlier than the deadline, at most one grain later.
        let grains = deadline.saturating_duration_since(self.start).as_nanos().div_ceil(GRAIN.as_nanos());
        let grains = u32::try_from(grains).unwrap_or(u32::MAX);
        self.deadlines.push((self.start + GRAIN * grains, call));
    }

    fn remove(&mut self, call: CallId) {
        self.deadlines.retain(|(_, other)| *other != call);
    }

    fn next(&self) -> Option<Instant> {
        self.deadlines.iter().map(|(deadline, _)| *deadline).min()
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        let at = self.deadlines.iter().position(|(deadline, _)| *deadline <= now)?;
        self.used.note("deadlines expired");
        Some(self.deadlines.remove(at).1)
    }

    fn len(&self) -> usize {
        self.deadlines.len()
    }
}
