//! The calls of a connection in its table, its queues and its lanes, changed together: whatever races, each call ends once and
//! leaves nothing behind.

use std::collections::BTreeSet;
use std::task::Waker;

use super::in_flight::{CallId, Fate, InFlight, Told};
use super::lanes::{Condition, Lanes, OnLane, Shown};
use super::outbox::{Outbox, Ticket};
use crate::sync::{Arc, mutant};

/// What is known of a call has its place among it.
pub(crate) trait Placed {
    fn at(&mut self) -> &mut OnLane;
}

/// What a lane's packets wait in.
pub(crate) trait Queue {
    type Packet;

    fn outbox(&self) -> &Outbox<Self::Packet>;
}

/// Where the calls of a connection are.
pub(crate) struct Traffic<S, C, O, Q> {
    pub(crate) calls: InFlight<C, O>,
    pub(crate) lanes: Lanes<S>,
    /// Of each lane.
    pub(crate) queues: Box<[Arc<Q>]>,
}

/// What a call is told that is not taken any more, and who is to hear of each that ends so.
pub(crate) struct Refusing<'a, O> {
    pub(crate) outcome: &'a dyn Fn() -> O,
    pub(crate) ended: &'a dyn Fn(CallId),
}

impl<S: Shown, C: Placed, O, Q: Queue> Traffic<S, C, O, Q> {
    /// What is queued on `lane`.
    pub(crate) fn outbox(&self, lane: usize) -> &Outbox<Q::Packet> {
        self.queues[lane].outbox()
    }

    /// Queues the packet of a call that stands in the table already, and sees to it that it does not wait where nothing comes
    /// any more. `write` may write it in the place of the lane's writer, as for [`Outbox::push_and_write`].
    #[inline]
    pub(crate) fn queue(
        &self,
        lane: usize,
        id: CallId,
        packet: Q::Packet,
        write: impl FnOnce(&Waker) -> bool,
        refusing: &Refusing<'_, O>,
    ) {
        if self.outbox(lane).push_and_write(Ticket(id.to_bits()), packet, write).is_err() {
            // The close may have ended it already; either way its end is in the table, where its caller looks for it.
            self.refuse(id, refusing);
        }
        self.see_to_queued(lane, Some(id), refusing);
    }

    fn refuse(&self, id: CallId, refusing: &Refusing<'_, O>) {
        if let Ok(told) = self.calls.end(id, (refusing.outcome)()) {
            (refusing.ended)(id);
            told.tell();
        }
    }

    /// Sees to what was just queued on a lane that is not open, and may have come too late for who saw to the rest.
    pub(crate) fn see_to_queued(&self, lane: usize, id: Option<CallId>, refusing: &Refusing<'_, O>) {
        if self.lanes.is_open(lane) {
            return;
        }
        if let Some(id) = id {
            self.take_back_if_over(lane, Ticket(id.to_bits()));
        }
        self.move_if_stranded(lane);
        self.refuse_if_down(refusing);
    }

    /// Takes a packet out of the queue whose call ended while it was in no queue, when it could not be taken back.
    pub(crate) fn take_back_if_over(&self, lane: usize, ticket: Ticket) {
        if ticket.0 != 0 && !self.calls.is_waiting(CallId::from_bits(ticket.0)) {
            drop(self.outbox(lane).remove(ticket));
        }
    }

    /// Gives what is queued on a lane that is not open to one that is.
    pub(crate) fn move_if_stranded(&self, lane: usize) {
        let moving = |ticket: Ticket, open| {
            if ticket.0 != 0 {
                self.calls.with(CallId::from_bits(ticket.0), |call| call.at().lane = open);
            }
        };
        // A call may have ended while its packet was in neither queue.
        let moved = |ticket, open| self.take_back_if_over(open, ticket);
        self.lanes.move_stranded(lane, |lane| self.outbox(lane), moving, moved);
    }

    /// Where the endpoint is down, what waits for a channel is refused now, not at its deadline.
    pub(crate) fn refuse_if_down(&self, refusing: &Refusing<'_, O>) {
        if self.lanes.condition() != Condition::Down {
            return;
        }
        for lane in 0..self.lanes.len() {
            if self.lanes.is_open(lane) && !mutant("traffic: what waits on an open lane is refused") {
                continue;
            }
            for (ticket, packet) in self.outbox(lane).drain() {
                drop(packet);
                self.refuse(CallId::from_bits(ticket.0), refusing);
            }
        }
    }

