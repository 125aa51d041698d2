// LR09, LR36: the primitives together, in the order in which a connection uses them. Whatever meets on a call's way from
// its room to its queue, its caller gets one end, and nothing of it stays in the table, in a queue or in use.

use std::sync::Arc;
use std::task::{Context, Poll};

use loom::thread;

use crate::lanes::{Kept, kept};
use crate::primitives::budget::{Account, Permit, Place};
use crate::primitives::in_flight::{CallId, Fate, InFlight, Told, Waiter};
use crate::primitives::lanes::{Condition, Lanes, OnLane};
use crate::primitives::outbox::{FifoQueue, Outbox, Ticket};
use crate::primitives::traffic::{Placed, Queue, Refusing, Traffic};
use crate::{STUCK, beside, block_on, check};

/// What the table knows of a call: where it is, and its room once it has left the queue.
struct Known {
    at: OnLane,
    permit: Option<Permit>,
}

impl Placed for Known {
    fn at(&mut self) -> &mut OnLane {
        &mut self.at
    }
}

/// A packet is its room.
struct Lane(Outbox<Option<Permit>>);

impl Queue for Lane {
    type Packet = Option<Permit>;

    fn outbox(&self) -> &Outbox<Option<Permit>> {
        &self.0
    }
}

type Packets = Vec<(Ticket, Option<Permit>)>;

/// A connection of one lane, as far as it is no more than its traffic and its room.
struct Connection {
    account: Arc<Account>,
    traffic: Traffic<Kept, Known, &'static str, Lane>,
}

impl Connection {
    /// One whose lane is not open yet.
    fn new() -> Arc<Self> {
        let outbox = Outbox::new(Box::new(FifoQueue::default()));
        let traffic = Traffic {
            calls: InFlight::new(),
            lanes: Lanes::new(1, kept()),
            queues: [Arc::new(Lane(outbox))].into(),
        };
        Arc::new(Self { account: Account::single(100), traffic })
    }

    fn opened() -> Arc<Self> {
        let connection = Self::new();
        connection.traffic.lanes.opened(0, Some(Condition::Working));
        connection
    }

    fn admit(&self, units: u64) -> Result<Permit, &'static str> {
        let mut place = Place::default();
        block_on(|cx| self.account.poll_acquire(&mut place, units, cx)).map_err(|_| "refused")
    }

    fn launch(&self, permit: Permit) -> Result<CallId, &'static str> {
        let id = self.enter().ok_or("refused")?;
        self.queue(id, permit);
        Ok(id)
    }

    /// Where there is room, and nothing is closed.
    fn launch_at_once(&self, units: u64) -> CallId {
        self.launch(self.account.try_acquire(units).unwrap()).unwrap()
    }

    fn enter(&self) -> Option<CallId> {
        self.traffic.calls.insert(Known { at: OnLane::queued(0), permit: None }, Waiter::Task(None))
    }

    fn queue(&self, id: CallId, permit: Permit) {
        self.traffic.queue(0, id, Some(permit), |_| false, &REFUSING);
    }

    fn outcome(&self, id: CallId) -> Option<&'static str> {
        block_on(|cx| self.traffic.calls.poll(id, cx))
    }

    /// The caller goes away.
    fn cancel(&self, id: CallId) -> bool {
        let cancelled = self.traffic.calls.cancel(id);
        if let Some((known, _)) = &cancelled {
            self.traffic.take_back(id, known.at);
        }
        cancelled.is_some()
    }

    /// The deadline passes; whether that ended the call, and whether it had left.
    fn time_out(&self, id: CallId) -> Option<bool> {
        let (told, at, ()) = self.traffic.end_where_it_stands(id, |_| ("timeout", ()))?;
        told.tell();
        Some(at.epoch.is_some())
    }

    fn shut(&self) {
        self.account.budget().close();
        let end = |known: &mut Known| if known.at.epoch.is_some() { "lost" } else { "refused" };
        self.traffic.close(Condition::Closed, end);
        self.traffic.close_queues();
    }

    /// Takes what is queued as a link does that is about to write.
    fn take_batch(&self) -> Packets {
        let mut batch = Vec::new();
        self.traffic.outbox(0).pop_batch(&mut batch, 100, |_| 1);
        self.traffic.leave(0, EPOCH, &mut batch, |permit, known| {
            known.permit = permit.take();
            true
        });
        batch
    }

    /// Takes all that comes until the queue is closed.
    fn poll_link(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.take_batch();
            if self.traffic.outbox(0).is_closed() {
                return Poll::Ready(());
            }
            if self.traffic.outbox(0).park_writer(cx, false) {
                return Poll::Pending;
            }
        }
    }

    /// The channel is lost with `unwritten`, which may leave on the next one.
    fn lose(&self, unwritten: Packets) -> bool {
        self.traffic.lanes.lost(0, EPOCH, Condition::Recovering);
        let stay: Vec<_> = unwritten.iter().map(|(ticket, _)| ticket.0).collect();
        let told = self.traffic.lost(0, EPOCH, unwritten, |id, _| {
            Some(if stay.contains(&id.to_bits()) { Fate::GoesOn } else { Fate::End("lost") })
        });
        told.into_iter().map(Told::tell).count() > 0
    }

    fn assert_empty(&self) {
        assert_eq!(self.traffic.calls.waiting(), 0, "nobody waits");
        assert_eq!(self.traffic.outbox(0).len(), 0, "nothing is queued");
        assert_eq!(self.account.in_use(), 0, "all room is back");
    }
}

