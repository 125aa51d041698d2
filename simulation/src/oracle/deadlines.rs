//! Deadlines of calls, and how often each was sent and executed.

use std::time::Duration;

use super::Judge;
use crate::history::{Call, End, Manner};
use crate::scenario::LATE;

/// How long after its channel was lost a caller is told so, at most.
const TOLD_WITHIN: Duration = Duration::from_millis(300);

impl Judge<'_> {
    pub(super) fn in_time(&self, number: u64, call: &Call, told: Duration) -> Result<(), String> {
        let took = told.saturating_sub(call.began);
        // What wants no reply has no deadline of its own.
        if call.manner != Manner::OneWay && took > call.timeout + LATE {
            return Err(format!("call {number} ended after {took:?}, its deadline was {:?}", call.timeout));
        }
        // What the server says at its end that it has not taken waits for the next channel.
        let waits = call.executions.is_empty() && self.may_have_heard_goodbye(call, told);
        match call.doomed {
            Some(doomed) if !waits && told.saturating_sub(doomed) > TOLD_WITHIN => Err(format!(
                "call {number} was lost with its channel at {doomed:?}, its caller was told at {told:?}"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn executions(
        &self,
        number: u64,
        call: &Call,
        told: Duration,
        end: End,
    ) -> Result<(), String> {
        let name = end.name();
        // What a goodbye says that it was not taken leaves again.
        let leaves_again = self.may_have_heard_goodbye(call, told) || self.scenario.server.max_age.is_some();
        if call.sent.len() > 1 && !leaves_again {
            let times = &call.sent;
            return Err(format!(
                "call {number}, which ended as {name}, was sent more than once: at {times:?}"
            ));
        }
        if end == End::LostUnsent && !call.sent.is_empty() {
            return Err(format!("call {number} ended as {name}, and was sent at {:?}", call.sent[0]));
        }
        let times = call.executions.len();
        // What a spoilt reply says need not be so; that it is executed once at most, is.
        let most = usize::from(!end.never_executed() || call.spoilt);
        if times > most {
            return Err(format!("call {number}, which ended as {name}, was executed {times} times"));
        }
        if end == End::Reply && times == 0 {
            return Err(format!("call {number} was answered, and never executed"));
        }
        if call.is_too_large && times > 0 {
            return Err(format!("call {number} is larger than its server allows, and was executed"));
        }
        let (ran, deadline) = (call.ran_for, call.timeout);
        if self.ends_handlers && call.manner != Manner::OneWay && !call.spoilt && ran > deadline + LATE {
            return Err(format!(
                "the handler of call {number} ran for {ran:?}, its deadline was {deadline:?}"
            ));
        }
        Ok(())
    }
}
