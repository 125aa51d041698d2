//! Shrinking of fault plans.
//!
//! It knows nothing of networks: whether a plan fails is asked of a predicate.

use std::time::{Duration, Instant};

use crate::faults::{Fault, FaultKind, FaultPlan};

/// How long a plan may be shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// Most plans that are tried. Default: 200.
    pub tries: usize,
    /// After how long none is tried any more. Default: 20 s.
    pub time: Duration,
}

impl Default for Within {
    fn default() -> Self {
        Self { tries: 200, time: Duration::from_secs(20) }
    }
}

/// A plan that fails, and that could not be made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shrunk {
    /// The plan.
    pub plan: FaultPlan,
    /// How many plans were tried on the way.
    pub tries: usize,
    /// Whether a smaller one could be there that was not tried, since time or tries ran out.
    pub is_cut_short: bool,
}

/// The smallest plan that `fails` finds to fail, starting from `plan`, which does. No fault of it can be left out alone.
pub fn shrink(plan: &FaultPlan, within: Within, fails: impl FnMut(&FaultPlan) -> bool) -> Shrunk {
    let mut search =
        Search { best: plan.clone(), fails, within, began: Instant::now(), tries: 0, is_cut_short: false };
    loop {
        let before = search.best.clone();
        search.fewer_faults();
        search.fewer_calls();
        search.simpler_faults();
        if search.best == before || search.is_cut_short {
            break;
        }
    }
    Shrunk { plan: search.best, tries: search.tries, is_cut_short: search.is_cut_short }
}

struct Search<F> {
    best: FaultPlan,
    fails: F,
    within: Within,
    began: Instant,
    tries: usize,
    is_cut_short: bool,
}

impl<F: FnMut(&FaultPlan) -> bool> Search<F> {
    /// Takes `candidate` for the best where it fails too.
    fn attempt(&mut self, candidate: FaultPlan) -> bool {
        if self.is_cut_short || candidate == self.best {
            return false;
        }
        if self.tries >= self.within.tries || self.began.elapsed() >= self.within.time {
            self.is_cut_short = true;
            return false;
        }
        self.tries += 1;
        let fails = (self.fails)(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    /// Delta debugging: leaves out ever smaller parts.
    fn fewer_faults(&mut self) {
        let mut part = self.best.faults.len();
        while part > 0 {
            let mut from = 0;
            while from < self.best.faults.len() {
                let mut rest = self.best.faults.clone();
                rest.drain(from..(from + part).min(rest.len()));
                if !self.attempt(self.best.with_faults(rest)) {
                    from += part;
                }
            }
            part /= 2;
        }
    }

    /// Ever smaller steps down, the first to a single call.
    fn fewer_calls(&mut self) {
        let mut step = self.best.calls.saturating_sub(1);
        while step > 0 {
            while self.best.calls > step
                && self.attempt(FaultPlan { calls: self.best.calls - step, ..self.best.clone() })
            {
            }
            step /= 2;
        }
    }

    fn simpler_faults(&mut self) {
        for at in 0..self.best.faults.len() {
            for simpler in [nothing_after as fn(&Fault) -> Fault, fewer_after, less, shorter] {
                loop {
                    let mut faults = self.best.faults.clone();
                    faults[at] = simpler(&faults[at]);
                    if !self.attempt(self.best.with_faults(faults)) {
                        break;
                    }
                }
            }
        }
    }
}

fn nothing_after(fault: &Fault) -> Fault {
    Fault { after_bytes: 0, ..fault.clone() }
}

fn fewer_after(fault: &Fault) -> Fault {
    Fault { after_bytes: fault.after_bytes / 2, ..fault.clone() }
}

/// Half as much, of what is worse the more there is of it.
fn less(fault: &Fault) -> Fault {
    let is_worse_when_less = matches!(
        fault.kind,
        FaultKind::Slice
            | FaultKind::Bandwidth
            | FaultKind::Bounce
            | FaultKind::Flapping
            | FaultKind::Mtu
            | FaultKind::Bottleneck
    );
    match is_worse_when_less {
        true => fault.clone(),
        false => Fault { amount: fault.amount.min(1).max(fault.amount / 2), ..fault.clone() },
    }
}

/// Half as long. Those that happen once only have to find the moment.
fn shorter(fault: &Fault) -> Fault {
    match fault.kind.is_momentary() {
        true => fault.clone(),
        false => Fault { for_ms: fault.for_ms.min(1).max(fault.for_ms / 2), ..fault.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, at_ms: u64) -> Fault {
        let mut fault = Fault::new(kind, Duration::from_millis(at_ms), Duration::from_millis(500));
        (fault.amount, fault.after_bytes) = (100, 900);
        fault
    }

    fn plan(faults: Vec<Fault>) -> FaultPlan {
        let (scenario, network) = ("one".to_owned(), "memory".to_owned());
        FaultPlan { seed: 1, scenario, network, calls: 80, heal_ms: 2500, faults }
    }

    fn many() -> FaultPlan {
        let noise = |number: usize| fault([FaultKind::Delay, FaultKind::Storm][number % 2], number as u64);
        let mut faults: Vec<_> = (0..15).map(noise).collect();
        faults.insert(4, fault(FaultKind::Reset, 100));
        faults.insert(11, fault(FaultKind::StallBoth, 200));
        plan(faults)
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        // It takes both faults, nine calls, and a stall of 100 ms.
        let needs = |plan: &FaultPlan| {
            let has = |kind, ms| plan.faults.iter().any(|fault| fault.kind == kind && fault.for_ms >= ms);
            has(FaultKind::Reset, 0) && has(FaultKind::StallBoth, 100) && plan.calls >= 9
        };
        let shrunk = shrink(&many(), Within::default(), needs);
        let kinds: Vec<_> = shrunk.plan.faults.iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds, [FaultKind::Reset, FaultKind::StallBoth]);
        assert_eq!((shrunk.plan.calls, shrunk.is_cut_short), (9, false));
        let [reset, stall] = &shrunk.plan.faults[..] else { panic!("{kinds:?}") };
        assert_eq!((reset.amount, reset.after_bytes, reset.for_ms), (1, 0, 500));
        assert!((100..200).contains(&stall.for_ms), "{stall}");
        assert!(shrunk.tries < 120, "{} tries", shrunk.tries);
    }

    #[test]
    fn what_fails_of_itself_needs_no_fault_and_one_call() {
        let shrunk = shrink(&many(), Within::default(), |_| true);
        assert_eq!((shrunk.plan.faults.len(), shrunk.plan.calls), (0, 1));
    }

    #[test]
    fn what_does_not_fail_again_stays_as_it_was() {
        let shrunk = shrink(&many(), Within::default(), |_| false);
        assert_eq!(shrunk.plan, many());
    }

    #[test]
    fn it_ends_where_its_tries_or_its_time_do() {
        let mut asked = 0;
        let within = Within { tries: 7, ..Within::default() };
        let shrunk = shrink(&many(), within, |_| {
            asked += 1;
            false
        });
        assert_eq!((asked, shrunk.tries, shrunk.is_cut_short), (7, 7, true));
        let shrunk = shrink(&many(), Within { time: Duration::ZERO, ..within }, |_| true);
        assert_eq!((shrunk.plan, shrunk.tries), (many(), 0));
    }
}
