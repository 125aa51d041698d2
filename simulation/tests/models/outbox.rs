// LR08, LR11: nothing that is queued is lost or given twice, and a writer that waits always learns of what came: a
// packet, a close, or a change elsewhere that it was nudged for.

use std::sync::Arc;
use std::task::{Context, Poll};

use loom::sync::atomic::{AtomicBool, Ordering::SeqCst};
use loom::thread;

use crate::primitives::outbox::{FifoQueue, Outbox, Ticket};
use crate::{STUCK, block_on, check, check_catches};

fn outbox() -> Arc<Outbox<u32>> {
    Arc::new(Outbox::new(Box::new(FifoQueue::default())))
}

/// Pops as a link does: parks only when nothing has come. `None` once closed.
fn pop(outbox: &Outbox<u32>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
    loop {
        let mut batch = Vec::new();
        outbox.pop_batch(&mut batch, 1, |_| 1);
        if let Some((_, item)) = batch.pop() {
            return Poll::Ready(Some(item));
        }
        if outbox.is_closed() {
            return Poll::Ready(None);
        }
        if outbox.park_writer(cx, false) {
            return Poll::Pending;
        }
    }
}

fn push_and_park() {
    let outbox = outbox();
    let pushing = Arc::clone(&outbox);
    let pusher = thread::spawn(move || pushing.push(Ticket(1), 1).unwrap());
    assert_eq!(block_on(|cx| pop(&outbox, cx)), Some(1));
    pusher.join().unwrap();
}

/// Each item is popped, handed back by the close, or refused by the push: one of these, once.
fn push_close_and_pop() {
    let outbox = outbox();
    let pushing = Arc::clone(&outbox);
    let pusher = thread::spawn(move || {
        let refused = (1..=2).filter_map(|item| pushing.push(Ticket(item.into()), item).err());
        refused.collect::<Vec<_>>()
    });
    let closing = Arc::clone(&outbox);
    let closer = thread::spawn(move || closing.close().into_iter().map(|(_, item)| item).collect::<Vec<_>>());
    let mut seen: Vec<u32> = std::iter::from_fn(|| block_on(|cx| pop(&outbox, cx))).collect();
    seen.extend(closer.join().unwrap());
    seen.extend(pusher.join().unwrap());
    assert_eq!(seen, [1, 2], "each item once, in order");
    assert_eq!(outbox.len(), 0);
}

/// A writer that also looks at something else, as a link looks at whether all is answered.
fn nudge_and_park() {
    let outbox = outbox();
    let answered = Arc::new(AtomicBool::new(false));
    let (nudging, answering) = (Arc::clone(&outbox), Arc::clone(&answered));
    let answerer = thread::spawn(move || {
        answering.store(true, SeqCst);
        nudging.nudge();
    });
    block_on(|cx| {
        loop {
            if answered.load(SeqCst) {
                return Poll::Ready(());
            }
            if outbox.park_writer(cx, true) {
                return Poll::Pending;
            }
        }
    });
    answerer.join().unwrap();
}

#[test]
fn a_push_wakes_the_writer() {
    check(3, push_and_park);
}

#[test]
fn a_push_that_forgets_the_writer_is_caught() {
    check_catches("outbox: push forgets the writer", STUCK, 3, push_and_park);
}

#[test]
fn a_writer_that_parks_on_a_full_queue_is_caught() {
    check_catches("outbox: the writer parks on a full queue", STUCK, 3, push_and_park);
}

#[test]
fn each_item_has_one_end_whatever_closes() {
    check(2, push_close_and_pop);
}

#[test]
fn a_close_that_leaves_the_queue_is_caught() {
    let mutant = "outbox: a push after the close is queued";
    check_catches(mutant, "each item once", 2, push_close_and_pop);
}

#[test]
fn a_nudge_is_seen_however_late_the_writer_parks() {
    check(3, nudge_and_park);
}

#[test]
fn a_nudge_that_is_forgotten_is_caught() {
    let mutant = "outbox: a nudge that finds nobody is forgotten";
    check_catches(mutant, STUCK, 3, nudge_and_park);
}
