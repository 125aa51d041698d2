//! Accepting channels, one task each.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument;

use super::Shared;
use super::peer::{Peer, Served};
use crate::caught::caught;
use crate::channel::Channel;
use crate::counters::count;
use crate::endpoint::Endpoint;
use crate::link::Link;
use crate::sync::lock;
use crate::transport::{ChannelGenerator, NextError};

/// How long to wait after an accept that failed and may be tried again; doubles up to a second.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Accepts until the server closes or the listener is over.
pub(super) async fn run(shared: Arc<Shared>, mut listener: Box<dyn ChannelGenerator>) {
    let mut wait = FIRST_WAIT;
    let end = loop {
        let next = tokio::select! {
            biased;
            () = shared.closing.cancelled() => break Ok(()),
            next = caught(async { listener.next().await }) => next.unwrap_or_else(|panic| Err(panicked(listener.endpoint(), &panic))),
        };
        match next {
            Ok(channel) => {
                wait = FIRST_WAIT;
                shared.serve(channel);
            }
            Err(error) if error.is_final => break Err(error),
            Err(error) => {
                tracing::warn!(%error, ?wait, "accept failed, trying again");
                tokio::select! {
                    biased;
                    () = shared.closing.cancelled() => break Ok(()),
                    () = sleep(wait) => {}
                }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    };
    drop(listener);
    shared.tell_end(end);
}

fn panicked(endpoint: &Endpoint, panic: &str) -> NextError {
    let why = std::io::Error::other(format!("the listener panicked: {panic}"));
    NextError::lasting("accept", endpoint, why)
}

/// Tells every link when an interval of the health check has passed: one timer for all of them.
pub(super) async fn tick(shared: Arc<Shared>) {
    let interval = shared.health.interval;
    loop {
        tokio::select! {
            biased;
            () = shared.closing.cancelled() => return,
            () = sleep_until(Instant::now() + interval) => {}
        }
        lock(&shared.peers).iter().for_each(|peer| peer.signal.tick());
    }
}

impl Shared {
    fn tell_end(&self, end: Result<(), NextError>) {
        if let Err(error) = &end {
            tracing::error!(%error, "listener is over");
        }
        self.ended.send_replace(Some(end));
    }

    fn serve(self: &Arc<Self>, channel: Channel) {
        let id = self.next_peer.fetch_add(1, Ordering::Relaxed);
        let peer = {
            let mut peers = lock(&self.peers);
            if peers.len() >= self.limits.connections {
                drop(peers);
                count(&self.counters.turned_away);
                tracing::debug!(limit = self.limits.connections, "channel turned away");
                return;
            }
            let peer = Arc::new(Peer::new(id, self, &channel));
            peers.push(Arc::clone(&peer));
            peer
        };
        count(&self.counters.accepted);
        if self.closing.is_cancelled() {
            peer.signal.finish();
        }
        let shared = Arc::clone(self);
        let from = channel.facts.peer.as_ref().map(tracing::field::display);
        let span = tracing::debug_span!("peer", id, from);
        self.tasks.spawn(async move { shared.run_peer(peer, channel).await }.instrument(span));
    }

    async fn run_peer(self: Arc<Self>, peer: Arc<Peer>, channel: Channel) {
        let _gone = Gone { shared: &self, peer: &peer };
        let role = Served::new(Arc::clone(&self), Arc::clone(&peer));
        let packets = Arc::clone(&self.parts.packets);
        let signal = Arc::clone(&peer.signal);
        let end = Link::new(channel, role, packets, signal, Arc::clone(&self.counters), &self.health).await;
        tracing::debug!(cause = %end.cause, "channel over");
    }
}

/// Takes a peer off the list when its task ends, however it ends.
struct Gone<'a> {
    shared: &'a Shared,
    peer: &'a Peer,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.shared.adopt(self.peer);
        lock(&self.shared.peers).retain(|other| other.id != self.peer.id);
        self.peer.end(self.shared.on_disconnect);
    }
}
