//! Requests of one channel that wait for a handler's place, in order.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::packet::Payload;
use crate::queued::Room;

/// A request that has come, with its room. Of its packet it has what is needed on: it is moved about, and up to 128 bytes are
/// moved without a call.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) id: u64,
    pub(super) payload: Payload,
    pub(super) is_call: bool,
    /// When its caller stops waiting, and when it ends for that reason, if it does.
    pub(super) deadline: Option<Instant>,
    pub(super) ends_at: Option<Instant>,
    pub(super) room: Room,
}

/// Requests in line: by number in the order in which they came, by id, and by deadline.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    last: u64,
    requests: BTreeMap<u64, Accepted>,
    by_id: BTreeSet<(u64, u64)>,
    by_deadline: BTreeSet<(Instant, u64)>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push(&mut self, request: Accepted) {
        self.last += 1;
        self.by_id.insert((request.id, self.last));
        if let Some(ends_at) = request.ends_at {
            self.by_deadline.insert((ends_at, self.last));
        }
        self.requests.insert(self.last, request);
    }

    pub(super) fn pop(&mut self) -> Option<Accepted> {
        let number = *self.requests.first_key_value()?.0;
        self.remove(number)
    }

    /// The oldest request of this id.
    pub(super) fn take(&mut self, id: u64) -> Option<Accepted> {
        let (_, number) = *self.by_id.range((id, 0)..=(id, u64::MAX)).next()?;
        self.remove(number)
    }

    /// A request whose deadline `now` has reached.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Accepted> {
        let (_, number) = *self.by_deadline.first().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(number)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    fn remove(&mut self, number: u64) -> Option<Accepted> {
        let request = self.requests.remove(&number)?;
        self.by_id.remove(&(request.id, number));
        if let Some(ends_at) = request.ends_at {
            self.by_deadline.remove(&(ends_at, number));
        }
        Some(request)
    }
}
