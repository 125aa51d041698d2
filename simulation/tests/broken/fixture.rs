//! A broken transport as data: the case that is there for it, and how that case must end.

use listenrain_simulation::conformance::{Subject, Verdict};

/// One transport that is broken in one way.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    /// The id of the case that is there for it.
    pub(crate) case: &'static str,
    /// How that case must end.
    pub(crate) verdict: Verdict,
    /// The text that the case must say: one that ends otherwise has found something else.
    pub(crate) reason: &'static str,
    pub(crate) make: fn() -> Subject,
}

/// A fixture whose case fails for this reason.
pub(crate) const fn fails(
    name: &'static str,
    case: &'static str,
    reason: &'static str,
    make: fn() -> Subject,
) -> Fixture {
    Fixture { name, case, verdict: Verdict::Fail, reason, make }
}

/// A fixture whose case is not over within its limit, with this under way.
pub(crate) const fn hangs(
    name: &'static str,
    case: &'static str,
    reason: &'static str,
    make: fn() -> Subject,
) -> Fixture {
    Fixture { name, case, verdict: Verdict::Timeout, reason, make }
}
