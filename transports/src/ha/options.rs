//! The options of a list.

use std::ops::RangeInclusive;
use std::time::Duration;

use listenrain::Backoff;

use crate::options::{TIMEOUT, one_of, options, span};

const WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

/// When a connection that is on a standby goes back to a member before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FailBack {
    /// As soon as one can be dialled: it is asked again and again while a standby is in use. Calls in flight finish on the
    /// standby, new ones take the better channel. A member that had accepted and then said nothing has to deliver something
    /// first, such as the ping of a server of the native protocol; where a server never speaks first, that member is gone back
    /// to as with [`Lazy`](Self::Lazy).
    Eager,
    /// At the next dial: a channel to a standby is left alone as long as it lives. The default.
    #[default]
    Lazy,
    /// Not before the one in use fails: dialling starts with the one that worked last.
    Never,
}

impl FailBack {
    const ALL: [(&'static str, Self); 3] =
        [("eager", Self::Eager), ("lazy", Self::Lazy), ("never", Self::Never)];
}

options! {
    /// The options of [`ActiveStandby`](super::ActiveStandby), as a builder.
    ///
    /// A list may set each of them, by the name of its method, before its members: `ha:fail_back=eager,tcp://a:1,…`.
    pub struct HaOptions {}

    /// When to go back to a member before the one in use. Default: [`FailBack::Lazy`].
    fail_back(when: FailBack) = FailBack::default(),
        one_of(&FailBack::ALL), "when to go back to a member before the one in use";

    /// How long one member may take to answer before the next one is tried.
    ///
    /// Default: 2 s. Bounds: 1 ms to 1 h. All members together may take longer than a connection's `dial_timeout`: a
    /// dial that is given up counts against the member it was at, so that the next one starts with the others.
    attempt_timeout(limit: Duration) = Duration::from_secs(2),
        span(TIMEOUT), "how long one member may take before the next one is tried";

    /// How long a member that failed stands behind the others at first; each further failure doubles it, and jitter
    /// takes up to half of it away. What it took to find out is added: a member that accepts and says nothing costs the time of
    /// a connection's health, and must not cost it again at once. Default: 100 ms. Bounds: 1 ms to 24 h.
    first_wait(wait: Duration) = Duration::from_millis(100),
        span(WAIT), "how long a member that failed stands behind the others at first";

    /// How long that may become, without what it took to find out. Default: 10 s. Bounds: 1 ms to 24 h; not below the first
    /// wait, which counts instead.
    longest_wait(wait: Duration) = Duration::from_secs(10),
        span(WAIT), "how long that may become";

    /// Seeds the jitter, for simulation. Default: a seed of the system's.
    seeded(seed: u64) -> Option<u64> { Some(seed) } = None;
}

impl HaOptions {
    pub(super) fn backoff(&self) -> Backoff {
        let backoff = Backoff::between(self.first_wait, self.longest_wait);
        match self.seeded {
            Some(seed) => backoff.seeded(seed),
            None => backoff,
        }
    }
}
