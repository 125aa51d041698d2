//! How much may be in flight.

use std::sync::Arc;

use listenrain::{CallError, Overflow, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::flaw::{Faulty, Flaw};
use crate::scenario::ClientSetup;

/// Room for requests and their bytes.
#[derive(Debug)]
pub(super) struct Budget {
    requests: Room,
    bytes: Room,
    when_full: Overflow,
}

#[derive(Debug)]
struct Room {
    all: usize,
    left: Arc<Semaphore>,
}

impl Room {
    fn new(all: usize) -> Self {
        Self { all, left: Arc::new(Semaphore::new(all)) }
    }

    /// Room for `count`, or all of it where that is less.
    async fn take(&self, count: usize, when_full: Overflow) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count.min(self.all)).unwrap_or(u32::MAX);
        match when_full {
            Overflow::Wait => self.left.clone().acquire_many_owned(count).await.ok(),
            _ => self.left.clone().try_acquire_many_owned(count).ok(),
        }
    }

    fn used(&self) -> u64 {
        (self.all - self.left.available_permits()) as u64
    }
}

/// The room of one request, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Permit {
    /// It is never given back.
    pub(super) fn lose(self) {
        self.0.forget();
        self.1.forget();
    }
}

impl Budget {
    pub(super) fn new(setup: &ClientSetup, faulty: Faulty) -> Self {
        let most = |limit| if faulty.has(Flaw::NoLimit) { Semaphore::MAX_PERMITS } else { limit };
        Self {
            requests: Room::new(most(setup.requests)),
            bytes: Room::new(most(setup.bytes)),
            when_full: setup.when_full,
        }
    }

    /// Waits for room for a request of `bytes`, unless there is none to be waited for.
    pub(super) async fn enter(&self, bytes: usize) -> Result<Permit, CallError> {
        let requests = self.requests.take(1, self.when_full).await.ok_or_else(|| self.refused(bytes))?;
        let room = self.bytes.take(bytes, self.when_full).await.ok_or_else(|| self.refused(bytes))?;
        Ok(Permit(requests, room))
    }

    fn refused(&self, bytes: usize) -> CallError {
        CallError::Refused(match self.requests.left.is_closed() {
            true => Refusal::Closed,
            false => Refusal::Full {
                count: self.requests.used() as usize,
                max_count: self.requests.all,
                bytes,
                max_bytes: self.bytes.all,
            },
        })
    }

    /// Nobody is let in any more.
    pub(super) fn close(&self) {
        self.requests.left.close();
        self.bytes.left.close();
    }

    /// Requests and bytes in flight.
    pub(super) fn used(&self) -> (u64, u64) {
        (self.requests.used(), self.bytes.used())
    }
}
