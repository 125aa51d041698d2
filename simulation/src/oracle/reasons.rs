//! Reasons that callers are told.

use std::time::Duration;

use listenrain::{CallError, ErrorCode, Failure, LinkError, Overflow, Refusal, RemoteRefusal};

use super::Judge;
use crate::faults::{Family, FaultKind};
use crate::history::{Call, End};
use crate::scenario::LATE;

impl Judge<'_> {
    /// Whether what `call` was told at `told` is what happened.
    pub(super) fn is_true(&self, call: &Call, told: Duration, end: End) -> bool {
        match (end, &call.error) {
            (End::Timeout, _) => self.may_be_late(call, told) || self.left_late(call, told),
            (End::Expired, _) => self.may_be_late(call, told) || self.was_away(call, told),
            (End::Refused, Some(CallError::Refused(why))) => self.refusal(call, told, why),
            (End::Failed, Some(CallError::Failed(why))) => self.failure(call, told, why),
            (End::Lost | End::LostUnsent, Some(CallError::Lost { cause, .. })) => {
                self.loss(call, told, cause)
            }
            (End::Refused | End::Failed | End::Lost | End::LostUnsent, _) => false,
            _ => true,
        }
    }

    fn covers(&self, call: &Call, told: Duration, is: impl Fn(FaultKind) -> bool) -> bool {
        let server = self.scenario.reach.server(call.way, self.scenario.servers);
        self.excuses.covers(call, told, server, is)
    }

    fn may_be_late(&self, call: &Call, told: Duration) -> bool {
        call.is_endless || !self.scenario.is_calm || self.covers(call, told, |kind| self.delays(kind))
    }

    /// Whether `call` had to wait for another channel, since its server said goodbye, and then had too little time. What never
    /// began there has expired, unless it was on its way.
    fn left_late(&self, call: &Call, told: Duration) -> bool {
        let is_on_its_way = call.sent.last().is_some_and(|sent| told.saturating_sub(*sent) < LATE);
        self.was_drained(call, told) && (!call.executions.is_empty() || is_on_its_way)
    }

    pub(super) fn was_away(&self, call: &Call, told: Duration) -> bool {
        self.covers(call, told, FaultKind::keeps_away)
    }

    /// Whether a channel may have been lost with calls on it.
    pub(super) fn may_be_lost(&self, call: &Call, told: Duration) -> bool {
        self.covers(call, told, |kind| self.loses(kind))
    }

    /// Whether the server of `call` ended in an orderly way.
    pub(super) fn was_drained(&self, call: &Call, told: Duration) -> bool {
        self.covers(call, told, |kind| kind == FaultKind::Restart)
    }

    /// Whether the server of `call` may have said goodbye: one that is dropped says as much as it can.
    pub(super) fn may_have_heard_goodbye(&self, call: &Call, told: Duration) -> bool {
        self.covers(call, told, |kind| kind.family() == Family::Process)
    }

    /// Without a goodbye an orderly end is as good as a cut.
    fn loses(&self, kind: FaultKind) -> bool {
        kind.loses_links() || (kind == FaultKind::Restart && !self.says_everything)
    }

    fn delays(&self, kind: FaultKind) -> bool {
        kind.delays() || (kind == FaultKind::Restart && !self.says_everything)
    }

    fn is_closing(&self, told: Duration) -> bool {
        self.closes.is_some_and(|close| told >= close)
    }

    fn refusal(&self, call: &Call, told: Duration, why: &Refusal) -> bool {
        match why {
            Refusal::Down { .. } => self.was_away(call, told),
            Refusal::Full { .. } => self.scenario.client.when_full == Overflow::Refuse,
            Refusal::Draining | Refusal::Closed => self.is_closing(told),
            Refusal::GivenUp { .. } => self.may_be_lost(call, told),
            Refusal::Panicked { .. } => self.callbacks.loses(),
            Refusal::ByPeer(why) => match why {
                RemoteRefusal::Overloaded => self.scenario.server.refuses || self.is_full,
                RemoteRefusal::Draining => self.may_have_heard_goodbye(call, told),
                RemoteRefusal::Expired => self.may_be_late(call, told) || self.was_drained(call, told),
                RemoteRefusal::TooLarge { .. } => call.is_too_large,
                _ => false,
            },
            _ => false,
        }
    }

    fn failure(&self, call: &Call, told: Duration, why: &Failure) -> bool {
        call.may_fail
            || match why {
                Failure::Remote(remote) => match remote.code {
                    ErrorCode::Deadline => self.may_be_late(call, told) || self.left_late(call, told),
                    ErrorCode::NoReply | ErrorCode::Panic => self.handlers.loses(),
                    _ => false,
                },
                Failure::NotRun => self.callbacks.loses(),
                _ => false,
            }
    }

    fn loss(&self, call: &Call, told: Duration, cause: &LinkError) -> bool {
        match cause {
            // What is cut off at the end of the time that a close is given had something to wait for.
            LinkError::Closed => self.is_closing(told) && self.may_be_late(call, told),
            LinkError::Panic(_) => false,
            LinkError::Packet(_) => self.covers(call, told, FaultKind::corrupts),
            LinkError::Unanswered { .. } => !self.says_everything,
            _ => self.may_be_lost(call, told),
        }
    }
}
