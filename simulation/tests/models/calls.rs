// LR09, LR36: the primitives together, in the order in which a connection uses them. Whatever meets on a call's way from
// its room to its queue, its caller gets one end, and nothing of it stays in the table, in a queue or in use.
//
// `launch`, `time_out` and the rest do what the functions of these names in `listenrain/src/connection` do.

use std::sync::Arc;
use std::task::{Context, Poll};

use loom::thread;

use crate::lanes::{Kept, lanes};
use crate::primitives::budget::{Budget, Permit, Place};
use crate::primitives::in_flight::{CallId, InFlight, Told, Waiter};
use crate::primitives::lanes::{Condition, Lanes, OnLane};
use crate::primitives::outbox::{FifoQueue, Outbox, Ticket};
use crate::{STUCK, block_on, check, check_catches};

/// What the table knows of a call: where it is, and its room once it has left the queue.
struct Known {
    at: OnLane,
    permit: Option<Permit>,
}

type Packets = Vec<(Ticket, Option<Permit>)>;

struct Connection {
    budget: Arc<Budget>,
    calls: InFlight<Known, &'static str>,
    outbox: Outbox<Option<Permit>>,
    lanes: Arc<Lanes<Kept>>,
}

const EPOCH: u64 = 1;

impl Connection {
    /// One of a single lane, which is not open yet.
    fn new() -> Arc<Self> {
        Arc::new(Self {
            budget: Budget::new(2, 100),
            calls: InFlight::new(),
            outbox: Outbox::new(Box::new(FifoQueue::default())),
            lanes: lanes(1),
        })
    }

    fn admit(self: &Arc<Self>, bytes: usize) -> Result<Permit, &'static str> {
        let mut place = Place::default();
        let admitted = block_on(|cx| self.budget.poll_acquire(&mut place, bytes, cx));
        admitted.map_err(|_| "refused")
    }

    fn launch(&self, permit: Permit) -> Result<CallId, &'static str> {
        let id = self.enter().ok_or("refused")?;
        self.queue(id, permit);
        Ok(id)
    }

    fn enter(&self) -> Option<CallId> {
        self.calls.insert(Known { at: OnLane::queued(0), permit: None }, Waiter::Task(None))
    }

    fn queue(&self, id: CallId, permit: Permit) {
        if self.outbox.push(Ticket(id.to_bits()), Some(permit)).is_err() {
            self.end(id, "refused");
        }
        self.see_to_queued(id);
    }

    fn see_to_queued(&self, id: CallId) {
        if self.lanes.is_open(0) {
            return;
        }
        self.take_back_if_over(id);
        if self.lanes.shown().condition() == Condition::Down {
            self.refuse_queued();
        }
    }

    fn take_back_if_over(&self, id: CallId) {
        if !self.calls.is_waiting(id) {
            drop(self.outbox.remove(Ticket(id.to_bits())));
        }
    }

    fn refuse_queued(&self) {
        for (ticket, permit) in self.outbox.drain() {
            drop(permit);
            self.end(CallId::from_bits(ticket.0), "refused");
        }
    }

    fn end(&self, id: CallId, outcome: &'static str) {
        if let Ok(told) = self.calls.end(id, outcome) {
            told.tell();
        }
    }

    fn outcome(&self, id: CallId) -> Option<&'static str> {
        block_on(|cx| self.calls.poll(id, cx)).map(|(_, outcome)| outcome)
    }

    /// The caller goes away.
    fn cancel(&self, id: CallId) -> bool {
        let cancelled = self.calls.cancel(id);
        if let Some((known, _)) = &cancelled {
            self.retract(id, known.at);
        }
        cancelled.is_some()
    }

    /// The deadline passes.
    fn time_out(&self, id: CallId) -> bool {
        let ended = self.calls.end_with(id, "timeout", |known| known.at);
        let counted = ended.is_some();
        if let Some((told, at)) = ended {
            self.retract(id, at);
            told.tell();
        }
        counted
    }

    fn retract(&self, id: CallId, at: OnLane) {
        if at.epoch.is_none() {
            drop(self.outbox.remove(Ticket(id.to_bits())));
        }
    }

    fn shut(&self) {
        self.lanes.enter(Condition::Closed);
        self.budget.close();
        let told = self.calls.close(|_, known| if known.at.epoch.is_some() { "lost" } else { "refused" });
        told.into_iter().for_each(Told::tell);
        drop(self.outbox.close());
    }

    /// Takes what is queued as a link does that is about to write.
    fn take_batch(&self) -> Packets {
        let mut batch = Vec::new();
        self.outbox.pop_batch(&mut batch, 100, |_| 1);
        let id_of = |(ticket, _): &(Ticket, _)| Some(CallId::from_bits(ticket.0));
        self.calls.retain_waiting(&mut batch, id_of, |(_, permit), known| {
            known.permit = permit.take();
            known.at = OnLane { lane: 0, epoch: Some(EPOCH) };
        });
        batch
    }

    /// Takes all that comes until the queue is closed.
    fn poll_link(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.take_batch();
            if self.outbox.is_closed() {
                return Poll::Ready(());
            }
            if self.outbox.park_writer(cx, false) {
                return Poll::Pending;
            }
        }
    }

    /// The channel is lost with `unwritten`, which may leave on the next one.
    fn lose(&self, unwritten: Packets) -> bool {
        let told = self.calls.end_where(|id, known| {
            if !known.at.has_left_on(0, EPOCH) {
                return None;
            }
            let stays = unwritten.iter().any(|(ticket, _)| ticket.0 == id.to_bits());
            known.at.epoch = None;
            (!stays).then_some("lost")
        });
        let stay: Vec<_> = unwritten.iter().map(|(ticket, _)| CallId::from_bits(ticket.0)).collect();
        drop(self.outbox.push_back_unwritten(unwritten));
        stay.into_iter().for_each(|id| self.take_back_if_over(id));
        told.into_iter().map(Told::tell).count() > 0
    }

    fn assert_empty(&self) {
        assert_eq!(self.calls.waiting(), 0, "nobody waits");
        assert_eq!(self.outbox.len(), 0, "nothing is queued");
        assert_eq!(self.budget.in_use(), (0, 0), "all room is back");
    }
}

