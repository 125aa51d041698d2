//! Judges a run by its history: the invariants of a call, whatever went wrong.
//!
//! A fault excuses what it can have caused: to calls that were under way meanwhile, or until its parties can have
//! [recovered](crate::faults::FaultKind::recovery), and that went where it happened. A call that was not answered must have
//! been told a reason that holds; one that its server never began must not be told that it may have run, where both sides say
//! goodbye and the server ended in an orderly way.

mod deadlines;
mod excuses;
mod reasons;

use std::time::Duration;

use self::excuses::Excuses;
use crate::context::RunContext;
use crate::history::{Call, End};
use crate::scenario::{Extra, LATE, Runs, Scenario};
use crate::stack::{CALLBACKS, HANDLERS, Stack};

/// How long after it left a one-way message may be lost with its channel.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// What is not as it must be in the run of `context`: what the parties saw, then what the history says.
#[must_use]
pub(crate) fn judge(context: &RunContext, scenario: &Scenario, stack: &dyn Stack) -> Vec<String> {
    let mut violations = context.violations();
    let judge = Judge::new(context, scenario, stack.says_everything(), stack.follows_setup());
    context.with_history(|history| {
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
    fn new(context: &RunContext, scenario: &'a Scenario, says_everything: bool, follows_setup: bool) -> Self {
        let runs = |runs: Runs, whom| match follows_setup {
            true => runs.of(context.plan().seed, whom),
            false => Runs::Default,
        };
        Self {
            scenario,
            says_everything,
            ends_handlers: follows_setup,
            hostile: scenario.extra == Extra::HostileServers,
            is_full: matches!(scenario.extra, Extra::Guests(_)),
            excuses: Excuses::new(context, scenario, says_everything),
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
mod tests {
    use std::sync::Arc;

    use listenrain::{
        CallError, ErrorCode, Failure, GoodbyeReason, LinkError, Refusal, RemoteError, RemoteRefusal, Sent,
    };

    use super::*;
    use crate::faults::{Fault, FaultKind, FaultPlan};
    use crate::history::Manner;
    use crate::scenario::Reach;

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

    /// The same, but for how it ended.
    fn ended(error: CallError) -> Call {
        let mut call = answered();
        call.ends[0].1 = End::of(&error);
        if call.ends[0].1.never_executed() {
            call.executions.clear();
            call.sent.clear();
        }
        call.error = Some(error);
        call
    }

    fn lost(sent: Sent) -> CallError {
        CallError::Lost { sent, cause: LinkError::PeerClosed }
    }

    fn refused(why: RemoteRefusal) -> CallError {
        CallError::Refused(Refusal::ByPeer(why))
    }

    /// A fault from 1 s to 2 s.
    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, SECOND, SECOND)
    }

    /// A run in which these faults have happened.
    fn context(faults: &[Fault]) -> RunContext {
        let plan = FaultPlan { heal_ms: 2000, faults: faults.to_vec(), ..FaultPlan::default() };
        let context = RunContext::new(plan, Arc::new(|| SECOND));
        (0..faults.len()).for_each(|number| context.fired(number, 0, false));
        context
    }

    /// What a judge of a run in which these faults have happened says of `call`.
    fn judged(faults: &[Fault], scenario: &Scenario, call: &Call) -> Result<(), String> {
        Judge::new(&context(faults), scenario, true, true).call(7, call)
    }

    fn quiet() -> Scenario {
        Scenario::quiet("quiet", "for these tests")
    }

    /// A call that is wrong in one way, with a cut link as an excuse for whatever it can excuse.
    fn said(change: impl FnOnce(&mut Call)) -> String {
        let mut call = answered();
        change(&mut call);
        judged(&[fault(FaultKind::Reset)], &quiet(), &call).expect_err("nothing was said")
    }

    fn is_excused(faults: &[Fault], call: &Call) -> bool {
        judged(faults, &quiet(), call).is_ok()
    }

    #[test]
    fn a_call_that_is_as_it_must_be_is_passed() {
        assert_eq!(judged(&[], &quiet(), &answered()), Ok(()));
        assert_eq!(judged(&[fault(FaultKind::Reset)], &quiet(), &answered()), Ok(()));
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
        assert!(said(|call| call.ends[0].1 = End::Expired).contains("was executed 1 times"));
        assert!(said(|call| call.executions.clear()).contains("never executed"));
        assert!(said(|call| call.ends[0].1 = End::Failed).contains("failed unasked"));
        assert!(said(|call| call.ran_for = ms(1051)).contains("ran for 1.051s, its deadline was 1s"));
        assert!(
            said(|call| call.is_too_large = true).contains("larger than its server allows, and was executed")
        );
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
        let faults = [fault(FaultKind::CorruptToClient)];
        assert!(!is_excused(&faults, &call), "another channel's bit is no excuse");
        call.spoilt = true;
        assert!(is_excused(&faults, &call));
        call.executions.push(ms(1030));
        assert!(judged(&faults, &quiet(), &call).unwrap_err().contains("was executed 2 times"));
    }

    #[test]
    fn a_fault_excuses_what_it_can_have_done() {
        // Broken by an oracle to which any fault is an excuse for anything.
        let (lost, late) = (ended(lost(Sent::Maybe)), ended(CallError::Timeout));
        let (unsent, expired) = (ended(self::lost(Sent::No)), ended(CallError::Expired));
        let down = ended(CallError::Refused(Refusal::Down { endpoint: String::new(), cause: None }));
        // Of what left late something came of it.
        for (kind, excused) in [
            (FaultKind::Storm, [false; 5]),
            (FaultKind::Slice, [false, true, false, true, false]),
            (FaultKind::DialRefused, [false, false, false, true, true]),
            (FaultKind::Restart, [false, true, false, true, true]),
            (FaultKind::Reset, [true; 5]),
        ] {
            let said = [&lost, &late, &unsent, &expired, &down].map(|call| is_excused(&[fault(kind)], call));
            assert_eq!(said, excused, "{kind}");
        }
    }

    #[test]
    fn a_fault_excuses_only_what_was_under_way_then_and_there() {
        // Broken by an oracle to which a fault excuses whatever goes wrong in its run.
        let lost = ended(lost(Sent::Maybe));
        let with = |change: fn(&mut Fault)| {
            let mut fault = fault(FaultKind::Reset);
            change(&mut fault);
            judged(&[fault], &quiet(), &lost)
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|fault| fault.at_ms = 1100), Ok(()), "it began as the call ended");
        let too_late = with(|fault| fault.at_ms = 1101).unwrap_err();
        assert!(
            too_late.contains("call 7 ended as lost, and nothing that went wrong then and there is why"),
            "{too_late}"
        );
        let recovered = |fault: &mut Fault| (fault.at_ms, fault.for_ms) = (0, 500);
        assert_eq!(with(recovered), Ok(()), "it takes half a second to recover from");
        assert!(with(|fault| (fault.at_ms, fault.for_ms) = (0, 499)).is_err());

        let two = Scenario { servers: 2, ..quiet() };
        let elsewhere = Fault { server: Some(1), ..fault(FaultKind::Reset) };
        let there = Fault { server: Some(0), ..elsewhere.clone() };
        assert!(judged(std::slice::from_ref(&elsewhere), &two, &lost).is_err());
        assert_eq!(judged(&[there], &two, &lost), Ok(()));
        let either = Scenario { reach: Reach::Standby, ..two };
        assert_eq!(judged(&[elsewhere], &either, &lost), Ok(()), "it may have been led there");
    }

    #[test]
    fn a_fault_that_has_not_happened_excuses_nothing() {
        let (lost, context) = (ended(lost(Sent::Maybe)), context(&[]));
        let mut plan = context.plan().clone();
        plan.faults = vec![fault(FaultKind::Reset)];
        let context = RunContext::new(plan, Arc::new(|| SECOND));
        let said = Judge::new(&context, &quiet(), true, true).call(7, &lost).unwrap_err();
        assert!(said.contains("nothing that went wrong then and there is why: Lost"), "{said}");
    }

    #[test]
    fn what_a_drained_server_never_began_is_not_told_as_maybe() {
        let mut never = ended(lost(Sent::Maybe));
        never.executions.clear();
        let restart = [fault(FaultKind::Restart)];
        let said = judged(&restart, &quiet(), &never).unwrap_err();
        assert!(
            said.contains("call 7, which never began, ended in an orderly way, and the call as lost"),
            "{said}"
        );
        let said = judged(&restart, &quiet(), &ended(lost(Sent::Maybe))).unwrap_err();
        assert!(said.contains("call 7, which began, ended in an orderly way"), "{said}");
        let judge =
            |says_everything| Judge::new(&context(&restart), &quiet(), says_everything, true).call(7, &never);
        assert!(judge(true).is_err());
        assert_eq!(judge(false), Ok(()), "neither side can say goodbye");
        let mut late = ended(CallError::Timeout);
        late.executions.clear();
        assert!(!is_excused(&restart, &late), "it did not leave for good, so it has expired");
        assert!(is_excused(&[restart[0].clone(), fault(FaultKind::Reset)], &never));
        let mut twice = answered();
        twice.sent.push(ms(1050));
        assert!(is_excused(&restart, &twice), "it was not taken the first time");
        assert!(is_excused(&restart, &ended(refused(RemoteRefusal::Draining))));
    }

    #[test]
    fn a_reason_has_to_hold() {
        let everything = [FaultKind::Reset, FaultKind::StallBoth, FaultKind::Restart].map(fault);
        let full = Refusal::Full { count: 1, max_count: 1, bytes: 1, max_bytes: 1 };
        let remote = |code| CallError::Failed(Failure::Remote(RemoteError::new(code, "")));
        for error in [
            CallError::Refused(full),
            CallError::Refused(Refusal::Closed),
            CallError::Refused(Refusal::RuntimeGone),
            refused(RemoteRefusal::Overloaded),
            refused(RemoteRefusal::NoServer),
            refused(RemoteRefusal::TooLarge { limit: 64 }),
            CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed },
            CallError::Lost { sent: Sent::Maybe, cause: LinkError::Panic(String::new()) },
            remote(ErrorCode::Panic),
            remote(ErrorCode::NoReply),
            CallError::Failed(Failure::NotRun),
        ] {
            assert!(!is_excused(&everything, &ended(error.clone())), "{error:?}");
        }
        for error in [
            refused(RemoteRefusal::Expired),
            CallError::Lost { sent: Sent::Maybe, cause: LinkError::Silent(SECOND) },
            CallError::Lost { sent: Sent::Maybe, cause: LinkError::Goodbye(GoodbyeReason::Draining) },
            remote(ErrorCode::Deadline),
        ] {
            assert!(is_excused(&everything, &ended(error.clone())), "{error:?}");
        }
        let mut large = ended(refused(RemoteRefusal::TooLarge { limit: 64 }));
        large.is_too_large = true;
        assert!(is_excused(&[], &large));
        let closed = Scenario { closes_at: Some(SECOND), ..quiet() };
        assert_eq!(judged(&[], &closed, &ended(CallError::Refused(Refusal::Closed))), Ok(()));
        let loses = Scenario::quiet("loses", "an executor that drops some");
        let mut loses = loses;
        loses.client.runs = Runs::Careless;
        assert_eq!(judged(&[], &loses, &ended(CallError::Failed(Failure::NotRun))), Ok(()));
    }

    #[test]
    fn a_message_that_left_and_was_never_executed_needs_an_excuse_too() {
        let mut sent = answered();
        (sent.manner, sent.ends[0].1) = (Manner::OneWay, End::Sent);
        assert!(is_excused(&[], &sent));
        sent.executions.clear();
        let said = judged(&[], &quiet(), &sent).unwrap_err();
        assert!(said.contains("sent and never executed"), "{said}");
        assert!(!is_excused(&[fault(FaultKind::Delay)], &sent));
        assert!(is_excused(&[fault(FaultKind::Restart)], &sent));
        assert!(is_excused(&[Fault { at_ms: 3000, ..fault(FaultKind::Reset) }], &sent), "it was on its way");
    }
}
