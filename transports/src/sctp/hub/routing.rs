//! Routing of datagrams to associations, and the beginning of new ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use listenrain::ChannelFacts;
use tokio::time::Instant;

use super::inbox::Datagram;
use super::table::Peer;
use super::unknown_peer::{self, Answer};
use super::{Hub, Ports};
use crate::accept_limiter::{Outlook, Source};
use crate::sctp::association::{Agreement, Association};
use crate::sctp::fault::Loss;
use crate::sctp::shared::Shared;
use crate::sctp::wire::Packet;
use crate::sctp::{SCHEME, SctpOptions};
use crate::tcp::address::endpoint;

/// Datagrams waiting to be sent beyond which no unknown peer is answered.
const ANSWERED_BEHIND: usize = 4096;

impl Hub {
    /// Takes what has come; says whether that was something.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let Some(Ports { socket, inbox, .. }) = &mut self.ports else {
            return false;
        };
        let mut received = std::mem::take(&mut self.received);
        let polled = inbox.poll_receive(cx, &**socket, &mut received);
        for datagram in received.drain(..) {
            self.route(now, &datagram);
        }
        self.received = received;
        match polled {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                self.on_error(&error);
                true
            }
            Poll::Pending => false,
        }
    }

    fn route(&mut self, now: Instant, datagram: &Datagram) {
        let Some(packet) = Packet::parse(&datagram.bytes) else {
            return;
        };
        let peer = unknown_peer::peer_of(&packet, datagram.from);
        let tag = packet.header.tag;
        let known = self.table.get(tag).filter(|entry| entry.peer == peer).map(|_| tag);
        // A peer that does not know us gives our tag for it back to us.
        let known = known.or_else(|| self.table.tag_of(peer).filter(|_| packet.is_reflected()));
        match known {
            Some(tag) => self.hand_over(now, tag, &packet, &datagram.bytes),
            None => self.greet(now, &packet, datagram),
        }
    }

    fn hand_over(&mut self, now: Instant, tag: u32, packet: &Packet<'_>, bytes: &Bytes) {
        let Some(entry) = self.table.get(tag) else {
            return;
        };
        let shared = entry.shared.clone();
        let acceptor = self.handle.acceptor();
        let room = acceptor.as_ref().map_or(0, |acceptor| acceptor.room());
        let arrived = shared.act_unheard(|association| {
            association.receive(now, packet, bytes, room);
            association.take_arrived()
        });
        if let (false, Some(place)) = (arrived.is_empty(), entry.place) {
            self.admissions.prove(place);
        }
        // Without an acceptor there was no room for any.
        for (key, acceptor) in arrived.into_iter().zip(acceptor.iter().cycle()) {
            acceptor.push(shared.channel(key));
        }
        self.table.touch(tag);
    }

    fn greet(&mut self, now: Instant, packet: &Packet<'_>, datagram: &Datagram) {
        let acceptor = self.handle.acceptor();
        let is_known = self.table.tag_of(unknown_peer::peer_of(packet, datagram.from)).is_some();
        let source = Source::of(datagram.from.ip());
        let open = acceptor.as_deref().filter(|acceptor| {
            self.admissions.limits = acceptor.limits();
            is_known || self.admissions.outlook(source) != Outlook::Full
        });
        let answer = match &self.listening {
            Some((greeter, _)) => greeter.greet(now, packet, datagram.from, open),
            None if packet.is_intact() => unknown_peer::unknown(packet),
            None => Answer::Nothing,
        };
        match (answer, open) {
            // To a peer with an association, such as one whose INIT comes a second time, it would be the end of that.
            (Answer::Refusal(_), _) if is_known => {}
            (Answer::Refusal(bytes) | Answer::Packet(bytes), _) => self.send(datagram, bytes),
            (Answer::Begin(agreed), Some(acceptor)) => {
                let mut local = self.handle.local;
                local.set_ip(datagram.to.unwrap_or_else(|| local.ip()));
                let tag = agreed.ours.tag;
                if self.begin(&agreed, &acceptor.options, local).is_some() {
                    self.hand_over(now, tag, packet, &datagram.bytes);
                }
            }
            _ => {}
        }
    }

    /// Answers an unknown peer, which asks again if it gets none: what comes faster than it can be answered must not pile up.
    fn send(&mut self, to: &Datagram, bytes: Bytes) {
        if let Some(ports) = self.ports.as_mut().filter(|ports| ports.outbox.len() < ANSWERED_BEHIND) {
            ports.outbox.push(to.from, to.to, bytes);
        }
    }

    /// An association that both sides have agreed on, as `local` has it.
    pub(super) fn begin(
        &mut self,
        agreed: &Agreement,
        options: &SctpOptions,
        local: SocketAddr,
    ) -> Option<Arc<Shared>> {
        let association = Association::new(agreed, options, Instant::now())?;
        let peer = Peer { address: agreed.peer, port: agreed.header.destination };
        // Whoever begins anew has forgotten the old one.
        if let Some(old) = self.table.tag_of(peer) {
            self.end(old, Some(Loss::Restarted));
        }
        let tag = agreed.ours.tag;
        let place = if self.listening.is_some() { Some(self.enter(agreed.peer, tag)?) } else { None };
        let mut facts = ChannelFacts::new(SCHEME)
            .between(Some(endpoint(SCHEME, local)), Some(endpoint(SCHEME, agreed.peer)));
        facts.group = Some(self.groups.next());
        let shared = Shared::new(association, tag, self.handle.wants.clone(), facts);
        let local = Some(local.ip()).filter(|_| self.listening.is_some());
        self.table.insert(tag, shared.clone(), peer, local, place);
        Some(shared)
    }

    /// A place for an association with `peer`. The oldest one without a channel makes way for it where there is no room.
    fn enter(&mut self, peer: SocketAddr, tag: u32) -> Option<u64> {
        let (place, evicted) = self.admissions.enter(Source::of(peer.ip()), tag)?;
        self.closures.note_evicted(evicted.len());
        for tag in evicted {
            let Some(entry) = self.table.get(tag) else { continue };
            tracing::debug!(%peer, evicted = %entry.peer.address, "an association made way for a new one");
            entry.shared.lose(Loss::Evicted);
            self.table.touch(tag);
        }
        Some(place)
    }
}
