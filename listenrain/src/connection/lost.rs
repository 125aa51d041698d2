//! What becomes of calls when their channel is lost, or none can be had.

use std::collections::HashSet;

use super::replies::Held;
use super::state::ConnectionState;
use super::{Context, Shared};
use crate::counters::count;
use crate::error::{CallError, Outcome, Sent};
use crate::link::LinkEnd;
use crate::packet::Kind;
use crate::primitives::in_flight::{CallId, Told};
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

impl Shared {
    /// Ends the calls that had left on this epoch of the lane; those that certainly had not go on to the next channel.
    pub(super) fn end_lost_calls(&self, lane: usize, epoch: u64, end: LinkEnd) {
        let LinkEnd { cause, mut unwritten, .. } = end;
        // Answers to pings and cancels belong to the channel that is gone.
        unwritten.retain(|(_, queued)| matches!(queued.kind(), Kind::Request | Kind::OneWay));
        let stay: HashSet<u64> = unwritten.iter().map(|(ticket, _)| ticket.0).collect();
        let mut gone = Vec::new();
        let told = self.calls.end_where(|id, context| {
            if !context.at.has_left_on(lane, epoch) {
                return None;
            }
            let unsent = stay.contains(&id.to_bits());
            if unsent && self.options.resend_unsent {
                context.at.epoch = None;
                return None;
            }
            gone.push(id);
            let sent = if unsent { Sent::No } else { Sent::Maybe };
            Some(Err(CallError::Lost { sent, cause: cause.clone() }))
        });
        for id in gone {
            self.forget(id, false);
        }
        if !self.options.resend_unsent {
            unwritten.clear();
        }
        let refused = self.signals[lane].outbox.push_back_unwritten(unwritten);
        drop(refused);
        if self.options.resend_unsent {
            stay.into_iter().for_each(|ticket| self.take_back_if_over(lane, Ticket(ticket)));
        }
        self.move_if_stranded(lane);
        told.into_iter().for_each(Told::tell);
        self.note_settled();
    }

    /// Sees to what was just queued on a lane that is not open, and may have come too late for whoever saw to the rest.
    pub(super) fn see_to_queued(&self, lane: usize, call: Option<CallId>) {
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

    fn refuse_one(
        &self,
        ticket: Ticket,
        queued: Queued,
        state: &ConnectionState,
        told: &mut Vec<Told<Context, Outcome<Held>>>,
    ) {
        count(&self.counters.refused);
        drop(queued);
        if ticket.0 != 0 {
            let id = CallId::from_bits(ticket.0);
            self.forget(id, false);
            if let Ok(next) = self.calls.end(id, Err(CallError::Refused(self.refusal(state)))) {
                told.push(next);
            }
        }
    }
}
