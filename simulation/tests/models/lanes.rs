// LR16, LR36: a late error of an old channel hurts neither the new one nor its calls; the state says what the lanes are,
// whoever comes last; draining and closed are for good; nothing waits on a lane that is lost while another is open.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use crate::primitives::in_flight::{Fate, InFlight, Told, Waiter};
use crate::primitives::lanes::{Condition, Lanes, Shown};
use crate::primitives::outbox::{FifoQueue, Outbox, Ticket};
use crate::{beside, check};

/// What `tokio::sync::watch` is to the library.
pub(crate) struct Kept(Mutex<Condition>);

impl Kept {
    pub(crate) fn condition(&self) -> Condition {
        *self.0.lock().unwrap()
    }
}

impl Shown for Kept {
    type State = Condition;

    fn condition(state: &Condition) -> Condition {
        *state
    }

    fn now(&self) -> Condition {
        self.condition()
    }

    fn change(&self, step: impl FnOnce(&mut Condition) -> bool) {
        step(&mut self.0.lock().unwrap());
    }
}

pub(crate) fn kept() -> Kept {
    Kept(Mutex::new(Condition::Recovering))
}

fn lanes(count: usize) -> Arc<Lanes<Kept>> {
    Arc::new(Lanes::new(count, kept()))
}

fn outboxes<const LANES: usize>() -> Arc<[Outbox<()>; LANES]> {
    Arc::new([(); LANES].map(|()| Outbox::new(Box::new(FifoQueue::default()))))
}

/// The error of a channel comes when the lane has, or is about to have, the next one.
fn late_loss() {
    let (lanes, calls) = (lanes(1), Arc::new(InFlight::new()));
    let old = lanes.opened(0, Some(Condition::Working));
    let leave_on = |epoch| {
        let call = calls.insert((), Waiter::Task(None)).unwrap();
        calls.leave(epoch, &mut vec![call], |call| Some(*call), |_, ()| true);
        call
    };
    let lost = leave_on(old);
    let (losing, ending) = (Arc::clone(&lanes), Arc::clone(&calls));
    let loss = thread::spawn(move || {
        losing.lost(0, old, Condition::Recovering);
        let told = ending.end_left_on(old, |_, ()| Some(Fate::End("lost")));
        told.into_iter().for_each(Told::tell);
    });
    let new = lanes.opened(0, Some(Condition::Working));
    let call = leave_on(new);
    loss.join().unwrap();
    assert_eq!(lanes.epoch(0), new);
    assert!(lanes.is_open(0), "the lane of the new channel is closed");
    assert_eq!(lanes.shown().condition(), Condition::Working);
    assert!(calls.end(call, "reply").is_ok(), "a call on the new channel is lost");
    assert!(calls.end(lost, "reply").is_err(), "the call on the old one is lost");
    assert_eq!((calls.left_on(old), calls.left_on(new)), (0, 0), "an ended call is on no channel");
}

/// One lane is lost and cannot be dialled, while another opens.
fn loss_and_opening() {
    let lanes = lanes(2);
    let epoch = lanes.opened(0, Some(Condition::Working));
    let loss = beside(&lanes, move |losing| {
        losing.lost(0, epoch, Condition::Recovering);
        losing.enter_without_lanes(Condition::Down);
    });
    lanes.opened(1, Some(Condition::Working));
    loss.join().unwrap();
    assert_eq!(lanes.shown().condition(), Condition::Working, "a lane is open");
}

/// All lanes are lost at once.
fn loss_and_loss() {
    let lanes = lanes(2);
    let epochs = [0, 1].map(|lane| lanes.opened(lane, Some(Condition::Working)));
    let loss = beside(&lanes, move |losing| losing.lost(0, epochs[0], Condition::Recovering));
    lanes.lost(1, epochs[1], Condition::Recovering);
    loss.join().unwrap();
    assert_eq!(lanes.shown().condition(), Condition::Recovering, "no lane is open");
}

/// A lane comes and goes while the connection drains, then closes.
fn close_and_opening() {
    let lanes = lanes(1);
    let dialling = beside(&lanes, move |opening| {
        let epoch = opening.opened(0, Some(Condition::Working));
        opening.lost(0, epoch, Condition::Recovering);
        opening.enter_without_lanes(Condition::Down);
    });
    lanes.enter(Condition::Draining);
    assert_eq!(lanes.shown().condition(), Condition::Draining, "draining is for good");
    lanes.enter(Condition::Closed);
    lanes.enter(Condition::Draining);
    dialling.join().unwrap();
    assert_eq!(lanes.shown().condition(), Condition::Closed, "closed is for good");
}

