//! Stream limits: whether a dialer's connection has room for one more channel.
//!
//! Two limits count: this side's own, which is known, and the peer's, which is learned. The peer raises its limit as
//! channels end, and that news takes a round trip at least. So a connection that has carried more channels at once than
//! it does now has room for one more, only a moment later.

use std::sync::{Arc, Mutex};

use crate::locks::lock;

/// The channels of one connection.
#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: usize,
    open: usize,
    most_open: usize,
}

/// What one channel takes up. Dropping it gives that back.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    is_open: bool,
}

impl Room {
    /// Room for `limit` channels, as far as this side is concerned.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, counts: Mutex::default() })
    }

    /// A place for one more channel, unless this side's limit is reached.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut counts = lock(&self.counts);
        if counts.taken >= self.limit {
            return None;
        }
        counts.taken += 1;
        Some(Place { room: Arc::clone(self), is_open: false })
    }

    /// Whether the peer has let this side have more channels at once than are open now.
    pub(super) fn is_below_its_most(&self) -> bool {
        let counts = lock(&self.counts);
        counts.open < counts.most_open
    }

    /// Whether any channel was ever opened.
    pub(super) fn was_used(&self) -> bool {
        lock(&self.counts).most_open > 0
    }
}

impl Place {
    /// The peer has allowed the channel.
    pub(super) fn opened(&mut self) {
        let mut counts = lock(&self.room.counts);
        self.is_open = true;
        counts.open += 1;
        counts.most_open = counts.most_open.max(counts.open);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.room.counts);
        counts.taken -= 1;
        counts.open -= usize::from(self.is_open);
    }
}
