//! The accept limiter: bounds a listener's unproved connections, in all and by source address.
//!
//! [`Admissions`] decides. The limiter tells evicted connections, and lets new ones wait in turn where none can be evicted.

mod admissions;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};

use crate::locks::lock;

pub(crate) use self::admissions::{Admissions, Limits, Outlook, Source};

/// Counts of unfinished connections that were closed, by all listeners of one transport.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closures(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    evicted: AtomicU64,
    timed_out: AtomicU64,
}

impl Closures {
    pub(crate) fn note_evicted(&self, count: usize) {
        self.0.evicted.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn note_timed_out(&self) {
        self.0.timed_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.0.evicted.load(Ordering::Relaxed)
    }

    pub(crate) fn timed_out(&self) -> u64 {
        self.0.timed_out.load(Ordering::Relaxed)
    }
}

/// The connections of one listener. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct AcceptLimiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    admissions: Mutex<Admissions<oneshot::Sender<()>>>,
    /// Notified when a connection has left: the next that waits for its place, and the accept loop.
    left: Notify,
    has_room: Notify,
    closures: Closures,
}

/// The place of an admitted connection. Dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    key: u64,
    /// Whether another connection was evicted for it.
    pub(crate) has_evicted: bool,
    /// Closed when the connection is evicted.
    revoked: oneshot::Receiver<()>,
}

impl AcceptLimiter {
    pub(crate) fn new(limits: Limits, closures: Closures) -> Self {
        let admissions = Mutex::new(Admissions::new(limits));
        Self {
            shared: Arc::new(Shared { admissions, left: Notify::new(), has_room: Notify::new(), closures }),
        }
    }

    /// What a new connection from `source` meets.
    pub(crate) fn outlook(&self, source: Source) -> Outlook {
        lock(&self.shared.admissions).outlook(source)
    }

    /// A place for a connection from `peer`; `None` when all are taken by proved ones. A connection that is evicted for it has
    /// been told, and leaves when its task runs.
    pub(crate) fn try_enter(&self, peer: SocketAddr) -> Option<Place> {
        let (handle, revoked) = oneshot::channel();
        let (key, evicted) = lock(&self.shared.admissions).enter(Source::of(peer.ip()), handle)?;
        let has_evicted = !evicted.is_empty();
        if has_evicted {
            tracing::debug!(%peer, count = evicted.len(), "evicted the oldest unproved connection");
            self.shared.closures.note_evicted(evicted.len());
        }
        Some(Place { shared: Arc::clone(&self.shared), key, has_evicted, revoked })
    }

    /// As [`try_enter`](Self::try_enter), waiting in turn while all places are taken.
    pub(crate) async fn enter(&self, peer: SocketAddr) -> Place {
        loop {
            if let Some(place) = self.try_enter(peer) {
                return place;
            }
            self.shared.left.notified().await;
        }
    }

    /// Waits until a new connection could be admitted, be it by evicting another. For one task at a time.
    pub(crate) async fn room(&self) {
        while !lock(&self.shared.admissions).has_room() {
            self.shared.has_room.notified().await;
        }
    }
}

impl Place {
    /// Ready when the connection is evicted.
    pub(crate) async fn revoked(&mut self) {
        // Nothing is ever sent: the sender is dropped.
        let _ = (&mut self.revoked).await;
    }

    /// The connection is proved, and no longer evicted. Says whether it had not been before.
    pub(crate) fn prove(&self) -> bool {
        lock(&self.shared.admissions).prove(self.key)
    }

    /// As [`prove`](Self::prove), and it no longer counts for its source.
    pub(crate) fn release(&self) -> bool {
        lock(&self.shared.admissions).release(self.key)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let handle = lock(&self.shared.admissions).leave(self.key);
        if handle.is_some() {
            self.shared.left.notify_one();
            self.shared.has_room.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn peer(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 7).into()
    }

    fn limiter(all: usize) -> AcceptLimiter {
        AcceptLimiter::new(Limits { unproved: all, all, per_source: all }, Closures::default())
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_have_proved_themselves_the_next_waits_for_one_to_leave() {
        let limiter = limiter(1);
        let first = limiter.enter(peer(1)).await;
        assert!(first.release());
        assert!(timeout(Duration::from_secs(1), limiter.room()).await.is_err());
        let mut entering = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.enter(peer(2)).await }
        });
        assert!(timeout(Duration::from_secs(1), &mut entering).await.is_err());
        drop(first);
        limiter.room().await;
        let second = entering.await.unwrap();
        assert!(second.prove());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_freed_wakes_one_of_those_that_wait_and_not_all() {
        // Everybody was woken for each place.
        let limiter = limiter(1);
        let first = limiter.enter(peer(1)).await;
        first.prove();
        let mut waiting = tokio::task::JoinSet::new();
        for last in 2..5 {
            let limiter = limiter.clone();
            waiting.spawn(async move {
                let place = limiter.enter(peer(last)).await;
                place.prove();
                (last, place)
            });
        }
        tokio::task::yield_now().await;
        let mut place = first;
        for last in 2..5 {
            drop(place);
            let (entered, its) = waiting.join_next().await.unwrap().unwrap();
            assert_eq!(entered, last, "in turn");
            assert!(waiting.try_join_next().is_none());
            place = its;
        }
    }
}
