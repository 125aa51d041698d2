//! Room for further channels on a dialer's connection.
//!
//! Two limits count: this side's own, which is known, and the peer's, which is learned. The peer raises its limit as
//! channels end, and that news takes a round trip at least. So a connection that has carried more channels at once than
//! it does now has room for one more, only a moment later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        let mut counts = self.lock();
        if counts.taken >= self.limit {
            return None;
        }
        counts.taken += 1;
        Some(Place { room: Arc::clone(self), is_open: false })
    }

    /// Whether the peer has let this side have more channels at once than are open now.
    pub(super) fn is_below_its_most(&self) -> bool {
        let counts = self.lock();
        counts.open < counts.most_open
    }

    /// Whether any channel was ever opened.
    pub(super) fn was_used(&self) -> bool {
        self.lock().most_open > 0
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The peer has allowed the channel.
    pub(super) fn opened(&mut self) {
        let mut counts = self.room.lock();
        self.is_open = true;
        counts.open += 1;
        counts.most_open = counts.most_open.max(counts.open);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.room.lock();
        counts.taken -= 1;
        counts.open -= usize::from(self.is_open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let room = Room::new(2);
        let places = [room.take().unwrap(), room.take().unwrap()];
        assert!(room.take().is_none());
        drop(places);
        assert!(room.take().is_some());
    }

    #[test]
    fn what_the_peer_once_allowed_it_is_expected_to_allow_again() {
        let room = Room::new(5);
        assert!(!room.was_used() && !room.is_below_its_most());
        let mut first = room.take().unwrap();
        first.opened();
        let waiting = room.take().unwrap();
        assert!(room.was_used() && !room.is_below_its_most(), "one that waits is none that was allowed");
        drop(first);
        assert!(room.is_below_its_most());
        drop(waiting);
        room.take().unwrap().opened();
        assert!(room.is_below_its_most());
    }
}
