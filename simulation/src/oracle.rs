//! Judges a run by its history: the invariants of a call, whatever went wrong.

use std::time::Duration;

use crate::fault::FaultKind;
use crate::history::{Call, End, Manner};
use crate::scenario::{Extra, Scenario};
use crate::stage::Stage;

/// How much later than its deadline a caller may be told: a turn of the scheduler, and the grain of the clock.
const LATE: Duration = Duration::from_millis(50);

/// How long after its channel was lost a caller is told so, at most.
const TOLD_WITHIN: Duration = Duration::from_millis(300);

/// What is not as it must be in the run of `stage`: what the parties saw, then what the history says.
#[must_use]
pub(crate) fn judge(stage: &Stage, scenario: &Scenario) -> Vec<String> {
    let mut violations = stage.violations();
    let judge = Judge::new(stage, scenario);
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
    /// Peers say what they like.
    hostile: bool,
    /// Nothing went wrong from outside that takes a link away.
    spared: bool,
    /// Nothing went wrong from outside that could lose or delay a call.
    calm: bool,
}

impl<'a> Judge<'a> {
    fn new(stage: &Stage, scenario: &'a Scenario) -> Self {
        let all = |is: fn(FaultKind) -> bool| stage.plan().faults.iter().all(|fault| is(fault.kind));
        let regular = scenario.is_calm && scenario.extra == Extra::None;
        let spared = regular && all(FaultKind::spares_links);
        let calm = regular && all(FaultKind::is_harmless);
        Self { scenario, hostile: scenario.extra == Extra::HostileServers, spared, calm }
    }

    fn call(&self, number: u64, call: &Call) -> Result<(), String> {
        let [(told, end)] = call.ends[..] else {
            return Err(format!("call {number} had {} outcomes: {:?}", call.ends.len(), call.ends));
        };
        self.in_time(number, call, told)?;
        self.executions(number, call, end)?;
        self.end(number, call, told, end)
    }

    fn in_time(&self, number: u64, call: &Call, told: Duration) -> Result<(), String> {
        let took = told.saturating_sub(call.began);
        // What wants no reply has no deadline of its own.
        if call.manner != Manner::OneWay && took > call.timeout + LATE {
            return Err(format!("call {number} ended after {took:?}, its deadline was {:?}", call.timeout));
        }
        match call.doomed {
            Some(doomed) if told.saturating_sub(doomed) > TOLD_WITHIN => Err(format!(
                "call {number} was lost with its channel at {doomed:?}, its caller was told at {told:?}"
            )),
            _ => Ok(()),
        }
    }

    fn executions(&self, number: u64, call: &Call, end: End) -> Result<(), String> {
        let name = end.name();
        if call.sent.len() > 1 {
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
        Ok(())
    }

    fn end(&self, number: u64, call: &Call, told: Duration, end: End) -> Result<(), String> {
        let excused = call.spoilt || self.hostile;
        let why = call.wrong.as_deref().unwrap_or_default();
        if end == End::WrongReply && !excused {
            return Err(why.to_owned());
        }
        if end == End::Failed && !call.may_fail && !excused {
            return Err(format!("call {number} failed unasked: {why}"));
        }
        if call.is_probe && end != End::Reply {
            return Err(format!(
                "call {number}, made when all was healed, ended as {} at {told:?}",
                end.name()
            ));
        }
        let answered = matches!(end, End::Reply | End::Sent | End::Cancelled | End::Failed);
        let closes = self.scenario.closes_at.map(|after| self.scenario.begins_at + after);
        let came_late = closes.is_some_and(|close| call.began + LATE >= close);
        if self.spared && matches!(end, End::Lost | End::LostUnsent) && !came_late {
            return Err(format!("no link was taken away, and call {number} ended as {}", end.name()));
        }
        if self.calm && !answered && !came_late {
            return Err(format!("nothing went wrong, and call {number} ended as {}", end.name()));
        }
        if self.calm && end == End::Sent && call.executions.is_empty() && !came_late {
            return Err(format!("nothing went wrong, and message {number} was sent and never executed"));
        }
        Ok(())
    }
}
