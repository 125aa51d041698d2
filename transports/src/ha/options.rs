//! The knobs of a list.

use std::ops::RangeInclusive;
use std::time::Duration;

use listenrain::Backoff;

use crate::options::value::{parse_duration, show_duration};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const ATTEMPT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
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

/// The options of [`ActiveStandby`](super::ActiveStandby), as a builder.
///
/// A list may set each of them, by the name of its method, before its members: `ha:fail_back=eager,tcp://a:1,…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaOptions {
    pub(super) fail_back: FailBack,
    pub(super) attempt_timeout: Duration,
    first_wait: Duration,
    longest_wait: Duration,
    seed: Option<u64>,
}

impl Default for HaOptions {
    fn default() -> Self {
        Self {
            fail_back: FailBack::default(),
            attempt_timeout: Duration::from_secs(2),
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(10),
            seed: None,
        }
    }
}

impl HaOptions {
    /// When to go back to a member before the one in use. Default: [`FailBack::Lazy`].
    #[must_use]
    pub fn fail_back(mut self, when: FailBack) -> Self {
        self.fail_back = when;
        self
    }

    /// How long one member may take to answer before the next one is tried.
    ///
    /// Default: 2 s. Bounds: 1 ms to 1 h. All members together may take longer than a connection's `dial_timeout`: a
    /// dial that is given up counts against the member it was at, so that the next one starts with the others.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// How long a member that failed stands behind the others at first; each further failure doubles it, and jitter
    /// takes up to half of it away. What it took to find out is added: a member that accepts and says nothing costs the time of
    /// a connection's health, and must not cost it again at once. Default: 100 ms. Bounds: 1 ms to 24 h.
    #[must_use]
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// How long that may become, without what it took to find out. Default: 10 s. Bounds: 1 ms to 24 h; not below the first
    /// wait, which counts instead.
    #[must_use]
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// Seeds the jitter, for simulation. Default: a seed of the system's.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    pub(super) fn backoff(&self) -> Backoff {
        let backoff = Backoff::between(self.first_wait, self.longest_wait);
        match self.seed {
            Some(seed) => backoff.seeded(seed),
            None => backoff,
        }
    }
}

options_as_text!(HaOptions, TABLE);

const TABLE: Table<HaOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "fail_back",
            "when to go back to a member before the one in use",
            "eager, lazy, never",
            "lazy",
        ),
        set: |options, text| {
            let known = FailBack::ALL.iter().find(|(name, _)| *name == text)?;
            options.fail_back = known.1;
            Some(())
        },
        get: |options| {
            let known = FailBack::ALL.iter().find(|(_, when)| *when == options.fail_back);
            known.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
        },
    },
    Knob {
        info: OptionInfo::new(
            "attempt_timeout",
            "how long one member may take before the next one is tried",
            "1ms to 1h",
            "2s",
        ),
        set: |options, text| parse_duration(text, ATTEMPT).map(|limit| options.attempt_timeout = limit),
        get: |options| show_duration(options.attempt_timeout),
    },
    Knob {
        info: OptionInfo::new(
            "first_wait",
            "how long a member that failed stands behind the others at first",
            "1ms to 24h",
            "100ms",
        ),
        set: |options, text| parse_duration(text, WAIT).map(|wait| options.first_wait = wait),
        get: |options| show_duration(options.first_wait),
    },
    Knob {
        info: OptionInfo::new("longest_wait", "how long that may become", "1ms to 24h", "10s"),
        set: |options, text| parse_duration(text, WAIT).map(|wait| options.longest_wait = wait),
        get: |options| show_duration(options.longest_wait),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
    }
}