/// A caller between its room and the queue, a link at work, and a close.
fn launch_and_close() {
    let connection = Connection::new();
    connection.lanes.opened(0, Condition::Working);
    let (closing, linking) = (Arc::clone(&connection), Arc::clone(&connection));
    let closer = thread::spawn(move || closing.shut());
    let link = thread::spawn(move || block_on(|cx| linking.poll_link(cx)));
    let launched = connection.admit(10).and_then(|permit| connection.launch(permit));
    match launched {
        Ok(id) => {
            let outcome = connection.outcome(id);
            assert!(matches!(outcome, Some("lost" | "refused")), "one end, told to its caller: {outcome:?}");
            assert_eq!(connection.outcome(id), None, "and that once");
        }
        Err(why) => assert_eq!(why, "refused"),
    }
    closer.join().unwrap();
    link.join().unwrap();
    connection.assert_empty();
}

/// A caller in line for room, which comes as all closes.
fn wait_and_close() {
    let connection = Connection::new();
    let held = connection.budget.try_acquire(100).unwrap();
    let closing = Arc::clone(&connection);
    let closer = thread::spawn(move || closing.shut());
    let holder = thread::spawn(move || drop(held));
    match connection.admit(10).and_then(|permit| connection.launch(permit)) {
        Ok(id) => assert_eq!(connection.outcome(id), Some("refused")),
        Err(why) => assert_eq!(why, "refused"),
    }
    holder.join().unwrap();
    closer.join().unwrap();
    connection.assert_empty();
}

/// Two calls are queued as the last dial fails and the endpoint goes down.
fn launch_and_down() {
    let connection = Connection::new();
    let failing = Arc::clone(&connection);
    let dialler = thread::spawn(move || {
        failing.lanes.enter_without_lanes(Condition::Down);
        failing.refuse_queued();
    });
    let calls = [1, 2].map(|bytes| {
        let permit = connection.budget.try_acquire(bytes).unwrap();
        connection.launch(permit).unwrap()
    });
    dialler.join().unwrap();
    connection.assert_empty();
    assert_eq!(calls.map(|id| connection.outcome(id)), [Some("refused"); 2]);
}

/// A deadline passes before its call is queued, or after, on a lane that does not open.
fn launch_and_time_out() {
    let connection = Connection::new();
    let permit = connection.budget.try_acquire(10).unwrap();
    let id = connection.enter().unwrap();
    let timing = Arc::clone(&connection);
    let keeper = thread::spawn(move || timing.time_out(id));
    connection.queue(id, permit);
    assert_eq!(connection.outcome(id), Some("timeout"));
    assert!(keeper.join().unwrap());
    connection.assert_empty();
}

/// A deadline passes as the packet leaves: it is taken back, or has left and the peer is told; never neither.
fn leave_and_time_out() {
    let connection = Connection::new();
    connection.lanes.opened(0, Condition::Working);
    let permit = connection.budget.try_acquire(10).unwrap();
    let id = connection.launch(permit).unwrap();
    let timing = Arc::clone(&connection);
    let keeper = thread::spawn(move || {
        let (_, at) = timing.calls.end_with(id, "timeout", |known| known.at).unwrap();
        timing.retract(id, at);
        at.epoch.is_some()
    });
    let has_left = !connection.take_batch().is_empty();
    let told_to_peer = keeper.join().unwrap();
    assert_eq!(has_left, told_to_peer, "the peer is told of what has left");
    assert_eq!(connection.outcome(id), Some("timeout"));
    connection.assert_empty();
}

