//! A send queue that lets the small go first.

use std::collections::VecDeque;

use listenrain::{Queued, SendQueue, Ticket};

use crate::used::Used;

/// What has a size. A queue sees no more of a packet than this, its kind and its ticket.
pub(crate) trait Weighed: Send {
    fn size(&self) -> usize;
}

impl Weighed for Queued {
    fn size(&self) -> usize {
        self.len()
    }
}

/// Gives the smallest first, those of one size in their order. Fair enough for a test: a large one may starve.
#[derive(Debug)]
pub(crate) struct SmallFirst<T> {
    unwritten: VecDeque<(Ticket, T)>,
    waiting: Vec<(Ticket, T)>,
    used: Used,
}

impl<T> SmallFirst<T> {
    pub(crate) fn new(used: &Used) -> Self {
        Self { unwritten: VecDeque::new(), waiting: Vec::new(), used: used.clone() }
    }
}

impl<T: Weighed> SendQueue<T> for SmallFirst<T> {
    fn push(&mut self, ticket: Ticket, item: T) {
        self.used.note("packets queued");
        self.waiting.push((ticket, item));
    }

    fn push_front(&mut self, ticket: Ticket, item: T) {
        self.unwritten.push_front((ticket, item));
    }

    fn pop(&mut self) -> Option<(Ticket, T)> {
        if let Some(unwritten) = self.unwritten.pop_front() {
            return Some(unwritten);
        }
        let sizes = self.waiting.iter().enumerate();
        let (smallest, _) = sizes.min_by_key(|(_, (_, item))| item.size())?;
        Some(self.waiting.remove(smallest))
    }

    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        if let Some(at) = self.unwritten.iter().position(|(other, _)| *other == ticket) {
            return self.unwritten.remove(at).map(|(_, item)| item);
        }
        let at = self.waiting.iter().position(|(other, _)| *other == ticket)?;
        Some(self.waiting.remove(at).1)
    }

    fn len(&self) -> usize {
        self.unwritten.len() + self.waiting.len()
    }
}

impl Weighed for usize {
    fn size(&self) -> usize {
        *self
    }
}

#[test]
fn the_small_go_first_and_what_could_not_be_written_before_all() {
    let mut queue = SmallFirst::new(&Used::default());
    for size in [300, 1, 20, 1000] {
        queue.push(Ticket::from_bits(size as u64), size);
    }
    queue.push_front(Ticket::from_bits(5000), 5000);
    assert_eq!(queue.remove(Ticket::from_bits(300)), Some(300));
    assert_eq!(queue.remove(Ticket::from_bits(300)), None);
    let order: Vec<usize> = std::iter::from_fn(|| queue.pop()).map(|(_, size)| size).collect();
    assert_eq!(order, [5000, 1, 20, 1000]);
}
