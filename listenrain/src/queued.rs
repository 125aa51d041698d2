//! Entries of a send queue, and the one place where a queue is called.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use crate::guard::{Foreign, drop_guarded, guard};
use crate::packet::{Kind, Packet};
use crate::primitives::budget::Permit;
use crate::primitives::outbox::{FifoQueue, SendQueue, Ticket};
use crate::sync::{Mutex, lock};

/// A packet that waits to be written, with the room it takes up. A queue may look at it, not into it.
///
/// It lies on the heap, since it changes hands some ten times on its way and is 120 bytes long.
pub struct Queued(pub(crate) Box<Parts>);

pub(crate) struct Parts {
    pub(crate) packet: Packet,
    /// When its sender stops waiting; becomes the packet's relative deadline at the moment of writing.
    pub(crate) deadline: Option<Instant>,
    /// A place in line and memory, which are given back once it is written, or dropped.
    pub(crate) room: Room,
}

/// What a request, or the answer to one, takes up until it is written.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) place: Option<Permit>,
    pub(crate) memory: Option<Permit>,
}

impl Room {
    /// Accounts for `bytes`, be there room or not: they are here.
    pub(crate) fn grow_to(&mut self, bytes: usize) {
        if let Some(memory) = &mut self.memory {
            memory.grow_to(bytes as u64);
        }
    }

    /// Takes up what `other` takes up too, to be given back in one.
    #[inline]
    pub(crate) fn merge(&mut self, other: &mut Self) {
        merge(&mut self.place, &mut other.place);
        merge(&mut self.memory, &mut other.memory);
    }
}

#[inline]
fn merge(into: &mut Option<Permit>, other: &mut Option<Permit>) {
    match (into, other.take()) {
        (Some(into), Some(other)) => into.merge(other),
        (into, Some(other)) => *into = Some(other),
        (_, None) => {}
    }
}

impl Queued {
    /// A packet of the library's own, such as a ping or a refusal, which takes up no place and no memory of a limit.
    pub(crate) fn new(packet: Packet) -> Self {
        Self::with_room(packet, None, Room::default())
    }

    /// A packet of a user's, with the place and memory that it takes up.
    #[inline]
    pub(crate) fn with_room(packet: Packet, deadline: Option<Instant>, room: Room) -> Self {
        Self(Box::new(Parts { packet, deadline, room }))
    }

    /// What kind of packet.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.packet.kind
    }

    /// Bytes of its payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.packet.payload.len()
    }

    /// Whether its payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Queued {
    /// What owns the bytes of a payload may be the user's.
    fn drop(&mut self) {
        drop_guarded(std::mem::take(&mut self.0.packet.payload));
    }
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued").field("kind", &self.kind()).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Makes the queue of one lane or accepted channel.
pub(crate) type NewQueue = dyn Fn() -> Box<dyn SendQueue<Queued>> + Send + Sync;

/// A queue that is replaced by a fresh one when it panics. What stood in it is lost then, and its fault tells so.
pub(crate) struct GuardedQueue {
    queue: Foreign<Box<dyn SendQueue<Queued>>>,
    new: Arc<NewQueue>,
    fault: Arc<QueueFault>,
}

/// Tells that a queue has panicked.
#[derive(Debug, Default)]
pub(crate) struct QueueFault {
    is_there: AtomicBool,
    /// The queue is to be replaced before it is used again.
    replaces: AtomicBool,
    panic: Mutex<Option<String>>,
}

impl GuardedQueue {
    pub(crate) fn new(new: &Arc<NewQueue>) -> (Self, Arc<QueueFault>) {
        let fault = Arc::<QueueFault>::default();
        let queue = Foreign::new(fresh(&**new, &fault));
        (Self { queue, new: Arc::clone(new), fault: Arc::clone(&fault) }, fault)
    }

    #[inline]
    fn run<T>(&mut self, run: impl FnOnce(&mut dyn SendQueue<Queued>) -> T) -> Option<T> {
        if self.fault.replaces.load(Ordering::Acquire) {
            self.replace();
        }
        guard(|| run(&mut **self.queue)).map_err(|panic| self.fault.tell(panic)).ok()
    }

    #[cold]
    fn replace(&mut self) {
        if self.fault.replaces.swap(false, Ordering::AcqRel) {
            self.queue = Foreign::new(fresh(&*self.new, &self.fault));
        }
    }

    #[inline]
    fn look<T>(&self, look: impl FnOnce(&dyn SendQueue<Queued>) -> T) -> Option<T> {
        guard(|| look(&**self.queue)).map_err(|panic| self.fault.tell(panic)).ok()
    }
}

fn fresh(new: &NewQueue, fault: &QueueFault) -> Box<dyn SendQueue<Queued>> {
    guard(new).unwrap_or_else(|panic| {
        fault.tell(panic);
        fault.replaces.store(false, Ordering::Release);
        Box::new(FifoQueue::default())
    })
}

impl QueueFault {
    fn tell(&self, panic: String) {
        *lock(&self.panic) = Some(panic);
        self.replaces.store(true, Ordering::Release);
        self.is_there.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// What the queue has panicked with.
    #[cold]
    pub(crate) fn look(&self) -> Option<String> {
        lock(&self.panic).clone()
    }

    /// As [`look`](Self::look), once.
    #[inline]
    pub(crate) fn take(&self) -> Option<String> {
        if !self.is_there() {
            return None;
        }
        self.is_there.store(false, Ordering::Release);
        lock(&self.panic).take()
    }
}

impl SendQueue<Queued> for GuardedQueue {
    fn push(&mut self, ticket: Ticket, item: Queued) {
        self.run(|queue| queue.push(ticket, item));
    }

    fn push_front(&mut self, ticket: Ticket, item: Queued) {
        self.run(|queue| queue.push_front(ticket, item));
    }

    fn pop(&mut self) -> Option<(Ticket, Queued)> {
        self.run(|queue| queue.pop()).flatten()
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Queued> {
        self.run(|queue| queue.remove(ticket)).flatten()
    }

    fn len(&self) -> usize {
        self.look(|queue| queue.len()).unwrap_or(0)
    }

    fn shrink(&mut self) {
        self.run(|queue| queue.shrink());
    }
}
