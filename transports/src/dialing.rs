//! Time limits of dials.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::options::value::show_duration;

/// What comes of `dial` within `limit`, the option `connect_timeout`; beyond it there is no `what`.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    dial: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(limit, dial).await.unwrap_or_else(|_| Err(timed_out(what, limit, "connect_timeout")))
}

/// No `what` came within `limit`, which is the value of `option`.
pub(crate) fn timed_out(what: &str, limit: Duration, option: &str) -> io::Error {
    let text = format!("no {what} within {} ({option})", show_duration(limit));
    io::Error::new(io::ErrorKind::TimedOut, text)
}
