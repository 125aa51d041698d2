// LR36: reply, timeout, cancel and link loss may meet; a call ends exactly once. LR09: after a close no waiter is left.
// LR23: a late reply never ends the slot's next user.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};

use loom::thread;

use crate::primitives::in_flight::{CallId, Fate, InFlight, Told, Waiter};
use crate::{STUCK, beside, block_on, check};

type Calls = InFlight<(), &'static str>;

/// A table with one call, whose caller polls it.
fn one_waiting() -> (Arc<Calls>, CallId) {
    let calls = Arc::new(Calls::new());
    let id = calls.insert((), Waiter::Task(None)).unwrap();
    (calls, id)
}

/// Ends the call; says whether it was this end that counted.
fn end(calls: &Calls, id: CallId, outcome: &'static str) -> bool {
    calls.end(id, outcome).map(Told::tell).is_ok()
}

/// What `channel` says ends the call if it left there.
fn end_on(calls: &Calls, channel: u64, id: CallId, outcome: &'static str) {
    let mut told = Vec::new();
    calls.end_all(channel, [(id, outcome)], &mut told, |_| {});
    told.into_iter().for_each(Told::tell);
}

fn polled(calls: &Calls, id: CallId) -> Option<&'static str> {
    block_on(|cx| calls.poll(id, cx))
}

/// A callback that counts how often it is told.
fn counting() -> (Arc<AtomicUsize>, Waiter<&'static str>) {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let callback = Box::new(move |_, _| {
        count.fetch_add(1, SeqCst);
    });
    (told, Waiter::Callback(callback))
}

/// Reply, timeout and the polling caller: the caller gets the outcome of the one end that counted.
fn reply_and_timeout() {
    let (calls, id) = one_waiting();
    let enders = ["reply", "timeout"].map(|outcome| {
        let calls = Arc::clone(&calls);
        thread::spawn(move || end(&calls, id, outcome).then_some(outcome))
    });
    let got = polled(&calls, id);
    let counted: Vec<_> = enders.into_iter().filter_map(|ender| ender.join().unwrap()).collect();
    assert_eq!(counted, Vec::from_iter(got), "the end that counted is the outcome");
    assert_eq!(calls.waiting(), 0, "nobody waits");
    assert_eq!(polled(&calls, id), None, "the outcome is given once");
}

/// Reply, link loss and a cancel: the callback is told, or the canceller got it back; never both, never neither.
fn reply_link_loss_and_cancel() {
    let calls = Arc::new(Calls::new());
    let (told, waiter) = counting();
    let id = calls.insert((), waiter).unwrap();
    let reply = beside(&calls, move |replying| end(replying, id, "reply"));
    let loss = beside(&calls, move |losing| {
        let told = losing.end_where(|_, ()| Some("lost"));
        told.into_iter().map(Told::tell).count()
    });
    let cancelled = calls.cancel(id).is_some();
    let ends = usize::from(reply.join().unwrap()) + loss.join().unwrap() + usize::from(cancelled);
    assert_eq!(ends, 1, "one end counts");
    assert_eq!(told.load(SeqCst) + usize::from(cancelled), 1, "told once");
    assert_eq!(calls.waiting(), 0, "nobody waits");
}

/// A late reply to a call that was cancelled meets the next call in the same slot.
fn late_reply() {
    let calls = Arc::new(Calls::new());
    let old = calls.insert((), Waiter::Task(None)).unwrap();
    let reply = beside(&calls, move |replying| end(replying, old, "late"));
    calls.cancel(old);
    let fresh = calls.insert((), Waiter::Task(None)).unwrap();
    reply.join().unwrap();
    assert!(end(&calls, fresh, "its own"), "a late reply ended another call");
    assert_eq!(polled(&calls, fresh), Some("its own"));
}

/// Close, link loss and a new call: it is refused, or it ends; it never waits for ever.
fn insert_and_close() {
    let calls = Arc::new(Calls::new());
    let close = beside(&calls, move |closing| {
        closing.close(|_, ()| "closed").into_iter().for_each(Told::tell);
    });
    let loss = beside(&calls, move |losing| {
        losing.end_where(|_, ()| Some("lost")).into_iter().for_each(Told::tell);
    });
    if let Some(id) = calls.insert((), Waiter::Task(None)) {
        assert!(matches!(polled(&calls, id), Some("closed" | "lost")));
    }
    close.join().unwrap();
    loss.join().unwrap();
    assert_eq!(calls.waiting(), 0, "nobody waits after a close");
}

