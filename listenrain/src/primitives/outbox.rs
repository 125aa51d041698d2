//! What waits to be written on one lane, and the writer that waits for it.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use crate::sync::{Mutex, lock, mutant};

/// Names an item of a queue, so that it can be found again when its call ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// A ticket of one's own, to test a queue with. The library's are never 0, save for packets that belong to no call.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// What tells it from other tickets.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }
}

/// Packets waiting to be written, in the order of the implementor's choice.
///
/// The library keeps the permits and the limits: a queue only orders and stores. The call of an item that a queue loses
/// ends at its deadline; giving an item twice is more than safe code can do.
///
/// # Contract
///
/// 1. What was pushed is popped once, unless it was removed.
/// 2. [`len`](Self::len) counts what a [`pop`](Self::pop) could still give.
#[doc(alias = "Queue")]
pub trait SendQueue<T>: Send {
    /// Takes an item in.
    fn push(&mut self, ticket: Ticket, item: T);

    /// Takes an item in that was popped before and could not be written: it goes before all others.
    fn push_front(&mut self, ticket: Ticket, item: T);

    /// Gives the next item.
    fn pop(&mut self) -> Option<(Ticket, T)>;

    /// Gives the item of `ticket`, wherever it stands.
    fn remove(&mut self, ticket: Ticket) -> Option<T>;

    /// How many items wait.
    fn len(&self) -> usize;

    /// Whether none waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The default queue: first in, first out.
#[derive(Debug)]
pub struct FifoQueue<T>(VecDeque<(Ticket, T)>);

impl<T> Default for FifoQueue<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Send> SendQueue<T> for FifoQueue<T> {
    fn push(&mut self, ticket: Ticket, item: T) {
        self.0.push_back((ticket, item));
    }

    fn push_front(&mut self, ticket: Ticket, item: T) {
        self.0.push_front((ticket, item));
    }

    fn pop(&mut self) -> Option<(Ticket, T)> {
        self.0.pop_front()
    }

    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let at = self.0.iter().position(|(other, _)| *other == ticket)?;
        self.0.remove(at).map(|(_, item)| item)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// A queue, its writer's waker, and whether it still takes anything.
pub(crate) struct Outbox<T> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    queue: Box<dyn SendQueue<T>>,
    writer: Option<Waker>,
    /// A nudge or a close has found no writer parked: it looks once more before it parks.
    nudged: bool,
    closed: bool,
}

impl<T> Inner<T> {
    /// The writer to wake, or a note that it was to be woken: what changed elsewhere may have changed just after it
    /// looked.
    fn nudge(&mut self) -> Option<Waker> {
        let writer = self.writer.take();
        self.nudged = writer.is_none() && !mutant("outbox: a nudge that finds nobody is forgotten");
        writer
    }
}

impl<T> std::fmt::Debug for Outbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> Outbox<T> {
    pub(crate) fn new(queue: Box<dyn SendQueue<T>>) -> Self {
        Self { inner: Mutex::new(Inner { queue, writer: None, nudged: false, closed: false }) }
    }

    /// Queues an item and wakes the writer; gives the item back once closed.
    pub(crate) fn push(&self, ticket: Ticket, item: T) -> Result<(), T> {
        let mut inner = lock(&self.inner);
        if inner.closed && !mutant("outbox: a push after the close is queued") {
            return Err(item);
        }
        inner.queue.push(ticket, item);
        let writer = if mutant("outbox: push forgets the writer") { None } else { inner.writer.take() };
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
        Ok(())
    }

    /// Puts items that were popped and not written before all others, in their order; gives them back once closed. The
    /// writer of the next channel may be parked already: it is woken.
    pub(crate) fn push_back_unwritten(&self, items: Vec<(Ticket, T)>) -> Vec<(Ticket, T)> {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return items;
        }
        for (ticket, item) in items.into_iter().rev() {
            inner.queue.push_front(ticket, item);
        }
        let writer = inner.writer.take().filter(|_| !mutant("outbox: what is put back wakes nobody"));
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
        Vec::new()
    }

    /// Pops items until they weigh at least `enough`. The writer is at work from here on, and is not woken by pushes
    /// until it parks again.
    pub(crate) fn pop_batch(&self, into: &mut Vec<(Ticket, T)>, enough: usize, weigh: impl Fn(&T) -> usize) {
        let mut inner = lock(&self.inner);
        inner.writer = None;
        let mut weight = 0;
        while weight < enough {
            let Some((ticket, item)) = inner.queue.pop() else {
                return;
            };
            weight += weigh(&item);
            into.push((ticket, item));
        }
    }

    /// Parks the writer until the next push or nudge; `false` when it was nudged since it last parked, or when something
    /// has come meanwhile, unless the writer is `clogged` and could not take it.
    pub(crate) fn park_writer(&self, cx: &mut Context<'_>, clogged: bool) -> bool {
        let mut inner = lock(&self.inner);
        if std::mem::take(&mut inner.nudged) {
            return false;
        }
        if !clogged && !inner.queue.is_empty() && !mutant("outbox: the writer parks on a full queue") {
            return false;
        }
        inner.writer = Some(cx.waker().clone());
        true
    }

    pub(crate) fn remove(&self, ticket: Ticket) -> Option<T> {
        lock(&self.inner).queue.remove(ticket)
    }

    /// Wakes the writer, to look at what else has changed.
    pub(crate) fn nudge(&self) {
        let writer = lock(&self.inner).nudge();
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Takes nothing any more; gives what was queued and not popped. Idempotent.
    pub(crate) fn close(&self) -> Vec<(Ticket, T)> {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let rest = std::iter::from_fn(|| inner.queue.pop()).collect();
        let writer = inner.nudge();
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
        rest
    }

    /// Takes nothing any more if nothing is queued, and says whether it is closed: looked at and closed in one step, so
    /// that each item is either refused or seen by the writer that finishes.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut inner = lock(&self.inner);
        let empty = inner.queue.is_empty();
        if mutant("outbox: a finish looks and closes under two locks") {
            drop(inner);
            inner = lock(&self.inner);
        }
        inner.closed |= empty;
        inner.closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.inner).closed
    }

    /// Empties the queue without closing it.
    pub(crate) fn drain(&self) -> Vec<(Ticket, T)> {
        let mut inner = lock(&self.inner);
        let most = if mutant("outbox: a drain takes only the first") { 1 } else { usize::MAX };
        std::iter::from_fn(|| inner.queue.pop()).take(most).collect()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.inner).queue.len()
    }
}