const EPOCH: u64 = 1;

const REFUSING: Refusing<'static, &'static str> = Refusing { outcome: &|| "refused", ended: &|_| {} };

/// A caller between its room and the queue, a link at work, and a close.
fn launch_and_close() {
    let connection = Connection::opened();
    let closer = beside(&connection, move |closing| closing.shut());
    let link = beside(&connection, move |linking| block_on(|cx| linking.poll_link(cx)));
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
    let held = connection.account.try_acquire(100).unwrap();
    let closer = beside(&connection, move |closing| closing.shut());
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
    let dialer = beside(&connection, move |failing| {
        failing.traffic.lanes.enter_without_lanes(Condition::Down);
        failing.traffic.refuse_if_down(&REFUSING);
    });
    let calls = [1, 2].map(|units| connection.launch_at_once(units));
    dialer.join().unwrap();
    connection.assert_empty();
    assert_eq!(calls.map(|id| connection.outcome(id)), [Some("refused"); 2]);
}

/// A lane has opened and has yet to prove itself; a dial of another one fails as a call is queued.
fn launch_on_the_only_hope() {
    let connection = Connection::new();
    connection.traffic.lanes.enter_without_lanes(Condition::Down);
    connection.traffic.lanes.opened(0, None);
    let dialer = beside(&connection, move |failing| failing.traffic.refuse_if_down(&REFUSING));
    let id = connection.launch_at_once(10);
    dialer.join().unwrap();
    assert!(connection.traffic.calls.is_waiting(id), "it leaves on the open lane");
    assert_eq!(connection.take_batch().len(), 1, "it leaves on the open lane");
}

/// A deadline passes before its call is queued, or after, on a lane that does not open.
fn launch_and_time_out() {
    let connection = Connection::new();
    let permit = connection.account.try_acquire(10).unwrap();
    let id = connection.enter().unwrap();
    let keeper = beside(&connection, move |timing| timing.time_out(id));
    connection.queue(id, permit);
    assert_eq!(connection.outcome(id), Some("timeout"));
    assert_eq!(keeper.join().unwrap(), Some(false));
    connection.assert_empty();
}

/// A deadline passes as the packet leaves: it is taken back, or has left and the peer is told; never neither.
fn leave_and_time_out() {
    let connection = Connection::opened();
    let id = connection.launch_at_once(10);
    let keeper = beside(&connection, move |timing| timing.time_out(id));
    let has_left = !connection.take_batch().is_empty();
    let told_to_peer = keeper.join().unwrap();
    assert_eq!(Some(has_left), told_to_peer, "the peer is told of what has left");
    assert_eq!(connection.outcome(id), Some("timeout"));
    connection.assert_empty();
}

/// A call that has left on the open lane, and what was taken to be written.
fn left() -> (Arc<Connection>, CallId, Packets) {
    let connection = Connection::opened();
    let id = connection.launch_at_once(10);
    let batch = connection.take_batch();
    (connection, id, batch)
}

/// Reply, deadline, link loss, and a caller that goes away.
fn four_ends() {
    let (connection, id, _) = left();
    let [replying, timing, losing] = [(); 3].map(|()| Arc::clone(&connection));
    let reply = thread::spawn(move || replying.traffic.calls.end(id, "reply").map(Told::tell).is_ok());
    let keeper = thread::spawn(move || timing.time_out(id).is_some());
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
    let keeper = thread::spawn(move || timing.time_out(id).is_some());
    let loss = thread::spawn(move || losing.lose(unwritten));
    let ends = [connection.cancel(id), keeper.join().unwrap()];
    assert!(!loss.join().unwrap(), "it goes on to the next channel");
    assert_eq!(ends.iter().filter(|counted| **counted).count(), 1, "one end that counts: {ends:?}");
    connection.assert_empty();
}

#[test]
fn a_call_that_is_launched_during_a_close_ends_once_and_leaves_nothing() {
    check(3, launch_and_close)
        .catches("outbox: a push after the close is queued", "nothing is queued")
        .catches("in_flight: close lets callers in", STUCK);
}

#[test]
fn a_call_that_waits_for_room_during_a_close_ends_once_and_leaves_nothing() {
    check(3, wait_and_close);
}

#[test]
fn a_call_that_is_launched_as_the_endpoint_goes_down_is_refused_at_once() {
    check(3, launch_and_down).catches("outbox: a drain takes only the first", "nobody waits");
}

#[test]
fn a_call_on_an_open_lane_is_not_refused_though_the_endpoint_counts_as_down() {
    check(3, launch_on_the_only_hope)
        .catches("traffic: what waits on an open lane is refused", "it leaves on the open lane");
}

#[test]
fn a_call_whose_deadline_passes_before_it_is_queued_leaves_nothing() {
    check(3, launch_and_time_out)
        .catches("in_flight: a call that has ended still seems to wait", "nothing is queued");
}

#[test]
fn what_times_out_as_it_leaves_is_taken_back_or_has_left() {
    check(3, leave_and_time_out)
        .catches("in_flight: end_with reads and ends under two locks", "the peer is told of what has left");
}

#[test]
fn reply_timeout_cancel_and_link_loss_end_a_call_once_and_leave_nothing() {
    check(3, four_ends).catches("in_flight: a cancelled call still counts as waiting", "nobody waits");
}

#[test]
fn a_call_that_ends_as_its_packet_is_put_back_leaves_nothing() {
    check(3, put_back_and_end)
        .catches("traffic: nobody looks again at what is put back", "nothing is queued");
}
