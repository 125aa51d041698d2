//! Judges a run by its history: the invariants of a call, whatever went wrong.
//!
//! Whatever went wrong excuses what it can have done: to calls that were under way meanwhile, or until its parties can have
//! [recovered](crate::fault::FaultKind::recovery), and that went where it happened. A call that was not answered must have been
//! told a reason that holds; one that its server never began must not be told that it may have run, where both sides say
//! goodbye and the server ended in an orderly way.

mod excuses;
mod reasons;

use std::time::Duration;

use self::excuses::Excuses;
use crate::history::{Call, End, Manner};
use crate::scenario::{Extra, LATE, Runs, Scenario};
use crate::stack::{CALLBACKS, HANDLERS, Stack};
use crate::stage::Stage;

/// How long after its channel was lost a caller is told so, at most.
const TOLD_WITHIN: Duration = Duration::from_millis(300);
/// How long after it left a one-way message may be lost with its channel.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// What is not as it must be in the run of `stage`: what the parties saw, then what the history says.
#[must_use]
pub(crate) fn judge(stage: &Stage, scenario: &Scenario, stack: &dyn Stack) -> Vec<String> {
    let mut violations = stage.violations();
    let judge = Judge::new(stage, scenario, stack.says_everything(), stack.follows_setup());
    stage.with_history(|history| {
        for (number, call) in history.calls() {
            if let Err(why) = judge.call(*number, call) {
                violations.push(why);
            }
        }
    });
    violations.truncate(MOST);
    violations
}

const MOST: usize = 20;

struct Judge<'a> {
    scenario: &'a Scenario,
    /// Both sides can say all that the native protocol can.
    says_everything: bool,
    /// The server ends handlers at their deadlines.
    ends_handlers: bool,
    /// Peers say what they like.
    hostile: bool,
    /// Others take up the server.
    is_full: bool,
    excuses: Excuses,
    /// When the client was closed in the middle of the load.
    closes: Option<Duration>,
    handlers: Runs,
    callbacks: Runs,
}

impl<'a> Judge<'a> {
    fn new(stage: &Stage, scenario: &'a Scenario, says_everything: bool, follows_setup: bool) -> Self {
        let runs = |runs: Runs, whom| match follows_setup {
            true => runs.of(stage.plan().seed, whom),
            false => Runs::Default,
        };
        Self {
            scenario,
            says_everything,
            ends_handlers: follows_setup,
            hostile: scenario.extra == Extra::HostileServers,
            is_full: matches!(scenario.extra, Extra::Guests(_)),
            excuses: Excuses::new(stage, scenario, says_everything),
            closes: scenario.closes_at.map(|after| scenario.begins_at + after),
            handlers: runs(scenario.server.runs, HANDLERS),
            callbacks: runs(scenario.client.runs, CALLBACKS),
        }
    }

    fn call(&self, number: u64, call: &Call) -> Result<(), String> {
        let [(told, end)] = call.ends[..] else {
            return Err(format!("call {number} had {} outcomes: {:?}", call.ends.len(), call.ends));
        };
        self.in_time(number, call, told)?;
        self.executions(number, call, told, end)?;
        self.end(number, call, told, end)
    }

    fn in_time(&self, number: u64, call: &Call, told: Duration) -> Result<(), String> {
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

    fn executions(&self, number: u64, call: &Call, told: Duration, end: End) -> Result<(), String> {
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

    fn end(&self, number: u64, call: &Call, told: Duration, end: End) -> Result<(), String> {
        let excused = call.spoilt || self.hostile;
        if end == End::WrongReply && !excused {
            return Err(call.wrong.clone().unwrap_or_default());
        }
        let is_lost_job = end == End::Failed && self.is_true(call, told, end);
        if call.is_probe && end != End::Reply && !is_lost_job {
            return Err(format!(
                "call {number}, made when all was healed, ended as {} at {told:?}",
                end.name()
            ));
        }
        if excused || self.is_true(call, told, end) {
            return self.one_way(number, call, told, end);
        }
        let reason = call.error.as_ref().map(|error| format!(": {error:?}")).unwrap_or_default();
        let name = end.name();
        Err(if end == End::Failed {
            format!("call {number} failed unasked{reason}")
        } else if end == End::Lost && !self.is_full && self.was_drained(call, told) {
            let ran = if call.executions.is_empty() { "never began" } else { "began" };
            format!(
                "the server of call {number}, which {ran}, ended in an orderly way, and the call as {name}{reason}"
            )
        } else {
            format!(
                "call {number} ended as {name}, and nothing that went wrong then and there is why{reason}"
            )
        })
    }

    fn one_way(&self, number: u64, call: &Call, told: Duration, end: End) -> Result<(), String> {
        let is_missing = end == End::Sent && call.executions.is_empty() && !call.is_too_large;
        let until = told + ON_ITS_WAY;
        let came_late = self.closes.is_some_and(|close| call.began + LATE >= close);
        let is_regular = self.scenario.is_calm && !self.hostile && !self.handlers.loses();
        // One that waited for a channel when the last hope of one went is dropped, and counted.
        let is_lost = self.may_be_lost(call, until) || self.was_away(call, until);
        let is_excused = call.spoilt || came_late || call.may_fail || is_lost;
        let was_ended = self.was_drained(call, until) || self.scenario.server.max_age.is_some();
        if is_missing && is_regular && !is_excused && !was_ended {
            return Err(format!("nothing went wrong, and message {number} was sent and never executed"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
