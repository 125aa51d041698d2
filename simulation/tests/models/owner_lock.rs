// A link between its task and the callers that write in its place: what is queued is written once, and the task is woken for
// all that is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering::SeqCst};
use loom::thread;

use crate::primitives::outbox::{FifoQueue, Outbox, Ticket};
use crate::primitives::owner_lock::OwnerLock;
use crate::{STUCK, Woken, beside, block_on_woken, check};

type Written = Vec<(Ticket, u32)>;

/// A writer, and what others tell it.
struct Link {
    outbox: Outbox<u32>,
    written: OwnerLock<Written>,
    /// What the writer looks at beside its queue.
    readable: AtomicBool,
    woken: Arc<Woken>,
}

impl Link {
    fn new() -> Arc<Self> {
        let (outbox, written) = (Outbox::new(Box::new(FifoQueue::default())), OwnerLock::default());
        Arc::new(Self { outbox, written, readable: AtomicBool::new(false), woken: Woken::new() })
    }

    /// Writes what is queued and parks; whether the writer can rest.
    fn write(&self, written: &mut Written, cx: &mut Context<'_>) -> bool {
        self.outbox.pop_batch(written, usize::MAX, |_| 1);
        self.outbox.park_writer(cx, false)
    }

    /// Queues an item, and writes it in the place of the writer if that rests. The writer is woken behind the last of `all`.
    fn push(&self, item: u32, all: usize) {
        let write = |writer: &Waker| {
            let mut cx = Context::from_waker(writer);
            self.written.borrow(|written| self.write(written, &mut cx) && written.len() < all)
        };
        self.outbox.push_and_write(Ticket(item.into()), item, write).unwrap();
    }

    /// Waits as a link's task does, which may be polled at any time, until `is_over`.
    fn drive(&self, is_over: impl Fn(&Written) -> bool) {
        block_on_woken(&self.woken, |cx| {
            let turn = |written: &mut Written| {
                loop {
                    let rests = self.write(written, cx);
                    if is_over(written) {
                        return Poll::Ready(());
                    }
                    if rests {
                        return Poll::Pending;
                    }
                }
            };
            self.written.try_own(turn).unwrap_or(Poll::Pending)
        });
    }
}

/// Two push, and each writes in the place of the writer where that rests.
fn push_and_write_in_place() {
    let link = Link::new();
    let pushers = [1, 2].map(|item| {
        let link = Arc::clone(&link);
        thread::spawn(move || link.push(item, 2))
    });
    link.drive(|written| written.len() == 2);
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    let items: BTreeSet<u32> = link.written.own(|written| written.iter().map(|(_, item)| *item).collect());
    assert_eq!(items, BTreeSet::from([1, 2]), "each item once");
}

/// One pushes while something else comes for the writer: a nudge, or bytes to read, of which only its own task is told.
fn push_and_come(come: fn(&Link)) {
    let link = Link::new();
    let pusher = beside(&link, move |pushing| pushing.push(1, usize::MAX));
    let comer = beside(&link, move |coming| {
        coming.readable.store(true, SeqCst);
        come(coming);
    });
    link.drive(|_| link.readable.load(SeqCst));
    pusher.join().unwrap();
    comer.join().unwrap();
}

fn push_and_read() {
    push_and_come(|link| Arc::clone(&link.woken).wake());
}

#[test]
fn what_is_written_in_the_place_of_a_writer_is_written_once_and_leaves_nothing_behind() {
    check(2, push_and_write_in_place).catches("outbox: who does not write in place wakes nobody", STUCK);
}

#[test]
fn a_wish_reaches_a_writer_in_whose_place_another_writes() {
    check(2, || push_and_come(|link| link.outbox.nudge()));
}

#[test]
fn a_writer_reads_though_another_writes_in_its_place() {
    check(3, push_and_read)
        .catches("owner_lock: who gives back forgets the owner", STUCK)
        .catches("owner_lock: the owner looks only once", STUCK);
}
