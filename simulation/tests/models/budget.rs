// LR10, LR22: what is in use never exceeds the limit, nobody in line is stuck, and all units come back, also when one in
// line gives up at the moment at which it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

use loom::thread;

use crate::primitives::budget::{Account, Budget, NoRoom, Permit, Place};
use crate::{STUCK, beside, block_on, check};

const LIMIT: u64 = 10;

fn acquire(account: &Arc<Account>, units: u64) -> Result<Permit, NoRoom> {
    let mut place = Place::default();
    block_on(|cx| account.poll_acquire(&mut place, units, cx))
}

/// Waits for units, uses them alone, and gives them back.
fn use_alone(account: &Arc<Account>, units: u64, users: &AtomicUsize) {
    let permit = acquire(account, units).unwrap();
    assert_eq!(users.fetch_add(1, SeqCst), 0, "more in use than the limit");
    // Units may be granted to the next before it is polled, but not before these are given back.
    assert_eq!(account.budget().in_use(), units, "more in use than the limit");
    users.fetch_sub(1, SeqCst);
    drop(permit);
}

/// Two of these do not fit at once; the largest is beyond the limit and admitted alone.
fn acquire_and_release() {
    let account = Account::single(LIMIT);
    let users = Arc::new(AtomicUsize::new(0));
    let others = [6, 11].map(|units| {
        let (account, users) = (Arc::clone(&account), Arc::clone(&users));
        thread::spawn(move || use_alone(&account, units, &users))
    });
    use_alone(&account, 7, &users);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(account.budget().in_use(), 0, "all units are back");
}

fn release_and_leave() {
    let account = Account::single(1);
    let held = account.try_acquire(1).unwrap();
    let leaver = beside(&account, move |giving_up| {
        let mut place = Place::default();
        let polled = block_on(|cx| Poll::Ready(giving_up.poll_acquire(&mut place, 1, cx)));
        drop(polled);
        giving_up.leave(&mut place);
    });
    let waiter = beside(&account, move |waiting| drop(acquire(waiting, 1).unwrap()));
    drop(held);
    leaver.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(account.budget().in_use(), 0, "all units are back");
    assert!(account.try_acquire(LIMIT).is_some(), "nobody stands in line");
}

/// A close ends every wait; what was granted is taken or given back all the same.
fn release_and_close() {
    let account = Account::single(1);
    let held = account.try_acquire(1).unwrap();
    let waiter = beside(&account, move |waiting| {
        let acquired = acquire(waiting, 1);
        assert!(matches!(acquired, Ok(_) | Err(NoRoom::Closed)));
    });
    let closer = beside(&account, move |closing| closing.budget().close());
    drop(held);
    closer.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(account.budget().in_use(), 0, "all units are back");
    assert!(account.try_acquire(1).is_none());
}

/// A channel that is held up by its own limit, which another thread makes room in.
fn release_of_the_accounts_own() {
    let budget = Budget::shared(100);
    let account = budget.account(1);
    let held = account.try_acquire(1).unwrap();
    let waiter = beside(&account, move |waiting| drop(acquire(waiting, 1).unwrap()));
    drop(held);
    waiter.join().unwrap();
    assert_eq!((account.in_use(), budget.in_use()), (0, 0), "all units are back");
}

/// Two channels share a limit that has room for one of them at a time.
fn two_accounts() {
    let budget = Budget::shared(1);
    let users = Arc::new(AtomicUsize::new(0));
    let accounts = [(); 2].map(|()| budget.account(5));
    let others = accounts.map(|account| {
        let users = Arc::clone(&users);
        thread::spawn(move || {
            use_alone(&account, 1, &users);
            assert_eq!(account.in_use(), 0, "all units are back");
        })
    });
    let held = budget.account(5);
    if let Some(held) = held.try_acquire(1) {
        assert_eq!(users.load(SeqCst), 0, "more in use than the limit");
        drop(held);
    }
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(budget.in_use(), 0, "all units are back");
}

