//! The settings of a connection.

use std::time::Duration;

use super::backoff::Backoff;
use crate::error::OptionError;
use crate::link::Health;

/// What becomes of a request that finds no room: of a call at the connection's limits, and of a request at a server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// It waits: a call in line until its deadline, a request with its channel, which is not read meanwhile, so that the peer's
    /// writes wait too. The default.
    #[default]
    Wait,
    /// It is refused at once. A server whose protocol cannot say so lets it wait.
    Refuse,
    /// A call is refused at once; a one-way message is dropped and counted.
    Drop,
}

/// A limit of requests.
pub(crate) const REQUESTS: (usize, &str) = (1 << 20, "1 to 1048576");
/// A limit of bytes.
pub(crate) const BYTES: (usize, &str) = (1 << 40, "1 to 1099511627776");

/// Whether a limit is from 1 to the largest that makes sense.
pub(crate) fn check_limit(
    what: &'static str,
    value: usize,
    (most, allowed): (usize, &'static str),
) -> Result<(), OptionError> {
    OptionError::check((1..=most).contains(&value), what, value, allowed)
}

/// How much may be in flight on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Requests that have not ended, calls whose state machines have not been told, and one-way messages that have not been
    /// written. From 1 to 1,048,576; default 1,024. At most 65,536 more wait in line.
    pub requests: usize,
    /// Bytes of their payloads, kept until they end, since a peer that goes away orderly may leave them to be sent again. From
    /// 1 to 1 TiB; default 64 MiB. A request larger than that is admitted alone.
    pub bytes: usize,
    /// Bytes of replies that callers have not taken yet; beyond it a reply is dropped and its call fails. From 1 to 1 TiB;
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
    /// What becomes of calls when that is reached.
    pub overflow: Overflow,
    /// How long one dial may take. Default 10 s, at least 1 ms.
    pub dial_timeout: Duration,
    /// Whether requests that certainly did not run go on to the next channel when one is lost. Default: yes. If not, they end
    /// at once as lost, not sent.
    pub resend_unsent: bool,
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
            overflow: Overflow::default(),
            dial_timeout: Duration::from_secs(10),
            resend_unsent: true,
            backoff: Backoff::default(),
            health: Health::default(),
        }
    }
}

impl ConnectionOptions {
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let short = Duration::from_millis(1);
        let limits = &self.limits;
        OptionError::check((1..=256).contains(&self.lanes), "lanes", self.lanes, "1 to 256")?;
        check_limit("limits.requests", limits.requests, REQUESTS)?;
        check_limit("limits.bytes", limits.bytes, BYTES)?;
        check_limit("limits.reply_bytes", limits.reply_bytes, BYTES)?;
        OptionError::check(self.dial_timeout >= short, "dial_timeout", self.dial_timeout, "1ms or more")?;
        let Backoff { first, cap, down_after, .. } = self.backoff;
        OptionError::check(first >= short, "backoff.first", first, "1ms or more")?;
        OptionError::check(cap >= first, "backoff.cap", cap, "backoff.first or more")?;
        OptionError::check(down_after > 0, "backoff.down_after", down_after, "1 or more")?;
        self.health.check()
    }
}
