//! Accepting channels, one task each.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::Instrument;

use super::Shared;
use super::channels::{Address, Entered, MakesWay};
use super::peer::Peer;
use super::serving::Served;
use crate::channel::Channel;
use crate::counters::count;
use crate::endpoint::Endpoint;
use crate::guard::{Foreign, drop_guarded, guard, guard_future};
use crate::link::{Link, LinkEnd, LinkEvent};
use crate::log_limit::limited;
use crate::packet::GoodbyeReason;
use crate::transport::{ChannelGenerator, NextError};

/// How long to wait after an accept that failed and may be tried again; doubles up to a second.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a channel that is refused may take to hear so.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

/// Most channels that are taken to be told that the server ends, for how long others are waited for, and how long it may take
/// to take those that are there.
const MOST_AT_THE_END: usize = 16_384;
const THERE_WITHIN: Duration = Duration::from_millis(5);
const ALL_WITHIN: Duration = Duration::from_secs(1);

/// Accepts until the server closes or the listener is over.
pub(super) async fn run(shared: Arc<Shared>, endpoint: Endpoint, listener: Box<dyn ChannelGenerator>) {
    let mut listener = Foreign::new(listener);
    let mut wait = FIRST_WAIT;
    let end = loop {
        let next = tokio::select! {
            biased;
            () = shared.closing.cancelled() => break Ok(()),
            next = guard_future(async { listener.next().await }) => next,
        };
        match next.unwrap_or_else(|panic| Err(panicked(&endpoint, &panic))) {
            Ok(channel) => {
                wait = FIRST_WAIT;
                shared.serve(channel);
            }
            Err(error) if error.is_final => break Err(error),
            Err(error) => {
                limited!(shared.log_limit, warn, %error, ?wait, "accept failed, trying again");
                tokio::select! {
                    biased;
                    () = shared.closing.cancelled() => break Ok(()),
                    () = sleep(wait) => {}
                }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    };
    if end.is_ok() {
        // Peers that are connected already are told that the server ends, where closing the listener would cut them off.
        let until = Instant::now() + THERE_WITHIN;
        let all = async {
            for _ in 0..MOST_AT_THE_END {
                let Some(channel) = next_until(&mut **listener, until).await else { return };
                shared.serve(channel);
            }
        };
        tokio::select! {
            biased;
            () = shared.over.cancelled() => {}
            _ = timeout(ALL_WITHIN, all) => {}
        }
    }
    drop(listener);
    shared.tell_end(end);
}

/// The next channel, if it is there by then. The runtime may not have looked yet, and has its turn meanwhile.
async fn next_until(listener: &mut dyn ChannelGenerator, until: Instant) -> Option<Channel> {
    match unconstrained(timeout_at(until, guard_future(listener.next()))).await {
        Ok(Ok(Ok(channel))) => Some(channel),
        _ => None,
    }
}

fn panicked(endpoint: &Endpoint, panic: &str) -> NextError {
    let why = std::io::Error::other(format!("the listener panicked: {panic}"));
    NextError::lasting("accept", endpoint, why)
}

/// Tells every link when an interval of the health check has passed, and those that are idle to shrink: one task for all.
pub(super) async fn watch(shared: Arc<Shared>) {
    let ticks = async {
        loop {
            sleep(shared.options.health.interval).await;
            shared.channels.open().iter().for_each(|peer| peer.signal.tick());
        }
    };
    tokio::select! {
        biased;
        () = shared.over.cancelled() => {}
        () = ticks => {}
        () = shared.idle.watch() => {}
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
        if !self.admits(&channel) {
            count(&self.counters.turned_away);
            return self.refuse(channel, GoodbyeReason::NotAdmitted);
        }
        let limits = &self.options.limits;
        let (limit, of_address) = (limits.connections, limits.address_connections);
        let of_address = of_address.filter(|of_address| *of_address < limit);
        let address = of_address.and_then(|limit| Some((Address::of(&channel.facts)?, limit)));
        let Entered::Open(number, makes_way) = self.channels.enter(limit, address) else {
            count(&self.counters.turned_away);
            limited!(self.log_limit, warn, limit, "full: a channel was refused");
            return self.refuse(channel, GoodbyeReason::Full);
        };
        if let Some(MakesWay { oldest, cut_off }) = makes_way {
            count(&self.counters.turned_away);
            oldest.iter().for_each(|oldest| oldest.finish(GoodbyeReason::Full));
            cut_off.iter().for_each(|oldest| oldest.stop(GoodbyeReason::Full));
        }
        count(&self.counters.accepted);
        let address = address.map(|(address, _)| address);
        let peer = Peer::new(number, address, channel.facts.clone(), self);
        self.channels.insert(&peer);
        if self.closing.is_cancelled() {
            peer.finish(GoodbyeReason::Draining);
        }
        let from = channel.facts.peer.as_ref().map(tracing::field::display);
        let span = tracing::debug_span!("peer", number, from);
        let shared = Arc::clone(self);
        self.tasks.spawn(async move { shared.run_peer(peer, channel).await }.instrument(span));
    }

    fn admits(&self, channel: &Channel) -> bool {
        let Some(admits) = &self.options.admits else { return true };
        guard(|| admits(&channel.facts)).unwrap_or_else(|panic| {
            self.note_panic("admission", &panic);
            false
        })
    }

    /// Tells the peer of a channel why it is not taken, where the protocol can say so.
    fn refuse(self: &Arc<Self>, mut channel: Channel, why: GoodbyeReason) {
        if !self.parts.packets.capabilities.hello || !self.channels.begin_refusal() {
            return drop_guarded(channel);
        }
        let peer = Peer::new(0, None, std::mem::take(&mut channel.facts), self);
        peer.finish(why);
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            let _told = Told(&shared);
            let _ = timeout(REFUSED_WITHIN, shared.link(&peer, channel)).await;
        });
    }

    async fn run_peer(self: Arc<Self>, peer: Arc<Peer>, channel: Channel) {
        let gone = Gone { shared: &self, peer: &peer };
        let end = {
            let mut link = pin!(self.link(&peer, channel));
            match self.age_of(&peer) {
                None => link.await,
                Some(age) => match timeout(age, link.as_mut()).await {
                    Ok(end) => end,
                    Err(_) => {
                        count(&self.counters.aged);
                        peer.finish(GoodbyeReason::Age);
                        link.await
                    }
                },
            }
        };
        tracing::debug!(cause = %end.cause, "channel over");
        drop(gone);
        self.outlive(peer);
    }

    /// Drives a channel to its end.
    async fn link(self: &Arc<Self>, peer: &Arc<Peer>, mut channel: Channel) -> LinkEnd {
        let ended = channel.ended.take();
        let role = Served::new(Arc::clone(self), Arc::clone(peer));
        let (signal, counters) = (Arc::clone(&peer.signal), Arc::clone(&self.counters));
        let (packets, idle) = (self.parts.packets.clone(), Arc::clone(&self.idle));
        let mut link = Link::new(channel, role, packets, signal, counters, idle, &self.options.health);
        loop {
            if let LinkEvent::Ended(end) = (&mut link).await {
                end.tell(ended, None);
                return end;
            }
        }
    }

    /// How old the channel may grow: between nine and eleven tenths of what is set, lest channels that came together go so.
    fn age_of(&self, peer: &Peer) -> Option<Duration> {
        let spread = self.random.of(peer.number).fraction();
        self.options.max_age.map(|age| age.mul_f64(0.9 + 0.2 * spread))
    }

    /// Handlers whose channel is over still end at their deadlines.
    fn outlive(self: &Arc<Self>, peer: Arc<Peer>) {
        if let Some(mut next) = peer.runs.next_deadline() {
            let over = self.over.clone();
            tokio::spawn(async move {
                let expire = async {
                    loop {
                        tokio::time::sleep_until(next).await;
                        peer.runs.expire(tokio::time::Instant::now());
                        let Some(then) = peer.runs.next_deadline() else { return };
                        next = then;
                    }
                };
                tokio::select! {
                    biased;
                    () = over.cancelled() => {}
                    () = expire => {}
                }
            });
        }
    }
}

/// A channel that was refused has been told so, or not.
struct Told<'a>(&'a Shared);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.channels.end_refusal();
    }
}

/// Takes a peer off the list when its task ends, however it ends.
struct Gone<'a> {
    shared: &'a Shared,
    peer: &'a Arc<Peer>,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.peer.end(self.shared.options.on_disconnect);
        self.shared.channels.remove(self.peer);
    }
}
