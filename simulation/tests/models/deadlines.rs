// LR26, LR36: a reply and a deadline may meet, and a call ends once; the keeper never sleeps beyond a deadline, nor after
// a close; a call that has ended is watched no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use loom::thread;

use crate::primitives::deadlines::{Deadlines, Order};
use crate::primitives::in_flight::{CallId, InFlight, Told, Waiter};
use crate::{STUCK, block_on, check};

/// Time passes up to here.
const SOON: u32 = 5;
const NEVER: u32 = 10;

/// Plain numbers in a plain list, and how many there are for others to see.
#[derive(Debug, Default)]
struct Listed(Vec<(u32, CallId)>, Arc<AtomicUsize>);

impl Listed {
    fn take(&mut self, is_meant: impl Fn(&(u32, CallId)) -> bool) -> Option<CallId> {
        let at = self.0.iter().position(is_meant)?;
        self.1.fetch_sub(1, SeqCst);
        Some(self.0.remove(at).1)
    }
}

impl Order for Listed {
    type Time = u32;

    fn add(&mut self, call: CallId, deadline: u32) {
        self.0.push((deadline, call));
        self.1.fetch_add(1, SeqCst);
    }

    fn remove(&mut self, call: CallId) {
        self.take(|(_, listed)| *listed == call);
    }

    fn next(&mut self) -> Option<u32> {
        self.0.iter().map(|(deadline, _)| *deadline).min()
    }

    fn expired(&mut self, now: u32) -> Option<CallId> {
        self.take(|(deadline, _)| *deadline <= now)
    }
}

struct TestContext {
    calls: InFlight<(), &'static str>,
    deadlines: Deadlines<Listed>,
    watched: Arc<AtomicUsize>,
}

impl TestContext {
    fn new() -> Arc<Self> {
        let watched = Arc::default();
        let deadlines = Deadlines::new(Listed(Vec::new(), Arc::clone(&watched)));
        Arc::new(Self { calls: InFlight::new(), deadlines, watched })
    }

    /// A call with a deadline.
    fn call(&self, deadline: u32) -> CallId {
        let id = self.calls.insert((), Waiter::Task(None)).unwrap();
        self.deadlines.add(id, deadline);
        id
    }

    fn end(&self, id: CallId, outcome: &'static str) -> bool {
        self.calls.end(id, outcome).map(Told::tell).is_ok()
    }

    /// Waits for the call as its caller does.
    fn outcome(&self, id: CallId) -> Option<&'static str> {
        let polled = block_on(|cx| self.calls.poll(id, cx));
        self.deadlines.remove(id);
        polled
    }

    /// Looks and sleeps as the keeper does. Its sleep is over at once up to the time that passes here.
    fn poll_keeper(&self, now: &mut u32, cx: &mut Context<'_>) -> Poll<()> {
        let mut expired = Vec::new();
        loop {
            let Some(next) = self.deadlines.look(*now, cx.waker(), &mut expired) else {
                return Poll::Ready(());
            };
            for call in expired.drain(..) {
                self.end(call, "timeout");
            }
            match next {
                Some(next) if next <= SOON => *now = next,
                _ => return Poll::Pending,
            }
        }
    }

    fn keep(self: &Arc<Self>) -> thread::JoinHandle<()> {
        let context = Arc::clone(self);
        thread::spawn(move || {
            let mut now = 0;
            block_on(|cx| context.poll_keeper(&mut now, cx));
        })
    }

    fn close(&self, keeper: thread::JoinHandle<()>) {
        self.deadlines.close();
        keeper.join().unwrap();
    }
}

/// A reply comes as the deadline passes: one of them ends the call, and neither the next in its slot.
fn answer_and_fire() {
    let context = TestContext::new();
    let id = context.call(SOON);
    let keeper = context.keep();
    let answered = context.end(id, "reply");
    assert_eq!(context.outcome(id), Some(if answered { "reply" } else { "timeout" }));
    let next = context.call(NEVER);
    assert_eq!(next.slot, id.slot);
    assert!(context.end(next, "its own"), "a late deadline ended another call");
    assert_eq!(context.outcome(next), Some("its own"));
    assert_eq!(context.watched.load(SeqCst), 0, "a call that has ended is watched on");
    context.close(keeper);
}

/// A call is cancelled as its deadline passes: whichever of them ends it, it is over, and watched no more.
fn cancel_and_fire() {
    let context = TestContext::new();
    let id = context.call(SOON);
    let keeper = context.keep();
    // As the future of a call does when it is dropped.
    context.deadlines.remove(id);
    context.calls.cancel(id);
    assert_eq!(context.calls.waiting(), 0);
    assert!(!context.end(id, "late"), "a cancelled call has ended");
    assert_eq!(context.watched.load(SeqCst), 0, "a call that has ended is watched on");
    context.close(keeper);
}

/// The keeper goes to sleep, for a long time or without end, as a call comes that will not wait as long.
fn add_and_sleep() {
    let context = TestContext::new();
    context.call(NEVER);
    let keeper = context.keep();
    let soon = context.call(SOON);
    assert_eq!(context.outcome(soon), Some("timeout"));
    context.close(keeper);
}

fn close_and_sleep() {
    let context = TestContext::new();
    let keeper = context.keep();
    context.close(keeper);
}

#[test]
fn a_reply_and_a_deadline_end_a_call_once() {
    check(3, answer_and_fire)
        .catches("in_flight: the generation is not compared", "a late deadline ended another call");
}

#[test]
fn a_cancel_and_a_deadline_end_a_call_once() {
    check(3, cancel_and_fire).catches("deadlines: an ended call is watched on", "is watched on");
}

#[test]
fn the_keeper_never_sleeps_beyond_a_deadline() {
    check(3, add_and_sleep)
        .catches("deadlines: an earlier deadline wakes nobody", STUCK)
        .catches("deadlines: the keeper looks and goes to sleep under two locks", STUCK);
}

#[test]
fn a_close_ends_the_keeper() {
    check(3, close_and_sleep).catches("deadlines: close wakes nobody", STUCK);
}