/// The end of a call wakes the task that polls it, whichever comes first.
fn poll_and_end() {
    let (calls, id) = one_waiting();
    let ending = Arc::clone(&calls);
    calls.leave(CHANNEL, &mut vec![id], |id| Some(*id), |_, ()| true);
    let ender = thread::spawn(move || {
        let (mut told, mut late) = (Vec::new(), 0);
        ending.end_all(CHANNEL, [(id, "reply"), (id, "twice")], &mut told, |_| late += 1);
        told.into_iter().for_each(Told::tell);
        assert_eq!(late, 1);
    });
    assert_eq!(polled(&calls, id), Some("reply"));
    ender.join().unwrap();
}

/// A call that an old channel's peer did not take leaves on a new one, as that peer's refusal comes on the old one.
fn refusal_on_an_old_channel() {
    let (calls, id) = one_waiting();
    let leave_on = |channel| calls.leave(channel, &mut vec![id], |id| Some(*id), |_, ()| true);
    leave_on(CHANNEL);
    let told = calls.end_left_on(CHANNEL, |_, ()| Some(Fate::GoesOn));
    assert!(told.is_empty());
    let refusal = beside(&calls, move |refusing| {
        end_on(refusing, CHANNEL, id, "refused");
    });
    leave_on(CHANNEL + 1);
    refusal.join().unwrap();
    end_on(&calls, CHANNEL + 1, id, "reply");
    assert_eq!(polled(&calls, id), Some("reply"), "the end that counted is its own channel's");
}

const CHANNEL: u64 = 7;

/// An outcome whose end looks at the table again, as that of a reply may: its bytes go back to a pool of the user's.
struct Looks(Weak<InFlight<(), Self>>);

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(calls) = self.0.upgrade() {
            assert_eq!(calls.waiting(), 0);
        }
    }
}

/// A call that has ended and that nobody came for is cancelled: what it held ends outside the lock.
fn ends_outside_the_lock() {
    let calls = Arc::new(InFlight::new());
    let id = calls.insert((), Waiter::Task(None)).unwrap();
    assert!(calls.end(id, Looks(Arc::downgrade(&calls))).is_ok());
    assert!(calls.cancel(id).is_none());
}

/// An outcome that nobody fetched leaves no slot behind when its caller goes away.
fn end_and_cancel() {
    let (calls, id) = one_waiting();
    let ender = beside(&calls, move |ending| end(ending, id, "reply"));
    let cancelled = calls.cancel(id).is_some();
    assert_ne!(cancelled, ender.join().unwrap(), "one end counts");
    let next = calls.insert((), Waiter::Task(None)).unwrap();
    assert_eq!(next.slot, id.slot, "the slot is free again");
}

#[test]
fn only_the_channel_on_which_a_call_left_ends_it() {
    check(3, refusal_on_an_old_channel).catches("in_flight: any channel ends a call", "the end that counted");
}

#[test]
fn a_call_that_ends_as_its_caller_goes_away_frees_its_slot() {
    check(3, end_and_cancel)
        .catches("in_flight: a cancel leaves an ended call behind", "the slot is free again");
}

#[test]
fn an_outcome_ends_outside_the_lock() {
    check(1, ends_outside_the_lock);
}

#[test]
fn reply_and_timeout_end_a_call_once() {
    check(3, reply_and_timeout).catches("in_flight: a second end replaces the first", "the end that counted");
}

#[test]
fn reply_link_loss_and_cancel_end_a_call_once() {
    check(3, reply_link_loss_and_cancel)
        .catches("in_flight: a cancelled call still counts as waiting", "nobody waits");
}

#[test]
fn a_late_reply_never_ends_the_next_call_in_its_slot() {
    check(3, late_reply)
        .catches("in_flight: the generation is not compared", "a late reply ended another call");
}

#[test]
fn no_waiter_is_left_after_a_close() {
    check(3, insert_and_close).catches("in_flight: close lets callers in", STUCK);
}

#[test]
fn the_end_of_a_call_wakes_its_task() {
    check(3, poll_and_end).catches("in_flight: poll forgets its waker", STUCK);
}
