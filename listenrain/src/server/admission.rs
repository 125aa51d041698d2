//! Admission control of requests: taken, waiting for room, or refused.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::Shared;
use super::peer::Peer;
use super::waiting::Accepted;
use crate::connection::Overflow;
use crate::primitives::budget::{Account, Place};

/// One request at a time on its way in. While it waits for room nothing else of its channel is decoded.
pub(super) struct Admission {
    places: Arc<Account>,
    memory: Arc<Account>,
    overflow: Overflow,
    /// The request at hand, with the room that it has so far.
    request: Option<Accepted>,
    /// Memory that its channel's read buffer keeps while it waits.
    kept: u64,
    /// Where it waits, for a place and then for memory.
    for_place: Place,
    for_memory: Place,
}

impl Admission {
    pub(super) fn new(shared: &Shared, peer: &Peer, can_refuse: bool) -> Self {
        Self {
            places: Arc::clone(&peer.places),
            memory: Arc::clone(&peer.memory),
            overflow: if can_refuse { shared.options.overflow } else { Overflow::Wait },
            request: None,
            kept: 0,
            for_place: Place::default(),
            for_memory: Place::default(),
        }
    }

    /// Whether what finds no room is refused, not made to wait.
    pub(super) fn refuses(&self) -> bool {
        self.overflow != Overflow::Wait
    }

    /// A request has come, with the memory that is accounted for it already, beside what its channel's read buffer `kept`:
    /// returned where there is room. An error is the id of one that is refused.
    #[inline]
    pub(super) fn offer(&mut self, mut request: Accepted, kept: u64) -> Result<Option<Accepted>, u64> {
        let id = request.id;
        self.kept = kept;
        request.room.place = self.places.try_acquire(1);
        let has_room = request.room.place.is_some() && self.try_memory(&mut request);
        if has_room {
            return Ok(Some(request));
        }
        if self.refuses() {
            return Err(id);
        }
        self.request = Some(request);
        Ok(None)
    }

    #[inline]
    fn try_memory(&self, request: &mut Accepted) -> bool {
        let bytes = weight(request);
        match &mut request.room.memory {
            Some(memory) => memory.units() >= bytes || memory.try_grow_to(bytes),
            memory => {
                *memory = self.memory.try_acquire_beside(bytes, self.kept);
                memory.is_some()
            }
        }
    }

    /// Ready when there is room for the request at hand, or none is at hand.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(request) = &mut self.request else { return Poll::Ready(()) };
        if request.room.place.is_none() {
            let Poll::Ready(place) = self.places.poll_acquire(&mut self.for_place, 1, cx) else {
                return Poll::Pending;
            };
            // Nobody closes the limits of a server: its channels end before.
            request.room.place = place.ok();
        }
        let bytes = weight(request);
        match &mut request.room.memory {
            Some(memory) if memory.units() >= bytes => {}
            Some(memory) => {
                if memory.poll_grow_to(&mut self.for_memory, bytes, cx).is_pending() {
                    return Poll::Pending;
                }
            }
            memory => {
                let acquired = self.memory.poll_acquire_beside(&mut self.for_memory, bytes, self.kept, cx);
                let Poll::Ready(acquired) = acquired else { return Poll::Pending };
                *memory = acquired.ok();
            }
        }
        Poll::Ready(())
    }

    /// The request at hand, once it has its room.
    pub(super) fn take(&mut self) -> Option<Accepted> {
        let has_room = |request: &mut Accepted| {
            let memory = request.room.memory.as_ref();
            request.room.place.is_some() && memory.is_some_and(|memory| memory.units() >= weight(request))
        };
        self.request.take_if(has_room)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.request.is_none()
    }

    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.request.as_ref()?.ends_at
    }

    /// The request at hand, if its deadline has passed.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Accepted> {
        self.ends_at().filter(|ends_at| *ends_at <= now)?;
        self.withdraw()
    }

    /// The request at hand waits no longer.
    pub(super) fn withdraw(&mut self) -> Option<Accepted> {
        self.places.leave(&mut self.for_place);
        self.memory.leave(&mut self.for_memory);
        self.request.take()
    }
}

/// What a request takes up in memory, until its answer does.
fn weight(request: &Accepted) -> u64 {
    request.payload.len() as u64
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.withdraw();
    }
}
