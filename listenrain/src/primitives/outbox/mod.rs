//! The outbox of a lane: packets that wait to be written, and the writer that waits for them.

mod fifo;

use std::task::{Context, Waker};

pub use self::fifo::{FifoQueue, SendQueue, Ticket};
use crate::sync::{AtomicU64, Mutex, Ordering, lock, mutant};

/// A queue, its writer's waker, and whether it still takes anything.
pub(crate) struct Outbox<T> {
    inner: Mutex<Inner<T>>,
    /// How many items wait: changes under the lock alone.
    len: AtomicU64,
    /// 1 while a writer is parked.
    parked: AtomicU64,
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
        let inner = Mutex::new(Inner { queue, writer: None, nudged: false, closed: false });
        Self { inner, len: AtomicU64::new(0), parked: AtomicU64::new(0) }
    }

    /// Queues an item and wakes the writer; gives the item back once closed.
    pub(crate) fn push(&self, ticket: Ticket, item: T) -> Result<(), T> {
        self.push_and_write(ticket, item, |_| false)
    }

    /// As [`push`](Self::push), but where the writer is parked `write` is called with its waker first, and may do the writer's
    /// work: write what is queued, and park the writer again under that waker. Only if it returns `false` the writer is woken.
    pub(crate) fn push_and_write(
        &self,
        ticket: Ticket,
        item: T,
        write: impl FnOnce(&Waker) -> bool,
    ) -> Result<(), T> {
        let mut inner = lock(&self.inner);
        if inner.closed && !mutant("outbox: a push after the close is queued") {
            return Err(item);
        }
        inner.queue.push(ticket, item);
        self.note_len(&inner);
        let writer = if mutant("outbox: push forgets the writer") { None } else { inner.writer.take() };
        drop(inner);
        if let Some(writer) = writer
            && !write(&writer)
            && !mutant("outbox: who does not write in place wakes nobody")
        {
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
        self.note_len(&inner);
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
        // A writer that is at work already finds what comes meanwhile when it parks, at the latest.
        if self.len() == 0 && self.parked.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut inner = lock(&self.inner);
        inner.writer = None;
        self.parked.store(0, Ordering::Release);
        let (mut weight, mut left) = (0, self.len());
        if left == 0 {
            return;
        }
        while weight < enough && left > 0 {
            let Some((ticket, item)) = inner.queue.pop() else {
                // Whatever it says of its length, the writer has to wait for the next push.
                self.len.store(0, Ordering::Release);
                return;
            };
            weight += weigh(&item);
            into.push((ticket, item));
            left -= 1;
        }
        self.note_len(&inner);
    }

    /// Parks the writer until the next push or nudge; `false` when it was nudged since it last parked, or when something
    /// has come meanwhile, unless the writer is `clogged` and could not take it.
    pub(crate) fn park_writer(&self, cx: &mut Context<'_>, clogged: bool) -> bool {
        let mut inner = lock(&self.inner);
        if std::mem::take(&mut inner.nudged) {
            return false;
        }
        if !clogged && self.len() > 0 && !mutant("outbox: the writer parks on a full queue") {
            return false;
        }
        match &mut inner.writer {
            Some(writer) => writer.clone_from(cx.waker()),
            writer => *writer = Some(cx.waker().clone()),
        }
        self.parked.store(1, Ordering::Release);
        true
    }

    pub(crate) fn remove(&self, ticket: Ticket) -> Option<T> {
        let mut inner = lock(&self.inner);
        let removed = inner.queue.remove(ticket);
        self.note_len(&inner);
        removed
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
        self.note_len(&inner);
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
        let empty = self.len() == 0;
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
        let drained = std::iter::from_fn(|| inner.queue.pop()).take(most).collect();
        self.note_len(&inner);
        drained
    }

    /// Gives back the memory of what does not wait.
    pub(crate) fn shrink(&self) {
        lock(&self.inner).queue.shrink();
    }

    /// Items that wait. Cheap, and what a moment ago was true.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire) as usize
    }

    #[inline]
    fn note_len(&self, inner: &Inner<T>) {
        self.len.store(inner.queue.len() as u64, Ordering::Release);
    }
}
