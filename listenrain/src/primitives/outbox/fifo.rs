//! Send queues: the trait of their order, and the FIFO queue.

use std::collections::{BTreeMap, VecDeque};

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
/// ends at its deadline; giving an item twice is more than safe code can do. A queue that panics ends its channel.
///
/// # Contract
///
/// 1. What was pushed is popped once, unless it was removed.
/// 2. [`len`](Self::len) counts what a [`pop`](Self::pop) could still give.
/// 3. None takes longer than logarithmic time: callers give up by the thousand.
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

    /// Gives back memory that it does not need for what waits: nothing has been written for a while. By default it keeps it.
    fn shrink(&mut self) {}
}

/// The default queue: first in, first out.
#[derive(Debug)]
pub struct FifoQueue<T> {
    /// `None` where an item was removed; never so at either end.
    items: VecDeque<Option<(Ticket, T)>>,
    len: usize,
    /// The number of the first item. Numbers go on from it, and wrap around.
    first: u64,
    /// The number of each ticket, from the first time that a long queue is searched until it is empty.
    index: Option<BTreeMap<Ticket, u64>>,
}

/// A shorter queue is searched from end to end.
const SHORT: usize = 32;

impl<T> Default for FifoQueue<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), len: 0, first: 0, index: None }
    }
}

impl<T> FifoQueue<T> {
    /// Where in the queue the item of `ticket` stands.
    fn find(&mut self, ticket: Ticket) -> Option<usize> {
        let is_it = |item: &Option<(Ticket, T)>| item.as_ref().is_some_and(|(other, _)| *other == ticket);
        if self.items.len() <= SHORT {
            return self.items.iter().position(is_it);
        }
        let (items, first) = (&self.items, self.first);
        let index = self.index.get_or_insert_with(|| {
            let numbered = items.iter().enumerate().filter_map(|(at, item)| {
                item.as_ref().map(|(ticket, _)| (*ticket, first.wrapping_add(at as u64)))
            });
            // Of several items of one ticket the first counts: it is entered last.
            numbered.rev().collect()
        });
        let at = index.get(&ticket)?.wrapping_sub(self.first) as usize;
        self.items.get(at).is_some_and(is_it).then_some(at)
    }

    fn enter(&mut self, ticket: Ticket, number: u64) {
        if let Some(index) = &mut self.index {
            index.insert(ticket, number);
        }
        self.len += 1;
    }

    fn forget(&mut self, ticket: Ticket) {
        if let Some(index) = &mut self.index {
            index.remove(&ticket);
        }
        self.len -= 1;
        if self.items.len() > self.len {
            self.trim();
        }
        if self.len == 0 {
            self.index = None;
        }
    }

    /// After an item was removed: neither end is a gap, and gaps do not take up more than what is left.
    fn trim(&mut self) {
        while self.items.front().is_some_and(Option::is_none) {
            self.items.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        while self.items.back().is_some_and(Option::is_none) {
            self.items.pop_back();
        }
        if self.items.len() > 2 * self.len + SHORT {
            self.close_gaps();
        }
    }

    /// So that removed items do not take up more than those that are left.
    fn close_gaps(&mut self) {
        self.items.retain(Option::is_some);
        self.index = None;
    }
}

impl<T: Send> SendQueue<T> for FifoQueue<T> {
    fn push(&mut self, ticket: Ticket, item: T) {
        let number = self.first.wrapping_add(self.items.len() as u64);
        self.items.push_back(Some((ticket, item)));
        self.enter(ticket, number);
    }

    fn push_front(&mut self, ticket: Ticket, item: T) {
        self.first = self.first.wrapping_sub(1);
        self.items.push_front(Some((ticket, item)));
        self.enter(ticket, self.first);
    }

    fn pop(&mut self) -> Option<(Ticket, T)> {
        let (ticket, item) = self.items.pop_front()??;
        self.first = self.first.wrapping_add(1);
        self.forget(ticket);
        Some((ticket, item))
    }

    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let at = self.find(ticket)?;
        let (_, item) = self.items.get_mut(at)?.take()?;
        self.forget(ticket);
        Some(item)
    }

    fn len(&self) -> usize {
        self.len
    }

    fn shrink(&mut self) {
        self.items.shrink_to_fit();
    }
}
