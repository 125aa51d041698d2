//! What becomes of calls when their channel is lost, their peer says goodbye, or no channel can be had.

use std::collections::HashMap;

use super::replies::Held;
use super::role::is_users;
use super::state::ConnectionState;
use super::{Context, Shared, channel_key};
use crate::counters::count;
use crate::error::{CallError, Outcome, Refusal, RemoteRefusal, Sent};
use crate::link::{LinkEnd, Unwritten};
use crate::packet::{Goodbye, GoodbyeReason};
use crate::primitives::in_flight::{CallId, Fate, Told};
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

/// A request that was being written when as many channels were lost may be what they were lost by.
const MOST_LOST_CHANNELS: u32 = 3;

type Tellings = Vec<Told<Context, Outcome<Held>>>;

impl Shared {
    /// Ends the calls that had left on this epoch of the lane; those that certainly had not go on to the next channel.
    pub(super) fn end_lost_calls(&self, lane: usize, epoch: u64, end: LinkEnd) {
        let LinkEnd { cause, mut unwritten, .. } = end;
        // Answers to pings and cancels belong to the channel that is gone.
        unwritten.retain(|packet| is_users(packet.queued.kind()));
        let stay: HashMap<u64, bool> =
            unwritten.iter().map(|packet| (packet.ticket.0, packet.is_cut)).collect();
        let (mut gone, resends) = (Vec::new(), self.options.resend_unsent);
        let told = self.calls.end_left_on(channel_key(lane, epoch), |id, context| {
            let is_cut = stay.get(&id.to_bits());
            context.lost_channels += u32::from(is_cut == Some(&true));
            let error = match is_cut {
                Some(_) if context.lost_channels >= MOST_LOST_CHANNELS => {
                    CallError::Refused(Refusal::GivenUp { channels: context.lost_channels })
                }
                Some(_) if resends => {
                    context.at.epoch = None;
                    return Some(Fate::GoesOn);
                }
                Some(_) => CallError::Lost { sent: Sent::No, cause: cause.clone() },
                None => CallError::Lost { sent: Sent::Maybe, cause: cause.clone() },
            };
            gone.push(id);
            Some(Fate::End(Err(error)))
        });
        for id in gone {
            self.forget(id, false);
        }
        // A one-way message that was cut has no caller who counts; it is not tried again.
        let goes_on = |packet: &Unwritten| resends && (packet.ticket.0 != 0 || !packet.is_cut);
        let (again, dropped): (Vec<_>, Vec<_>) = unwritten.into_iter().partition(goes_on);
        dropped.iter().for_each(|_| count(&self.counters.dropped_one_ways));
        drop(dropped);
        self.put_back(lane, again.into_iter().map(|packet| (packet.ticket, packet.queued)).collect());
        told.into_iter().for_each(Told::tell);
        self.note_settled();
    }

    /// Puts packets before all others of the lane, but for those whose calls have ended meanwhile.
    fn put_back(&self, lane: usize, packets: Vec<(Ticket, Queued)>) {
        let tickets: Vec<_> = packets.iter().map(|(ticket, _)| *ticket).collect();
        let refused = self.signals[lane].outbox.push_back_unwritten(packets);
        drop(refused);
        tickets.into_iter().for_each(|ticket| self.take_back_if_over(lane, ticket));
        self.move_if_stranded(lane);
    }

    /// The peer takes nothing more on this channel: calls that it has not taken leave on another one, or are refused.
    pub(super) fn take_back_untaken(&self, lane: usize, epoch: u64, goodbye: &Goodbye) {
        let (mut again, mut gone) = (Vec::new(), Vec::new());
        let told = self.calls.end_left_on(channel_key(lane, epoch), |id, context| {
            if context.number < goodbye.requests {
                return None;
            }
            let Some(payload) = context.payload.take() else {
                gone.push(id);
                let why = Refusal::ByPeer(refusal(goodbye.why));
                return Some(Fate::End(Err(CallError::Refused(why))));
            };
            let room = std::mem::take(&mut context.room);
            again.push((Ticket(id.to_bits()), self.packet(id, payload, context.deadline, room)));
            context.at.epoch = None;
            Some(Fate::GoesOn)
        });
        for id in gone {
            self.forget(id, false);
        }
        self.put_back(lane, again);
        told.into_iter().for_each(Told::tell);
        self.note_settled();
    }

