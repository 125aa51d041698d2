//! Judges a run by its history: the invariants of a call, whatever went wrong.

use std::time::Duration;

use crate::fault::FaultKind;
use crate::history::{Call, End, Manner};
use crate::scenario::{Extra, LATE, Scenario};
use crate::stage::Stage;

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
        if self.calm && !answered && !came_late {
            return Err(format!("nothing went wrong, and call {number} ended as {}", end.name()));
        }
        if self.spared && matches!(end, End::Lost | End::LostUnsent) && !came_late {
            return Err(format!("no link was taken away, and call {number} ended as {}", end.name()));
        }
        if self.calm && end == End::Sent && call.executions.is_empty() && !came_late {
            return Err(format!("nothing went wrong, and message {number} was sent and never executed"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultPlan};
    use std::sync::Arc;

    const SECOND: Duration = Duration::from_secs(1);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A call of one second, made at 1 s, that was sent, executed once and answered.
    fn answered() -> Call {
        let mut call = Call::new(Manner::Call, SECOND, SECOND);
        call.ends.push((ms(1100), End::Reply));
        call.sent.push(ms(1010));
        call.executions.push(ms(1020));
        call
    }

    /// What a judge of a run with these faults says of `call`.
    fn judged(faults: &[FaultKind], scenario: &Scenario, call: &Call) -> Result<(), String> {
        let fault = |kind: &FaultKind| Fault::new(*kind, SECOND, SECOND);
        let plan = FaultPlan {
            seed: 0,
            scenario: scenario.name.to_owned(),
            world: "memory".to_owned(),
            calls: 1,
            heal_ms: 2000,
            faults: faults.iter().map(fault).collect(),
        };
        Judge::new(&Stage::new(plan, Arc::new(|| SECOND)), scenario).call(7, call)
    }

    fn quiet() -> Scenario {
        Scenario::quiet("quiet", "for these tests")
    }

    /// A call that is wrong in one way, with a cut link as an excuse for whatever it can excuse.
    fn said(change: impl FnOnce(&mut Call)) -> String {
        let mut call = answered();
        change(&mut call);
        judged(&[FaultKind::Reset], &quiet(), &call).expect_err("nothing was said")
    }

    #[test]
    fn a_call_that_is_as_it_must_be_is_passed() {
        assert_eq!(judged(&[], &quiet(), &answered()), Ok(()));
        assert_eq!(judged(&[FaultKind::Reset], &quiet(), &answered()), Ok(()));
    }

    #[test]
    fn each_rule_of_a_call_is_told_when_it_is_broken() {
        assert!(said(|call| call.ends.clear()).contains("had 0 outcomes"));
        assert!(said(|call| call.ends.push((ms(1200), End::Timeout))).contains("had 2 outcomes"));
        assert!(said(|call| call.ends[0].0 = ms(2051)).contains("its deadline was 1s"));
        assert!(said(|call| call.doomed = Some(ms(799))).contains("was lost with its channel"));
        assert!(said(|call| call.sent.push(ms(1050))).contains("was sent more than once"));
        assert!(said(|call| call.ends[0].1 = End::LostUnsent).contains("and was sent at"));
        assert!(said(|call| call.executions.push(ms(1030))).contains("was executed 2 times"));
        assert!(said(|call| call.ends[0].1 = End::Refused).contains("was executed 1 times"));
        assert!(said(|call| call.executions.clear()).contains("never executed"));
        assert!(said(|call| call.ends[0].1 = End::Failed).contains("failed unasked"));
        let why = |call: &mut Call| {
            call.ends[0].1 = End::WrongReply;
            call.wrong = Some("the reply to 8".to_owned());
        };
        assert_eq!(said(why), "the reply to 8");
        let probe = |call: &mut Call| (call.is_probe, call.ends[0].1) = (true, End::Timeout);
        assert!(said(probe).contains("made when all was healed, ended as timeout"));
    }

    #[test]
    fn a_flipped_bit_excuses_what_its_channel_carried_and_nothing_else() {
        let mut call = answered();
        call.ends[0].1 = End::WrongReply;
        let faults = [FaultKind::CorruptToClient];
        assert!(judged(&faults, &quiet(), &call).is_err(), "another channel's bit is no excuse");
        call.spoilt = true;
        assert_eq!(judged(&faults, &quiet(), &call), Ok(()));
        call.executions.push(ms(1030));
        assert!(judged(&faults, &quiet(), &call).unwrap_err().contains("was executed 2 times"));
    }

    #[test]
    fn what_takes_nothing_away_excuses_no_call_without_a_reply() {
        let mut lost = answered();
        lost.ends[0].1 = End::Lost;
        let mut late = answered();
        late.ends[0].1 = End::Timeout;
        let loses = |kind, call| judged(&[kind], &quiet(), call).is_err();
        assert!(loses(FaultKind::Storm, &lost) && loses(FaultKind::Storm, &late));
        assert!(loses(FaultKind::Slice, &lost) && !loses(FaultKind::Slice, &late));
        assert!(!loses(FaultKind::Reset, &lost));
        let closed = Scenario { closes_at: Some(SECOND), ..quiet() };
        assert_eq!(judged(&[], &closed, &lost), Ok(()), "it came when the client was being closed");
        let mut sent = answered();
        sent.manner = Manner::OneWay;
        sent.ends[0].1 = End::Sent;
        assert_eq!(judged(&[], &quiet(), &sent), Ok(()));
        sent.executions.clear();
        assert!(judged(&[], &quiet(), &sent).unwrap_err().contains("sent and never executed"));
    }
}
