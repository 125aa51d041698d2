//! Outages of servers.

use std::time::Duration;

use crate::faults::{Fault, FaultKind, FaultPlan};

/// One time in which a server's program does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Which fault of the plan brings it about.
    pub fault: usize,
    /// When it is killed.
    pub from: Duration,
    /// When it is started again; `None`: never.
    pub until: Option<Duration>,
}

/// When `server` does not run by `plan`, in order; those that overlap are one.
#[must_use]
pub fn outages(plan: &FaultPlan, server: usize) -> Vec<Outage> {
    let faults = plan.faults.iter().enumerate().filter(|(_, fault)| fault.concerns(server));
    let mut outages: Vec<_> = faults.flat_map(|(number, fault)| of(number, fault, plan.heal())).collect();
    outages.sort_by_key(|outage| (outage.from, outage.fault));
    let mut apart: Vec<Outage> = Vec::new();
    for next in outages {
        match apart.last_mut() {
            Some(last) if last.until.is_none_or(|until| next.from <= until) => {
                last.until = last.until.zip(next.until).map(|(last, next)| last.max(next));
            }
            _ => apart.push(next),
        }
    }
    apart
}

fn of(number: usize, fault: &Fault, heal: Duration) -> Vec<Outage> {
    let (from, until) = (fault.begins(), fault.ends(heal));
    // What begins when all is healed never happens.
    if !fault.stays && from >= heal {
        return Vec::new();
    }
    match fault.kind {
        FaultKind::Crash | FaultKind::PowerLoss => vec![Outage { fault: number, from, until }],
        FaultKind::Bounce => {
            let end = until.unwrap_or(heal);
            let round = Duration::from_millis(fault.amount.max(20));
            let begins = std::iter::successors(Some(from), |from| Some(*from + round));
            let rounds = begins.take_while(|from| *from < end);
            rounds
                .map(|from| Outage { fault: number, from, until: Some((from + round / 2).min(end)) })
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn outages_that_overlap_are_one_and_what_stays_never_ends() {
        let crash = |at, lasts| Fault::new(FaultKind::Crash, ms(at), ms(lasts));
        let mut stays = crash(400, 0);
        stays.stays = true;
        let faults = vec![crash(150, 100), crash(100, 100), stays];
        let plan = FaultPlan { heal_ms: 1000, faults, ..FaultPlan::default() };
        let found: Vec<_> = outages(&plan, 0).iter().map(|outage| (outage.from, outage.until)).collect();
        assert_eq!(found, [(ms(100), Some(ms(250))), (ms(400), None)]);
    }

    #[test]
    fn a_bounce_is_an_outage_a_round_until_it_ends() {
        let mut bounce = Fault::new(FaultKind::Bounce, ms(100), ms(100));
        bounce.amount = 40;
        let found: Vec<_> =
            of(0, &bounce, ms(1000)).iter().map(|outage| (outage.from, outage.until)).collect();
        let expected = [(100, 120), (140, 160), (180, 200)].map(|(from, until)| (ms(from), Some(ms(until))));
        assert_eq!(found, expected);
    }
}
