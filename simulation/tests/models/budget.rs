// LR10, LR22: what is in use never exceeds the limit, nobody in line is stuck, and all room comes back, also when one
// in line gives up at the moment at which it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

use loom::thread;

use crate::primitives::budget::{Budget, NoRoom, Place};
use crate::{STUCK, block_on, check, check_catches};

const LIMIT: usize = 10;

/// Waits for room, uses it, and gives it back.
fn use_room(budget: &Arc<Budget>, bytes: usize, users: &AtomicUsize) {
    let mut place = Place::default();
    let permit = block_on(|cx| budget.poll_acquire(&mut place, bytes, cx)).unwrap();
    assert_eq!(users.fetch_add(1, SeqCst), 0, "more in use than the limit");
    // Taking the lock lets the others run.
    let (count, in_use) = budget.in_use();
    // Room may be granted to the next before it is polled, but not before this one is given back.
    assert!(count == 1 && in_use == bytes, "more in use than the limit");
    users.fetch_sub(1, SeqCst);
    drop(permit);
}

fn acquire_and_release() {
    let budget = Budget::new(2, LIMIT);
    let users = Arc::new(AtomicUsize::new(0));
    // Two of these do not fit at once, in bytes; the larger is beyond the limit alone and is admitted alone.
    let others = [6, 11].map(|bytes| {
        let (budget, users) = (Arc::clone(&budget), Arc::clone(&users));
        thread::spawn(move || use_room(&budget, bytes, &users))
    });
    use_room(&budget, 7, &users);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(budget.in_use(), (0, 0), "all room is back");
}

fn release_and_leave() {
    let budget = Budget::new(1, LIMIT);
    let held = budget.try_acquire(1).unwrap();
    let (giving_up, waiting) = (Arc::clone(&budget), Arc::clone(&budget));
    let leaver = thread::spawn(move || {
        let mut place = Place::default();
        let polled = block_on(|cx| Poll::Ready(giving_up.poll_acquire(&mut place, 1, cx)));
        drop(polled);
        giving_up.leave(&mut place);
    });
    let waiter = thread::spawn(move || {
        let mut place = Place::default();
        drop(block_on(|cx| waiting.poll_acquire(&mut place, 1, cx)).unwrap());
    });
    drop(held);
    leaver.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(budget.in_use(), (0, 0), "all room is back");
    assert!(budget.try_acquire(LIMIT).is_some(), "nobody stands in line");
}

/// A close ends every wait, and granted room that nobody came for is given back.
fn release_and_close() {
    let budget = Budget::new(1, LIMIT);
    let held = budget.try_acquire(1).unwrap();
    let (waiting, closing) = (Arc::clone(&budget), Arc::clone(&budget));
    let waiter = thread::spawn(move || {
        let mut place = Place::default();
        let admitted = block_on(|cx| waiting.poll_acquire(&mut place, 1, cx));
        assert!(matches!(admitted, Ok(_) | Err(NoRoom::Closed)));
    });
    let closer = thread::spawn(move || closing.close());
    drop(held);
    closer.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(budget.in_use(), (0, 0), "all room is back");
    assert!(budget.try_acquire(1).is_none());
}

/// A reader that only wants to know of room, as a server's reader does.
fn release_and_watch() {
    let budget = Budget::new(1, LIMIT);
    let held = budget.try_acquire(1).unwrap();
    let watching = Arc::clone(&budget);
    let watcher = thread::spawn(move || {
        let mut place = Place::default();
        block_on(|cx| watching.poll_room(&mut place, cx))
    });
    drop(held);
    watcher.join().unwrap();
}

#[test]
fn the_limit_holds_and_everyone_is_served() {
    check(2, acquire_and_release);
}

#[test]
fn a_limit_that_is_not_compared_is_caught() {
    let mutant = "budget: bytes are not compared";
    check_catches(mutant, "more in use than the limit", 2, acquire_and_release);
}

#[test]
fn a_release_that_wakes_nobody_is_caught() {
    check_catches("budget: release wakes nobody", STUCK, 2, acquire_and_release);
}

#[test]
fn whoever_gives_up_leaves_no_room_behind() {
    check(2, release_and_leave);
}

#[test]
fn a_leaver_that_takes_its_room_along_is_caught() {
    let mutant = "budget: a granted waiter leaves with its room";
    check_catches(mutant, "all room is back", 2, release_and_leave);
}

#[test]
fn a_close_ends_every_wait() {
    check(3, release_and_close);
}

#[test]
fn a_close_that_forgets_granted_room_is_caught() {
    let mutant = "budget: close forgets granted room";
    check_catches(mutant, "all room is back", 3, release_and_close);
}

#[test]
fn a_watcher_learns_of_room() {
    check(3, release_and_watch);
}

#[test]
fn a_watcher_that_is_not_told_is_caught() {
    check_catches("budget: watchers are not told", STUCK, 3, release_and_watch);
}
