//! Ordering of answers: in the order of their requests, for protocols without ids.

use std::collections::BTreeMap;

use crate::primitives::outbox::{Outbox, Ticket};
use crate::queued::Queued;
use crate::sync::{Mutex, lock};

/// Holds an answer back until all before it have been given. The permits that answers carry bound it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The turn of the next request.
    next: u64,
    /// The turn whose answer goes out next.
    due: u64,
    early: BTreeMap<u64, Queued>,
}

impl Turns {
    /// The turn of the request that has just come.
    pub(super) fn take(&self) -> u64 {
        let mut inner = lock(&self.inner);
        inner.next += 1;
        inner.next - 1
    }

    /// Queues the answer of `turn` and those that waited for it; `false` once `outbox` is closed.
    pub(super) fn push(&self, turn: u64, answer: Queued, outbox: &Outbox<Queued>) -> bool {
        let mut inner = lock(&self.inner);
        if outbox.is_closed() {
            return false;
        }
        inner.early.insert(turn, answer);
        loop {
            let due = inner.due;
            let Some(answer) = inner.early.remove(&due) else {
                return true;
            };
            inner.due += 1;
            if outbox.push(Ticket(0), answer).is_err() {
                return false;
            }
        }
    }

    /// The channel is over.
    pub(super) fn clear(&self) {
        let early = std::mem::take(&mut lock(&self.inner).early);
        drop(early);
    }
}