/// Two channels hold all there is, and each needs more before it can give any back.
fn both_grow() {
    let budget = Budget::shared(10);
    let held = [4, 3].map(|units| {
        let account = budget.account(100);
        let permit = account.try_acquire(units).unwrap();
        (account, permit)
    });
    let others = held.map(|(account, mut permit)| {
        thread::spawn(move || {
            let mut place = Place::default();
            block_on(|cx| permit.poll_grow_to(&mut place, 8, cx)).unwrap();
            assert_eq!(account.in_use(), 8, "what it holds is what it asked for");
            drop(permit);
            assert_eq!(account.in_use(), 0, "all units are back");
        })
    });
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(budget.in_use(), 0, "all units are back");
    let again = budget.account(100);
    assert!(again.try_acquire(10).is_some(), "nobody stands in line");
}

/// One that comes while others wait, on an account of its own or on theirs, does not pass them.
fn come_while_others_wait(account: &Arc<Account>) {
    let large = account.try_acquire(8).unwrap();
    let mut place = Place::default();
    let waits = block_on(|cx| Poll::Ready(account.poll_acquire(&mut place, 5, cx).is_pending()));
    // There is room for this one, and there was none for the one before it.
    let small = account.try_acquire(1);
    let passes = small.is_some();
    drop((large, small));
    let served = block_on(|cx| account.poll_acquire(&mut place, 5, cx)).is_ok();
    assert_eq!((waits, passes, served), (true, false, true), "order is kept");
}

fn order_of_a_single_account() {
    come_while_others_wait(&Account::single(LIMIT));
}

fn order_within_an_account() {
    come_while_others_wait(&Budget::plain(100).account(LIMIT));
}

/// As [`both_grow`], without a second thread: what would be stuck there is told here.
fn one_goes_beyond() {
    let budget = Budget::shared(10);
    let held = [4, 3].map(|units| budget.account(100).try_acquire(units).unwrap());
    let [mut first, mut second] = held;
    let mut places = [Place::default(); 2];
    let now = block_on(|cx| {
        let first = first.poll_grow_to(&mut places[0], 8, cx).is_ready();
        Poll::Ready((first, second.poll_grow_to(&mut places[1], 8, cx).is_ready()))
    });
    drop(first);
    let then = block_on(|cx| Poll::Ready(second.poll_grow_to(&mut places[1], 8, cx).is_ready()));
    drop(second);
    assert_eq!((now, then), ((true, false), true), "one of them goes on");
}

/// An end that waits until everything is given back.
fn release_and_idle() {
    let account = Account::single(2);
    let held = [(); 2].map(|()| account.try_acquire(1).unwrap());
    let waiter = beside(&account, move |idle| block_on(|cx| idle.budget().poll_idle(cx)));
    held.into_iter().for_each(drop);
    waiter.join().unwrap();
}

#[test]
fn the_limit_holds_and_everyone_is_served() {
    check(2, acquire_and_release)
        .catches("budget: the limit is not compared", "more in use than the limit")
        .catches("budget: giving back wakes nobody", STUCK)
        .catches("budget: a wait is not shown", STUCK);
}

#[test]
fn one_who_gives_up_leaves_nothing_behind() {
    check(2, release_and_leave)
        .catches("budget: what was granted is kept by one who leaves", "all units are back");
}

#[test]
fn a_close_ends_every_wait() {
    check(3, release_and_close);
}

#[test]
fn an_account_at_its_own_limit_is_woken() {
    check(3, release_of_the_accounts_own)
        .catches("budget: a wait for the account's own limit is not shown", STUCK);
}

#[test]
fn accounts_that_share_a_limit_are_served_in_turn() {
    check(2, two_accounts);
}

#[test]
fn two_that_need_more_than_there_is_both_get_it() {
    check(3, both_grow);
}

#[test]
fn of_two_that_need_more_one_goes_beyond_the_limit() {
    check(3, one_goes_beyond).catches("budget: nothing goes beyond the limit", "one of them goes on");
}

#[test]
fn one_that_comes_later_is_served_later() {
    check(2, order_of_a_single_account).catches("budget: the line is overtaken", "order is kept");
    check(2, order_within_an_account).catches("budget: an account overtakes itself", "order is kept");
}

#[test]
fn an_end_waits_until_all_is_given_back() {
    check(3, release_and_idle);
}
