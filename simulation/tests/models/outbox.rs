// LR08, LR11: nothing that is queued is lost or given twice, and a writer that waits always learns of what came: a
// packet, a close, or a change elsewhere that it was nudged for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use loom::sync::atomic::{AtomicBool, Ordering::SeqCst};
use loom::thread;

use crate::primitives::budget::{Account, Permit};
use crate::primitives::outbox::{FifoQueue, Outbox, Ticket};
use crate::{STUCK, beside, block_on, check};

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
    let pusher = beside(&outbox, move |pushing| pushing.push(Ticket(1), 1).unwrap());
    assert_eq!(block_on(|cx| pop(&outbox, cx)), Some(1));
    pusher.join().unwrap();
}

/// Each item is popped, handed back by the close, or refused by the push: one of these, once.
fn push_close_and_pop() {
    let outbox = outbox();
    let pusher = beside(&outbox, move |pushing| {
        let refused = (1..=2).filter_map(|item| pushing.push(Ticket(item.into()), item).err());
        refused.collect::<Vec<_>>()
    });
    let closer =
        beside(&outbox, move |closing| closing.close().into_iter().map(|(_, item)| item).collect::<Vec<_>>());
    let mut seen: Vec<u32> = std::iter::from_fn(|| block_on(|cx| pop(&outbox, cx))).collect();
    seen.extend(closer.join().unwrap());
    seen.extend(pusher.join().unwrap());
    assert_eq!(seen, [1, 2], "each item once, in order");
    assert_eq!(outbox.len(), 0);
}

/// The room of each item goes along with it, and is back once it is written, refused or thrown away.
fn push_and_finish() {
    let account = Account::single(10);
    let outbox = Arc::new(Outbox::<(u32, Permit)>::new(Box::new(FifoQueue::default())));
    let (pushing, room) = (Arc::clone(&outbox), Arc::clone(&account));
    let pusher = thread::spawn(move || {
        let refused = (1..=2).filter_map(|item| {
            let permit = room.try_acquire(5).expect("there is room for two");
            pushing.push(Ticket(item.into()), (item, permit)).err().map(|(item, _)| item)
        });
        refused.collect::<Vec<_>>()
    });
    // As a link does that writes what is queued and then ends: it never parks, since it has something to do.
    let mut seen = Vec::new();
    while !outbox.close_if_empty() {
        let mut batch = Vec::new();
        outbox.pop_batch(&mut batch, 1, |_| 1);
        seen.extend(batch.into_iter().map(|(_, (item, _))| item));
    }
    seen.extend(pusher.join().unwrap());
    assert_eq!(seen, [1, 2], "each item once, in order");
    assert_eq!((outbox.len(), account.in_use()), (0, 0));
}

/// Items are taken out by a writer, and by one who gives them to another: each by one of them.
fn push_drain_and_pop() {
    let outbox = outbox();
    let pusher = beside(&outbox, move |pushing| {
        for item in 1..=2 {
            pushing.push(Ticket(item.into()), item).unwrap();
        }
    });
    let drainer = beside(&outbox, move |draining| draining.drain());
    let mut batch = Vec::new();
    outbox.pop_batch(&mut batch, 1, |_| 1);
    pusher.join().unwrap();
    batch.extend(drainer.join().unwrap());
    batch.extend(outbox.drain());
    let items: BTreeSet<u32> = batch.iter().map(|(_, item)| *item).collect();
    assert_eq!((batch.len(), items), (2, BTreeSet::from([1, 2])), "each item once");
    assert_eq!(outbox.len(), 0);
}

/// What one channel could not write, as the writer of the next one parks.
fn put_back_and_park() {
    let outbox = outbox();
    let putter = beside(&outbox, move |putting| {
        assert!(putting.push_back_unwritten(vec![(Ticket(1), 1), (Ticket(2), 2)]).is_empty());
    });
    let seen = [(); 2].map(|()| block_on(|cx| pop(&outbox, cx)));
    assert_eq!(seen, [Some(1), Some(2)], "in their order");
    putter.join().unwrap();
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
    check(3, push_and_park)
        .catches("outbox: push forgets the writer", STUCK)
        .catches("outbox: the writer parks on a full queue", STUCK);
}

#[test]
fn each_item_has_one_end_whatever_closes() {
    check(2, push_close_and_pop).catches("outbox: a push after the close is queued", "each item once");
}

#[test]
fn a_nudge_is_seen_however_late_the_writer_parks() {
    check(3, nudge_and_park).catches("outbox: a nudge that finds nobody is forgotten", STUCK);
}

#[test]
fn a_finish_loses_nothing_and_gives_all_room_back() {
    check(3, push_and_finish).catches("outbox: a finish looks and closes under two locks", "each item once");
}

#[test]
fn a_drain_loses_and_doubles_nothing() {
    check(3, push_drain_and_pop).catches("outbox: a drain takes only the first", "each item once");
}

#[test]
fn what_is_put_back_wakes_the_writer() {
    check(3, put_back_and_park).catches("outbox: what is put back wakes nobody", STUCK);
}
