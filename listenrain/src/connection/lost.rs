//! Lost channels: the outcome of their calls, after a loss, a goodbye or failed dials.

use std::collections::HashMap;

use super::Shared;
use super::context::Context;
use super::replies::Held;
use super::role::is_users;
use crate::counters::count;
use crate::error::{CallError, Outcome, Refusal, Sent};
use crate::link::{LinkEnd, Unwritten};
use crate::packet::Goodbye;
use crate::primitives::in_flight::{CallId, Fate, Told};
use crate::primitives::outbox::Ticket;
use crate::primitives::traffic::Refusing;

/// A request that was being written when as many channels were lost may be what they were lost by.
const MOST_LOST_CHANNELS: u32 = 3;

impl Shared {
    /// Ends the calls that had left on this epoch of the lane; those that certainly had not go on to the next channel.
    pub(super) fn end_lost_calls(&self, lane: usize, epoch: u64, end: LinkEnd) {
        let LinkEnd { cause, mut unwritten, .. } = end;
        // Answers to pings and cancels belong to the channel that is gone.
        unwritten.retain(|packet| is_users(packet.queued.kind()));
        let stay: HashMap<u64, bool> =
            unwritten.iter().map(|packet| (packet.ticket.0, packet.is_cut)).collect();
        let resends = self.options.resend_unsent;
        // A one-way message that was cut has no caller who counts; it is not tried again.
        let goes_on = |packet: &Unwritten| resends && (packet.ticket.0 != 0 || !packet.is_cut);
        let (again, dropped): (Vec<_>, Vec<_>) = unwritten.into_iter().partition(goes_on);
        let one_ways = dropped.iter().filter(|packet| packet.ticket.0 == 0);
        one_ways.for_each(|_| count(&self.counters.dropped_one_ways));
        drop(dropped);
        let again = again.into_iter().map(|packet| (packet.ticket, packet.queued)).collect();
        let mut gone = Vec::new();
        let told = self.traffic.lost(lane, epoch, again, |id, context| {
            let is_cut = stay.get(&id.to_bits());
            context.lost_channels += u32::from(is_cut == Some(&true));
            let error = match is_cut {
                Some(_) if context.lost_channels >= MOST_LOST_CHANNELS => {
                    count(&self.counters.refused);
                    CallError::Refused(Refusal::GivenUp { channels: context.lost_channels })
                }
                Some(_) if resends => return Some(Fate::GoesOn),
                Some(_) => CallError::Lost { sent: Sent::No, cause: cause.clone() },
                None => CallError::Lost { sent: Sent::Maybe, cause: cause.clone() },
            };
            gone.push(id);
            Some(Fate::End(Err(error)))
        });
        self.forget_and_tell(gone, told);
    }

    /// The peer takes nothing more on this channel: calls that it has not taken leave on another one, or are refused.
    pub(super) fn take_back_untaken(&self, lane: usize, epoch: u64, goodbye: &Goodbye) {
        let (mut again, mut gone) = (Vec::new(), Vec::new());
        let told = self.traffic.lost(lane, epoch, Vec::new(), |id, context| {
            if context.number < goodbye.requests {
                return None;
            }
            let Some(payload) = context.payload.take() else {
                gone.push(id);
                let why = Refusal::ByPeer(goodbye.why.of_request());
                return Some(Fate::End(Err(CallError::Refused(why))));
            };
            let room = std::mem::take(&mut context.room);
            again.push((Ticket(id.to_bits()), self.packet(id, payload, context.deadline, room)));
            Some(Fate::GoesOn)
        });
        self.traffic.put_back(lane, again);
        self.forget_and_tell(gone, told);
    }

    /// The queue of a lane has panicked, and what stood in it is lost: ends the calls of that lane.
    pub(super) fn see_to_queue(&self, lane: usize) {
        let Some(text) = self.traffic.queues[lane].take_queue_fault() else { return };
        count(&self.counters.panics);
        let mut gone = Vec::new();
        let told = self.traffic.calls.end_where(|id, context| {
            let is_lost = context.at.lane == lane && context.at.epoch.is_none() && context.line.is_none();
            is_lost.then(|| {
                gone.push(id);
                Err(CallError::Refused(Refusal::Panicked { part: "queue", text: text.clone() }))
            })
        });
        self.forget_and_tell(gone, told);
    }

    /// Runs `run` with what calls are told that are not taken any more, and forgets each before it is told.
    pub(super) fn refusing<T>(&self, run: impl FnOnce(&Refusing<'_, Outcome<Held>>) -> T) -> T {
        let outcome = || Err(CallError::Refused(self.refusal(&self.state())));
        let ended = |id| {
            count(&self.counters.refused);
            self.deadlines.remove(id);
            self.forget(id, false);
            self.note_settled();
        };
        run(&Refusing { outcome: &outcome, ended: &ended })
    }

    /// Frees the ids of calls that have ended without replies, then tells their callers, who may use them again.
    fn forget_and_tell(&self, gone: Vec<CallId>, told: Vec<Told<Box<Context>, Outcome<Held>>>) {
        gone.into_iter().for_each(|id| self.forget(id, false));
        told.into_iter().for_each(Told::tell);
        self.note_settled();
    }
}
