//! Drawing of fault plans from seeds.

use std::collections::BTreeSet;

use super::{Scenario, Situation};
use crate::faults::{Fault, FaultKind, FaultPlan};
use crate::network::Network;
use crate::random::Random;

/// When whatever does not stay is healed.
const HEAL_MS: u64 = 3500;
/// When the first fault begins, at the earliest. The last begins while there is a load.
const FIRST_MS: usize = 20;
/// Of how many runs one has no fault at all; of how many of the rest one has a single one.
const QUIET: usize = 10;
const SINGLE: usize = 3;

impl FaultPlan {
    /// The plan of `seed` for `scenario` on `network`.
    #[must_use]
    pub fn draw(seed: u64, scenario: &Scenario, network: &dyn Network) -> Self {
        let mut random = Random::of(seed, "plan");
        let mut kinds: Vec<_> = scenario.faults_on(network).collect();
        let count = match kinds.len() {
            0 => 0,
            _ if random.one_in(QUIET) => 0,
            _ if random.one_in(SINGLE) => 1,
            _ => 1 + random.below(scenario.most_faults.max(1)),
        };
        let wanted: BTreeSet<_> = scenario.situations_on(network).filter_map(cause).collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let mut faults = Vec::new();
        for number in 0..count {
            let drawn = (!kinds.is_empty()).then(|| random.below(kinds.len()));
            // Most plans begin with a fault that the scenario is there for.
            let for_it = (number == 0 && !wanted.is_empty() && !random.one_in(4))
                .then(|| wanted[random.below(wanted.len())])
                .and_then(|wanted| kinds.iter().position(|kind| *kind == wanted));
            let Some(at) = for_it.or(drawn) else { break };
            // Of a momentary kind there may be several.
            let kind = if kinds[at].is_momentary() { kinds[at] } else { kinds.swap_remove(at) };
            faults.push(one(kind, scenario, &mut random));
        }
        if scenario.one_may_stay_broken && random.one_in(3) {
            stay(&mut faults, scenario.servers, &mut random);
        }
        faults.sort_by_key(|fault| (fault.at_ms, fault.kind));
        Self {
            seed,
            scenario: scenario.name.to_owned(),
            network: network.name().to_owned(),
            calls: scenario.load.count(seed),
            heal_ms: HEAL_MS,
            faults,
        }
    }

    /// Whether all of it can happen in `scenario` on `network`.
    ///
    /// # Errors
    ///
    /// Which fault cannot, and why, for people to read.
    pub fn fits(&self, scenario: &Scenario, network: &dyn Network) -> Result<(), String> {
        for (number, fault) in self.faults.iter().enumerate() {
            let kind = fault.kind;
            let which = |why: String| Err(format!("fault {number}, {kind}: {why}"));
            if !network.families().contains(&kind.family()) {
                return which(format!("cannot happen in {}", network.name()));
            }
            if let Some(server) = fault.server.filter(|server| *server >= scenario.servers) {
                let last = scenario.servers - 1;
                return which(format!("server is {server}, those of {} are 0 to {last}", scenario.name));
            }
            if kind.is_share() && fault.amount > 1000 {
                return which(format!("amount is {}, at most 1000 is allowed", fault.amount));
            }
            if !fault.stays && fault.begins() >= self.heal() {
                return which(format!("at_ms is {}, all is healed at {}", fault.at_ms, self.heal_ms));
            }
        }
        Ok(())
    }
}

/// The fault that a situation is of, if it is of one.
fn cause(situation: Situation) -> Option<FaultKind> {
    match situation {
        Situation::Fault(kind, _) => Some(kind),
        Situation::Seen(_) => None,
    }
}

fn one(kind: FaultKind, scenario: &Scenario, random: &mut Random) -> Fault {
    let at_ms = match scenario.closes_at {
        // Half of them while the client is being closed.
        Some(close) if random.one_in(2) => close.as_millis() as u64 + random.below(500) as u64,
        _ => (FIRST_MS + random.below(scenario.load.over.as_millis() as usize)) as u64,
    };
    let server = (scenario.servers > 1 && !random.one_in(4)).then(|| random.below(scenario.servers));
    let lasts = match kind {
        kind if kind.is_momentary() => 1000,
        FaultKind::Crash | FaultKind::PowerLoss | FaultKind::Restart => 50 + random.below(700),
        // Until the end, since it is to be seen by many calls.
        FaultKind::Slice | FaultKind::Coalesce | FaultKind::Storm | FaultKind::SpuriousWakes => 2000,
        FaultKind::DoubledDatagrams
        | FaultKind::CorruptDatagrams
        | FaultKind::BurstLoss
        | FaultKind::Loss => 300 + random.below(900),
        _ => 50 + random.below(1200),
    };
    Fault {
        kind,
        at_ms,
        for_ms: lasts as u64,
        server,
        after_bytes: if scenario.closes_at.is_some() && random.one_in(2) { 0 } else { after(kind, random) },
        amount: amount(kind, scenario.load.largest.0.max(scenario.load.largest.1), random),
        stays: false,
    }
}

