//! A send queue that lets the small go first.

use listenrain::{Queued, SendQueue, Ticket};

use super::used::Used;

/// Gives what could not be written before all, then the smallest first. Fair enough for a test: a large one may starve.
#[derive(Debug)]
pub(crate) struct SmallFirst {
    /// Each with its rank.
    waiting: Vec<(usize, Ticket, Queued)>,
    used: Used,
}

impl SmallFirst {
    pub(crate) fn new(used: &Used) -> Self {
        Self { waiting: Vec::new(), used: used.clone() }
    }
}

impl SendQueue<Queued> for SmallFirst {
    fn push(&mut self, ticket: Ticket, item: Queued) {
        self.used.note("packets queued");
        self.waiting.push((1 + item.len(), ticket, item));
    }

    fn push_front(&mut self, ticket: Ticket, item: Queued) {
        self.waiting.insert(0, (0, ticket, item));
    }

    fn pop(&mut self) -> Option<(Ticket, Queued)> {
        let (first, _) = self.waiting.iter().enumerate().min_by_key(|(_, (rank, ..))| *rank)?;
        let (_, ticket, item) = self.waiting.remove(first);
        Some((ticket, item))
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Queued> {
        let at = self.waiting.iter().position(|(_, other, _)| *other == ticket)?;
        Some(self.waiting.remove(at).2)
    }

    fn len(&self) -> usize {
        self.waiting.len()
    }
}
