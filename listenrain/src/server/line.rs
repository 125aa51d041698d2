//! Requests in the order in which they came, found by id and by deadline too.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

/// A request, as it is found again.
pub(super) trait InLine {
    fn id(&self) -> u64;
    /// When it ends, if it does by itself.
    fn ends_at(&self) -> Option<Instant>;
}

#[derive(Debug)]
pub(super) struct Line<T> {
    last: u64,
    by_number: BTreeMap<u64, T>,
    by_id: BTreeSet<(u64, u64)>,
    by_deadline: BTreeSet<(Instant, u64)>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { last: 0, by_number: BTreeMap::new(), by_id: BTreeSet::new(), by_deadline: BTreeSet::new() }
    }
}

impl<T: InLine> Line<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.by_number.values()
    }

    /// Takes one in; gives its number.
    pub(super) fn push(&mut self, request: T) -> u64 {
        self.last += 1;
        self.by_id.insert((request.id(), self.last));
        if let Some(ends_at) = request.ends_at() {
            self.by_deadline.insert((ends_at, self.last));
        }
        self.by_number.insert(self.last, request);
        self.last
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let request = self.by_number.remove(&number)?;
        self.by_id.remove(&(request.id(), number));
        if let Some(ends_at) = request.ends_at() {
            self.by_deadline.remove(&(ends_at, number));
        }
        Some(request)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let number = *self.by_number.first_key_value()?.0;
        self.remove(number)
    }

    /// Removes the oldest of this id.
    pub(super) fn take(&mut self, id: u64) -> Option<T> {
        self.remove(self.number_of(id)?)
    }

    /// The oldest of this id.
    pub(super) fn oldest_of(&self, id: u64) -> Option<&T> {
        self.by_number.get(&self.number_of(id)?)
    }

    fn number_of(&self, id: u64) -> Option<u64> {
        self.by_id.range((id, 0)..=(id, u64::MAX)).next().map(|(_, number)| *number)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Removes one whose deadline `now` has reached.
    pub(super) fn expired(&mut self, now: Instant) -> Option<T> {
        let number = self.due(now)?;
        self.remove(number)
    }

    /// The number of one whose deadline `now` has reached. It stays in line, and is told of once.
    fn due(&mut self, now: Instant) -> Option<u64> {
        let due = *self.by_deadline.first().filter(|(deadline, _)| *deadline <= now)?;
        self.by_deadline.remove(&due);
        Some(due.1)
    }

    /// One whose deadline `now` has reached, once; it stays in line.
    pub(super) fn look_at_due(&mut self, now: Instant) -> Option<&T> {
        let number = self.due(now)?;
        self.by_number.get(&number)
    }
}