    /// Ends a call wherever it stands, for a reason that depends on that; gives where it stood, so that its packet can be taken
    /// back or its peer told.
    pub(crate) fn end_where_it_stands<R>(
        &self,
        id: CallId,
        outcome: impl FnOnce(&mut C) -> (O, R),
    ) -> Option<(Told<C, O>, OnLane, R)> {
        // In one step: were the packet to leave between looking and ending, nobody would take it back.
        let ended = self.calls.end_with(id, |call| {
            let at = *call.at();
            let (outcome, more) = outcome(call);
            (outcome, (at, more))
        });
        let (told, (at, more)) = ended?;
        self.take_back(id, at);
        Some((told, at, more))
    }

    /// Takes the packet of a call that has ended out of the queue, unless it has left.
    pub(crate) fn take_back(&self, id: CallId, at: OnLane) {
        if at.epoch.is_none() {
            drop(self.outbox(at.lane).remove(Ticket(id.to_bits())));
        }
    }

    /// A channel of `lane` is lost, or takes nothing more: `fate` decides about each call that has left on it, in the order in
    /// which they left, and what is `unwritten` of those that go on goes to the front of the queue. A call that has ended, or
    /// was taken back from this channel before, has its packet there already or needs none. Returns whom to notify.
    #[must_use]
    pub(crate) fn lost(
        &self,
        lane: usize,
        epoch: u64,
        mut unwritten: Vec<(Ticket, Q::Packet)>,
        mut fate: impl FnMut(CallId, &mut C) -> Option<Fate<O>>,
    ) -> Vec<Told<C, O>> {
        let mut going_on = BTreeSet::new();
        let told = self.calls.end_left_on(channel_key(lane, epoch), |id, call| {
            let fate = fate(id, call);
            if matches!(fate, Some(Fate::GoesOn)) {
                call.at().epoch = None;
                going_on.insert(id.to_bits());
            }
            fate
        });
        unwritten.retain(|(ticket, _)| ticket.0 == 0 || going_on.contains(&ticket.0));
        self.put_back(lane, unwritten);
        told
    }

    /// Puts packets before all others of the lane, but for those whose calls have ended meanwhile.
    pub(crate) fn put_back(&self, lane: usize, packets: Vec<(Ticket, Q::Packet)>) {
        let tickets: Vec<_> = packets.iter().map(|(ticket, _)| *ticket).collect();
        let refused = self.outbox(lane).push_back_unwritten(packets);
        drop(refused);
        if !mutant("traffic: nobody looks again at what is put back") {
            tickets.into_iter().for_each(|ticket| self.take_back_if_over(lane, ticket));
        }
        self.move_if_stranded(lane);
    }

    /// The writer is about to write `batch` on a channel: takes out the packets whose calls have ended, and those for which
    /// `change` returns `false`.
    pub(crate) fn leave(
        &self,
        lane: usize,
        epoch: u64,
        batch: &mut Vec<(Ticket, Q::Packet)>,
        mut change: impl FnMut(&mut Q::Packet, &mut C) -> bool,
    ) {
        let id_of = |(ticket, _): &(Ticket, _)| (ticket.0 != 0).then(|| CallId::from_bits(ticket.0));
        self.calls.leave(channel_key(lane, epoch), batch, id_of, |(_, packet), call| {
            let leaves = change(packet, call);
            if leaves {
                *call.at() = OnLane { lane, epoch: Some(epoch) };
            }
            leaves
        });
    }

    /// Lets no call in any more and ends those that are left; what is queued is still written, until
    /// [`close_queues`](Self::close_queues).
    pub(crate) fn close(&self, closed: S::State, mut outcome: impl FnMut(&mut C) -> O) {
        self.lanes.enter(closed);
        let told = self.calls.close(|_, call| outcome(call));
        told.into_iter().for_each(Told::tell);
    }

    pub(crate) fn close_queues(&self) {
        self.queues.iter().for_each(|queue| drop(queue.outbox().close()));
    }
}

/// What tells a channel of a connection from all others that it has or had.
pub(crate) fn channel_key(lane: usize, epoch: u64) -> u64 {
    (lane as u64) << 48 | epoch
}
