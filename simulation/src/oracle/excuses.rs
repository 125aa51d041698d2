//! Faults as excuses for calls that were not answered.

use std::time::Duration;

use crate::context::RunContext;
use crate::faults::{Family, Fault, FaultKind};
use crate::history::Call;
use crate::scenario::{Extra, GUESTS_STAY, Scenario};

/// What went wrong in a run.
pub(super) struct Excuses(Vec<Excuse>);

/// One thing that went wrong: from when until when, at which server.
struct Excuse {
    kind: FaultKind,
    from: Duration,
    until: Duration,
    /// `None`: at all of them.
    server: Option<usize>,
}

impl Excuses {
    /// The faults of the plan that have happened, each with the time that it takes to recover from it. Where a protocol can
    /// neither ask whether its peer is there nor say goodbye, that takes longer.
    pub(super) fn new(context: &RunContext, scenario: &Scenario, says_everything: bool) -> Self {
        let (plan, heal) = (context.plan(), context.plan().heal());
        let more = if says_everything { Duration::ZERO } else { UNASKED };
        // What a network loses it does not tell: only that something passed meanwhile.
        let has_happened =
            |number, fault: &Fault| context.has_fired(number) || fault.kind.family() == Family::Network;
        let faults = plan.faults.iter().enumerate().filter(|(number, fault)| has_happened(*number, fault));
        let mut excuses: Vec<_> = faults
            .map(|(_, fault)| Excuse {
                kind: fault.kind,
                from: fault.begins(),
                until: fault.ends(heal).map_or(Duration::MAX, |end| end + fault.kind.recovery() + more),
                server: fault.server,
            })
            .collect();
        if let Extra::Guests(_) = scenario.extra {
            // A full server says goodbye, as one does that is drained.
            let kind = FaultKind::Restart;
            let until = GUESTS_STAY + kind.recovery();
            excuses.push(Excuse { kind, from: Duration::ZERO, until, server: None });
        }
        if scenario.server.max_age.is_some() && !says_everything {
            // An old channel gets no goodbye.
            let (kind, until) = (FaultKind::Restart, Duration::MAX);
            excuses.push(Excuse { kind, from: Duration::ZERO, until, server: None });
        }
        Self(excuses)
    }

    /// Whether something of which `is` holds was wrong while `call`, which was over at `told`, could be harmed by it.
    pub(super) fn covers(
        &self,
        call: &Call,
        told: Duration,
        server: Option<usize>,
        is: impl Fn(FaultKind) -> bool,
    ) -> bool {
        self.0.iter().any(|excuse| {
            let there = excuse.server.is_none() || server.is_none() || excuse.server == server;
            there && excuse.from <= told && call.began <= excuse.until && is(excuse.kind)
        })
    }
}

/// How much longer it takes to find a peer gone that cannot be asked.
const UNASKED: Duration = Duration::from_secs(3);
