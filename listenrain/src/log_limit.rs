//! Rate limit of log lines that a peer can cause.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// Lets a few lines through in each interval, and counts the others.
#[derive(Debug)]
pub(crate) struct LogLimit {
    start: Instant,
    /// The interval of the last line, and how many were wanted in it.
    interval: AtomicU64,
    wanted: AtomicU64,
}

const INTERVAL: Duration = Duration::from_secs(10);
/// Lines that an interval has.
const LINES: u64 = 10;

impl Default for LogLimit {
    fn default() -> Self {
        Self { start: Instant::now(), interval: AtomicU64::new(0), wanted: AtomicU64::new(0) }
    }
}

impl LogLimit {
    /// Whether a line may be written now, and how many were left out before it.
    pub(crate) fn allows(&self) -> Option<u64> {
        let interval = self.start.elapsed().as_millis() as u64 / INTERVAL.as_millis() as u64;
        if self.interval.swap(interval, Relaxed) != interval {
            let wanted = self.wanted.swap(1, Relaxed);
            return Some(wanted.saturating_sub(LINES));
        }
        (self.wanted.fetch_add(1, Relaxed) < LINES).then_some(0)
    }
}

/// Writes a line of this level unless there were many of late; says how many were left out.
macro_rules! limited {
    ($limit:expr, $level:ident, $($fields:tt)+) => {
        if let Some(left_out) = $limit.allows() {
            tracing::$level!(left_out, $($fields)+);
        }
    };
}

pub(crate) use limited;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_a_few_lines_and_a_number() {
        let limit = LogLimit::default();
        let lines: Vec<_> = (0..1000).filter_map(|_| limit.allows()).collect();
        assert_eq!(lines, [0; 10]);
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(limit.allows(), Some(990));
        assert_eq!((0..20).filter_map(|_| limit.allows()).count(), 9);
    }
}
