//! Every scenario.

use std::sync::Arc;

use super::{Scenario, Situation, When};
use crate::fault::FaultKind as K;

/// Every scenario, in order.
#[must_use]
pub fn all() -> Vec<Arc<Scenario>> {
    let all = [steady_load()].into_iter().chain(super::flaws::flaws());
    all.map(Arc::new).collect()
}

/// The scenario of this name.
#[must_use]
pub fn named(name: &str) -> Option<Arc<Scenario>> {
    all().into_iter().find(|scenario| scenario.name == name)
}

fn steady_load() -> Scenario {
    Scenario {
        faults: &[
            K::Slice,
            K::Coalesce,
            K::Storm,
            K::SpuriousWakes,
            K::Delay,
            K::Bandwidth,
            K::Reset,
            K::Eof,
            K::Truncate,
            K::StallBoth,
            K::DialRefused,
            K::Crash,
            K::DuplicateReplies,
            K::ReorderReplies,
            K::CorruptToClient,
            K::CorruptToServer,
            K::DialHung,
            K::DialClosed,
        ],
        situations: &[Situation::Fault(K::Reset, When::CallsInFlight)],
        ..Scenario::quiet("steady-load", "a mixed load")
    }
}
