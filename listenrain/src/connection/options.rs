//! The settings of a connection.

use std::time::Duration;

use super::backoff::Backoff;
use crate::link::Health;

/// What to do with a call that finds the connection full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// Wait in line until the deadline: the default.
    #[default]
    Wait,
    /// Refuse it at once.
    Fail,
    /// Drop it and count it; for one-way messages only, a call is refused instead.
    DropNewest,
}

/// How much may be in flight on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Requests that have not ended, and one-way messages that have not been written. From 1 to 1,048,576; default
    /// 1,024.
    pub requests: usize,
    /// Bytes of their payloads. At least 1; default 64 MiB. A request larger than that is admitted alone.
    pub bytes: usize,
    /// Bytes of replies that callers have not taken yet; beyond it a reply is dropped and its call fails. At least 1;
    /// default 256 MiB.
    pub reply_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { requests: 1024, bytes: 64 << 20, reply_bytes: 256 << 20 }
    }
}

/// The settings of a connection; see [`ClientBuilder`](crate::ClientBuilder) for how to change each.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionOptions {
    /// Channels at once. From 1 to 256; default 1.
    pub lanes: usize,
    /// How much may be in flight.
    pub limits: ConnectionLimits,
    /// What to do when that is reached.
    pub when_full: WhenFull,
    /// How long one dial may take. Default 10 s, at least 1 ms.
    pub dial_timeout: Duration,
    /// Waits between failed dials.
    pub backoff: Backoff,
    /// When a silent peer counts as gone.
    pub health: Health,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            lanes: 1,
            limits: ConnectionLimits::default(),
            when_full: WhenFull::default(),
            dial_timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
            health: Health::default(),
        }
    }
}

/// A setting that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, allowed is {allowed}")]
#[non_exhaustive]
pub struct OptionError {
    /// Which setting.
    pub what: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be.
    pub allowed: &'static str,
}

impl OptionError {
    pub(crate) fn check(
        good: bool,
        what: &'static str,
        value: impl std::fmt::Debug,
        allowed: &'static str,
    ) -> Result<(), Self> {
        if good { Ok(()) } else { Err(Self { what, value: format!("{value:?}"), allowed }) }
    }
}

impl ConnectionOptions {
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let short = Duration::from_millis(1);
        let limits = &self.limits;
        OptionError::check((1..=256).contains(&self.lanes), "lanes", self.lanes, "1 to 256")?;
        let requests = (1..=1 << 20).contains(&limits.requests);
        OptionError::check(requests, "limits.requests", limits.requests, "1 to 1048576")?;
        OptionError::check(limits.bytes > 0, "limits.bytes", limits.bytes, "1 or more")?;
        OptionError::check(limits.reply_bytes > 0, "limits.reply_bytes", limits.reply_bytes, "1 or more")?;
        OptionError::check(self.dial_timeout >= short, "dial_timeout", self.dial_timeout, "1ms or more")?;
        let backoff = &self.backoff;
        OptionError::check(backoff.first >= short, "backoff.first", backoff.first, "1ms or more")?;
        OptionError::check(
            backoff.cap >= backoff.first,
            "backoff.cap",
            backoff.cap,
            "backoff.first or more",
        )?;
        OptionError::check(
            self.health.interval >= short,
            "health.interval",
            self.health.interval,
            "1ms or more",
        )?;
        OptionError::check(self.health.missed > 0, "health.missed", self.health.missed, "1 or more")
    }
}