/// A call that has left on the open lane, and what was taken to be written.
fn left() -> (Arc<Connection>, CallId, Packets) {
    let connection = Connection::new();
    connection.lanes.opened(0, Condition::Working);
    let permit = connection.budget.try_acquire(10).unwrap();
    let id = connection.launch(permit).unwrap();
    let batch = connection.take_batch();
    (connection, id, batch)
}

/// Reply, deadline, link loss, and a caller that goes away.
fn four_ends() {
    let (connection, id, _) = left();
    let [replying, timing, losing] = [(); 3].map(|()| Arc::clone(&connection));
    let reply = thread::spawn(move || replying.calls.end(id, "reply").map(Told::tell).is_ok());
    let keeper = thread::spawn(move || timing.time_out(id));
    let loss = thread::spawn(move || losing.lose(Vec::new()));
    let cancelled = connection.cancel(id);
    let ends = [reply.join().unwrap(), keeper.join().unwrap(), loss.join().unwrap(), cancelled];
    assert_eq!(ends.iter().filter(|counted| **counted).count(), 1, "one end that counts: {ends:?}");
    connection.assert_empty();
}

/// A link is lost before it has written a packet, which goes back; its call times out, or its caller goes away.
fn put_back_and_end() {
    let (connection, id, unwritten) = left();
    let [timing, losing] = [(); 2].map(|()| Arc::clone(&connection));
    let keeper = thread::spawn(move || timing.time_out(id));
    let loss = thread::spawn(move || {
        losing.lanes.lost(0, EPOCH, Condition::Recovering);
        losing.lose(unwritten)
    });
    let ends = [connection.cancel(id), keeper.join().unwrap()];
    assert!(!loss.join().unwrap(), "it goes on to the next channel");
    assert_eq!(ends.iter().filter(|counted| **counted).count(), 1, "one end that counts: {ends:?}");
    connection.assert_empty();
}

#[test]
fn a_call_that_is_launched_during_a_close_ends_once_and_leaves_nothing() {
    check(3, launch_and_close);
}

#[test]
fn a_queue_that_takes_in_what_comes_after_the_close_is_caught() {
    check_catches("outbox: a push after the close is queued", "nothing is queued", 3, launch_and_close);
}

#[test]
fn a_table_that_takes_in_what_comes_after_the_close_is_caught() {
    check_catches("in_flight: close lets callers in", STUCK, 3, launch_and_close);
}

#[test]
fn a_call_that_waits_for_room_during_a_close_ends_once_and_leaves_nothing() {
    check(3, wait_and_close);
}

#[test]
fn a_close_that_forgets_the_room_it_has_granted_is_caught() {
    check_catches("budget: close forgets granted room", "all room is back", 3, wait_and_close);
}

#[test]
fn a_call_that_is_launched_as_the_endpoint_goes_down_is_refused_at_once() {
    check(3, launch_and_down);
}

#[test]
fn a_drain_that_leaves_a_call_behind_is_caught() {
    check_catches("outbox: a drain takes only the first", "nobody waits", 3, launch_and_down);
}

#[test]
fn a_call_whose_deadline_passes_before_it_is_queued_leaves_nothing() {
    check(3, launch_and_time_out);
}

#[test]
fn a_call_that_has_ended_and_seems_to_wait_is_caught() {
    let mutant = "in_flight: a call that has ended still seems to wait";
    check_catches(mutant, "nothing is queued", 3, launch_and_time_out);
}

#[test]
fn what_times_out_as_it_leaves_is_taken_back_or_has_left() {
    check(3, leave_and_time_out);
}

#[test]
fn a_timeout_that_reads_and_ends_under_two_locks_is_caught() {
    let mutant = "in_flight: end_with reads and ends under two locks";
    check_catches(mutant, "the peer is told of what has left", 3, leave_and_time_out);
}

#[test]
fn reply_timeout_cancel_and_link_loss_end_a_call_once_and_leave_nothing() {
    check(3, four_ends);
}

#[test]
fn a_cancel_that_takes_an_ended_call_for_its_own_is_caught() {
    let mutant = "in_flight: a cancel takes an ended call for its own";
    check_catches(mutant, "one end that counts", 3, four_ends);
}

#[test]
fn a_call_that_ends_as_its_packet_is_put_back_leaves_nothing() {
    check(3, put_back_and_end);
}

#[test]
fn a_packet_that_is_put_back_for_nobody_is_caught() {
    let mutant = "in_flight: a call that has ended still seems to wait";
    check_catches(mutant, "nothing is queued", 3, put_back_and_end);
}