/// What waits on a lost lane is given to another, which is lost too meanwhile; a third one stays open.
fn move_and_loss() {
    let lanes = lanes(3);
    let outboxes = outboxes::<3>();
    let epoch = lanes.opened(1, Some(Condition::Working));
    lanes.opened(2, Some(Condition::Working));
    outboxes[0].push(Ticket(1), ()).unwrap();
    let (losing, theirs) = (Arc::clone(&lanes), Arc::clone(&outboxes));
    let loss = thread::spawn(move || {
        losing.lost(1, epoch, Condition::Recovering);
        losing.move_stranded(1, |lane| &theirs[lane], |_, _| (), |_, _| ());
    });
    lanes.move_stranded(0, |lane| &outboxes[lane], |_, _| (), |_, _| ());
    loss.join().unwrap();
    assert_eq!([0, 1, 2].map(|lane| outboxes[lane].len()), [0, 0, 1], "it is where a lane is open");
}

/// A deadline passes as the call's packet is moved: whoever is second takes it out of its queue.
fn move_and_time_out() {
    let (lanes, calls) = (lanes(2), Arc::new(InFlight::new()));
    let outboxes = outboxes::<2>();
    lanes.opened(1, Some(Condition::Working));
    let call = calls.insert(0, Waiter::Task(None)).unwrap();
    let ticket = Ticket(call.to_bits());
    outboxes[0].push(ticket, ()).unwrap();
    let (ending, theirs) = (Arc::clone(&calls), Arc::clone(&outboxes));
    let timeout = thread::spawn(move || {
        // As the library's `time_out`: the lane is read in the step that ends the call.
        let (told, lane) = ending.end_with(call, |lane: &mut usize| ("timeout", *lane)).unwrap();
        let _ = theirs[lane].remove(ticket);
        told.tell();
    });
    let moving = |_, open| {
        calls.with(call, |lane| *lane = open);
    };
    let moved = |ticket, open: usize| {
        if !calls.is_waiting(call) {
            let _ = outboxes[open].remove(ticket);
        }
    };
    lanes.move_stranded(0, |lane| &outboxes[lane], moving, moved);
    timeout.join().unwrap();
    assert_eq!([0, 1].map(|lane| outboxes[lane].len()), [0, 0], "the packet of an ended call is left");
}

/// A lane opens as something is queued on one that is not open.
fn push_and_opening() {
    let lanes = lanes(2);
    let outboxes = outboxes::<2>();
    let (opening, theirs) = (Arc::clone(&lanes), Arc::clone(&outboxes));
    let opener = thread::spawn(move || {
        opening.opened(1, Some(Condition::Working));
        opening.move_stranded(0, |lane| &theirs[lane], |_, _| (), |_, _| ());
    });
    for ticket in [1, 2] {
        outboxes[0].push(Ticket(ticket), ()).unwrap();
    }
    lanes.move_stranded(0, |lane| &outboxes[lane], |_, _| (), |_, _| ());
    opener.join().unwrap();
    assert_eq!([0, 1].map(|lane| outboxes[lane].len()), [0, 2], "all is where a lane is open");
}

#[test]
fn a_late_error_of_an_old_channel_never_hurts_the_new_one() {
    check(3, late_loss)
        .catches("lanes: the loss of any channel closes the lane", "the lane of the new channel is closed")
        .catches("in_flight: an ended call still counts on its channel", "an ended call is on no channel");
}

#[test]
fn a_connection_is_never_left_down_while_a_lane_is_open() {
    check(3, loss_and_opening).catches("lanes: it looks for open lanes before the step", "a lane is open");
}

#[test]
fn a_connection_is_never_left_working_without_a_lane() {
    check(3, loss_and_loss).catches("lanes: a lane is closed after its loss is shown", "no lane is open");
}

#[test]
fn draining_and_closed_are_for_good() {
    check(3, close_and_opening)
        .catches("lanes: a draining connection works again", "draining is for good")
        .catches("lanes: a closed connection opens again", "closed is for good");
}

#[test]
fn what_is_moved_never_waits_on_a_lane_that_is_lost_meanwhile() {
    check(3, move_and_loss).catches(
        "lanes: a lane that is lost meanwhile keeps what it was given",
        "it is where a lane is open",
    );
}

#[test]
fn what_is_queued_as_a_lane_opens_goes_there() {
    check(3, push_and_opening).catches("outbox: a drain takes only the first", "all is where a lane is open");
}

#[test]
fn a_packet_whose_call_ends_while_it_is_moved_is_taken_back() {
    check(3, move_and_time_out)
        .catches("lanes: nobody looks again at what was moved", "the packet of an ended call is left");
}