/// At the edges of a packet of the native protocol, or anywhere; 0 is at once.
fn after(kind: FaultKind, random: &mut Random) -> u64 {
    const HEADER: u64 = 20;
    if !kind.counts_bytes() {
        return 0;
    }
    match random.below(8) {
        0 => 0,
        1 => 1,
        2 => HEADER - 1,
        3 => HEADER,
        4 => HEADER + 1,
        _ => random.size(8 << 10) as u64,
    }
}

fn amount(kind: FaultKind, largest: usize, random: &mut Random) -> u64 {
    let mut between = |least: usize, most: usize| (least + random.below(most - least + 1)) as u64;
    match kind {
        // A mebibyte in pieces of a byte is a million polls, which show no more than a thousand.
        FaultKind::Slice if largest > 64 << 10 => between(100, 8000),
        FaultKind::Slice => between(1, 40),
        FaultKind::Coalesce => between(1000, 64_000),
        FaultKind::Storm | FaultKind::SpuriousWakes => between(50, 500),
        FaultKind::Delay => between(2, 150),
        FaultKind::Bandwidth => between(20_000, 500_000),
        FaultKind::Truncate => between(0, 300),
        FaultKind::CorruptToServer | FaultKind::CorruptToClient => between(0, 7),
        FaultKind::DuplicateReplies => between(100, 900),
        FaultKind::ReorderReplies => between(2, 8),
        FaultKind::DialSlow => between(10, 900),
        FaultKind::Bounce | FaultKind::Flapping => between(60, 300),
        FaultKind::Latency => between(5, 200),
        FaultKind::Loss => between(100, 300),
        FaultKind::BurstLoss => between(10, 150),
        FaultKind::DoubledDatagrams | FaultKind::CorruptDatagrams => between(50, 300),
        FaultKind::Mtu => between(600, 1199),
        FaultKind::Bottleneck => between(50_000, 1_000_000),
        _ => 0,
    }
}

/// One server stays broken, by the first fault that can stay; the others are healed.
fn stay(faults: &mut [Fault], servers: usize, random: &mut Random) {
    let can_stay = |kind| {
        matches!(
            kind,
            FaultKind::Crash
                | FaultKind::PowerLoss
                | FaultKind::Partition
                | FaultKind::PartitionToServer
                | FaultKind::PartitionToClient
                | FaultKind::StallBoth
                | FaultKind::DialRefused
                | FaultKind::DialHung
        )
    };
    if let Some(fault) = faults.iter_mut().find(|fault| can_stay(fault.kind)) {
        fault.stays = true;
        fault.server = Some(random.below(servers));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::network::Local;

    #[test]
    fn a_fault_that_cannot_happen_is_told_with_what_can() {
        let scenario = Scenario::quiet("steady-load", "for this test");
        let fits = |change: fn(&mut Fault)| {
            let fault = Fault::new(FaultKind::Reset, Duration::from_millis(20), Duration::from_secs(1));
            let mut plan = FaultPlan::draw(1, &scenario, &Local::memory()).with_faults(vec![fault]);
            plan.heal_ms = 3000;
            change(&mut plan.faults[0]);
            plan.fits(&scenario, &Local::memory())
        };
        assert_eq!(fits(|_| ()), Ok(()));
        for (change, told) in [
            ((|fault| fault.kind = FaultKind::Partition) as fn(&mut Fault), "cannot happen in memory"),
            (|fault| fault.server = Some(1), "server is 1, those of steady-load are 0 to 0"),
            (|fault| (fault.kind, fault.amount) = (FaultKind::Storm, 1001), "at most 1000 is allowed"),
            (|fault| fault.at_ms = 3000, "all is healed at 3000"),
        ] {
            let why = fits(change).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }
}