    /// The queue of a lane has panicked, and what stood in it is lost: ends the calls of that lane.
    pub(super) fn see_to_queue(&self, lane: usize) {
        let Some(text) = self.signals[lane].take_queue_fault() else { return };
        count(&self.counters.panics);
        let mut gone = Vec::new();
        let told = self.calls.end_where(|id, context| {
            let is_lost = context.at.lane == lane && context.at.epoch.is_none() && context.line.is_none();
            is_lost.then(|| {
                gone.push(id);
                Err(CallError::Refused(Refusal::Panicked { part: "queue", text: text.clone() }))
            })
        });
        for id in gone {
            self.deadlines.remove(id);
            self.forget(id, false);
        }
        told.into_iter().for_each(Told::tell);
        self.note_settled();
    }

    /// Sees to what was just queued on a lane that is not open, and may have come too late for whoever saw to the rest.
    pub(super) fn see_to_queued(&self, lane: usize, call: Option<CallId>) {
        self.see_to_queue(lane);
        if self.lanes.is_open(lane) {
            return;
        }
        if let Some(call) = call {
            self.take_back_if_over(lane, Ticket(call.to_bits()));
        }
        self.move_if_stranded(lane);
        self.refuse_queued();
    }

    /// Takes a packet out of the queue whose call ended while it was in none, when nobody could take it back.
    fn take_back_if_over(&self, lane: usize, ticket: Ticket) {
        if ticket.0 != 0 && !self.calls.is_waiting(CallId::from_bits(ticket.0)) {
            drop(self.signals[lane].outbox.remove(ticket));
            self.note_settled();
        }
    }

    /// Gives what is queued on a lane that is not open to one that is.
    pub(super) fn move_if_stranded(&self, lane: usize) {
        let outbox_of = |lane: usize| &self.signals[lane].outbox;
        let moving = |ticket: Ticket, open| {
            if ticket.0 != 0 {
                self.calls.with(CallId::from_bits(ticket.0), |context| context.at.lane = open);
            }
        };
        // A call may have ended while its packet was in neither queue.
        self.lanes
            .move_stranded(lane, outbox_of, moving, |ticket, open| self.take_back_if_over(open, ticket));
    }

    /// The endpoint is down: what waits for a channel is refused now, not at its deadline.
    pub(super) fn refuse_queued(&self) {
        let state = self.state().clone();
        if !matches!(state, ConnectionState::Down { .. }) {
            return;
        }
        let mut told = Vec::new();
        for (lane, signal) in self.signals.iter().enumerate() {
            if self.lanes.is_open(lane) {
                continue;
            }
            for (ticket, queued) in signal.outbox.drain() {
                self.refuse_one(ticket, queued, &state, &mut told);
            }
        }
        told.into_iter().for_each(Told::tell);
        self.note_settled();
    }

    fn refuse_one(&self, ticket: Ticket, queued: Queued, state: &ConnectionState, told: &mut Tellings) {
        count(&self.counters.refused);
        drop(queued);
        if ticket.0 != 0 {
            let id = CallId::from_bits(ticket.0);
            self.forget(id, false);
            told.extend(self.calls.end(id, Err(CallError::Refused(self.refusal(state)))).ok());
        }
    }
}

/// What a goodbye says of one request.
fn refusal(why: GoodbyeReason) -> RemoteRefusal {
    match why {
        GoodbyeReason::Full => RemoteRefusal::Overloaded,
        GoodbyeReason::NotAdmitted | GoodbyeReason::Version => RemoteRefusal::NoServer,
        _ => RemoteRefusal::Draining,
    }
}
