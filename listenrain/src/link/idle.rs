//! Idle links, which give back their buffers.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Signal;
use crate::sync::{Mutex, lock};

/// How long nothing must have happened on a link before it gives back what it does not need meanwhile.
pub(crate) const IDLE_AFTER: Duration = Duration::from_millis(200);

/// The links of a server or connection that have buffers to give back. Each is entered once when it comes to rest, and
/// looked at once an interval until it has rested for a whole one.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    watched: Mutex<Vec<(Weak<Signal>, u64)>>,
    entered: Notify,
}

impl Idle {
    /// The link of `signal` comes to rest, with `activity` behind it.
    pub(super) fn note(&self, signal: &Arc<Signal>, activity: u64) {
        if signal.rests(activity) {
            lock(&self.watched).push((Arc::downgrade(signal), activity));
            self.entered.notify_one();
        }
    }

    /// Looks at links for ever.
    pub(crate) async fn watch(&self) {
        loop {
            let entered = self.entered.notified();
            if lock(&self.watched).is_empty() {
                entered.await;
            }
            sleep_until(Instant::now() + IDLE_AFTER).await;
            let watched = std::mem::take(&mut *lock(&self.watched));
            let busy = watched.into_iter().filter_map(|(signal, before)| {
                let link = signal.upgrade()?;
                link.still_busy(before).map(|activity| (signal, activity))
            });
            let busy: Vec<_> = busy.collect();
            lock(&self.watched).extend(busy);
        }
    }
}
