// Callbacks beyond their executor's bound wait, and each is handed over once, whoever comes at the same time.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::thread;

use crate::check;
use crate::primitives::handover::Handover;

struct Executor {
    handover: Handover<u32>,
    under_way: AtomicUsize,
    handed_over: AtomicUsize,
}

impl Executor {
    fn push(self: &Arc<Self>, item: u32) {
        self.handover.push(item, |item| self.take(item));
    }

    /// Even items run at once, the others end when they are told to.
    fn take(self: &Arc<Self>, item: u32) {
        assert_eq!(self.under_way.fetch_add(1, SeqCst), 0, "more under way than the bound");
        self.handed_over.fetch_add(1, SeqCst);
        if item.is_multiple_of(2) {
            self.end();
        }
    }

    fn end(self: &Arc<Self>) {
        self.under_way.fetch_sub(1, SeqCst);
        self.handover.ended(|item| self.take(item));
    }
}

/// Two are pushed by others while one that was handed over ends.
fn push_push_and_end() {
    let executor = Arc::new(Executor {
        handover: Handover::new(1),
        under_way: AtomicUsize::new(0),
        handed_over: AtomicUsize::new(0),
    });
    executor.push(1);
    let pushers = [2, 4].map(|item| {
        let executor = Arc::clone(&executor);
        thread::spawn(move || executor.push(item))
    });
    executor.end();
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    assert_eq!(executor.handed_over.load(SeqCst), 3, "each is handed over");
}

#[test]
fn what_waits_is_handed_over_once_and_within_the_bound() {
    check(3, push_push_and_end)
        .catches("handover: the bound is not compared", "more under way than the bound")
        .catches("handover: the end of one hands over no other", "each is handed over");
}
