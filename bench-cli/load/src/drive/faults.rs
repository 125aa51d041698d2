//! The simulation's faults and its link, on top of any transport.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::listenrain::{NativePackets, Transport};
use listenrain_simulation::context::RunContext;
use listenrain_simulation::faults::{Fault, FaultKind, FaultPlan};
use listenrain_simulation::network::{Node, Roles};
use listenrain_simulation::stack::BareBodies;
use tokio::time::Instant;

use crate::limits::MAX_PAYLOAD;

use crate::load::{self, CellConfig, Scenario};

/// The clock of faults stands at 0 before the timed part, and shows this when it begins.
const BEFORE: Duration = Duration::from_millis(1);
/// Longer than any scenario.
const HEAL: Duration = Duration::from_secs(1_000_000);

/// What a scenario adds to both ends of every channel, in the order in which it lies on the transport.
#[derive(Default)]
pub(super) struct Faults(Vec<RunContext>);

impl Faults {
    /// Those of a cell; `began` says when its timed window begins.
    pub(super) fn of(config: &CellConfig, began: &Arc<OnceLock<Instant>>) -> Self {
        let Some(scenario) = &config.scenario else { return Self::default() };
        // The link's time goes on before the timed part: bytes travel then too.
        let start = Instant::now();
        let link = link(scenario).map(|plan| RunContext::untraced(plan, Arc::new(move || start.elapsed())));
        let began = Arc::clone(began);
        let clock = move || began.get().map_or(Duration::ZERO, |began| began.elapsed() + BEFORE);
        let faults: Vec<_> = scenario.simulated_faults().filter_map(fault).collect();
        let faults = (!faults.is_empty()).then(|| plan(scenario, faults));
        let faults = faults.map(|plan| RunContext::untraced(plan, Arc::new(clock)));
        Self(link.into_iter().chain(faults).collect())
    }

    pub(super) fn over(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        self.0.iter().fold(transport, |transport, run| layered(run, transport))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faults").field(&self.0.len()).finish()
    }
}

/// The link on which bytes travel in the simulation.
fn link(scenario: &Scenario) -> Option<FaultPlan> {
    let mut link = Fault::new(FaultKind::Delay, Duration::ZERO, HEAL);
    link.amount = scenario.delay.as_millis() as u64;
    scenario.is_simulated.then(|| plan(scenario, vec![link]))
}

fn plan(scenario: &Scenario, faults: Vec<Fault>) -> FaultPlan {
    FaultPlan {
        seed: scenario.seed,
        scenario: scenario.name.clone(),
        network: String::new(),
        calls: 0,
        heal_ms: HEAL.as_millis() as u64,
        faults,
    }
}

fn fault(of: &load::Fault) -> Option<Fault> {
    let kind = FaultKind::named(of.kind.name())?;
    Some(Fault { amount: of.amount, ..Fault::new(kind, of.at + BEFORE, of.lasts) })
}

fn layered(run: &RunContext, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
    let packets = NativePackets::default().with_max_packet(MAX_PAYLOAD as usize);
    let roles = Roles {
        servers: Vec::new(),
        client: Arc::new(|_| Box::pin(std::future::ready(()))),
        bodies: Arc::new(BareBodies(Arc::new(packets))),
    };
    let listen = transport.scratch_endpoint();
    Node::new(run, &roles, roles.client_number(), transport, listen).transport
}

#[cfg(test)]
mod tests {
    use listenrain_simulation::faults::Family;

    use super::*;

    #[test]
    fn a_scenarios_faults_are_the_simulations_of_streams_and_dials_that_change_nothing() {
        let changes = |kind: &FaultKind| {
            let of_replies = [FaultKind::DuplicateReplies, FaultKind::ReorderReplies, FaultKind::Truncate];
            kind.corrupts() || of_replies.contains(kind)
        };
        let of_streams = |kind: &FaultKind| matches!(kind.family(), Family::Stream | Family::Dial);
        let can = FaultKind::ALL.iter().filter(|kind| of_streams(kind) && !changes(kind));
        let theirs: Vec<_> = can.map(|kind| (kind.name(), kind.amount(), kind.is_momentary())).collect();
        let ours = load::FaultKind::names().into_iter().filter_map(load::FaultKind::named);
        let ours: Vec<_> = ours.filter(|kind| !kind.is_stall()).collect();
        let ours: Vec<_> =
            ours.iter().map(|kind| (kind.name(), kind.amount(), kind.is_momentary())).collect();
        assert_eq!(ours, theirs);
    }
}
