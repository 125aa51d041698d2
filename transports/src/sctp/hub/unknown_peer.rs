//! Answers to packets of unknown peers: how an association begins, and that there is none (RFC 9260, 5.1 and 8.4).

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::acceptor::Acceptor;
use super::table::Peer;
use crate::entropy::Entropy;
use crate::sctp::association::{Agreement, Role};
use crate::sctp::cookie::{Cookie, Jar, LIFETIME, Refused};
use crate::sctp::random::nonzero;
use crate::sctp::wire::{self, Chunk, Init, Packet, REFLECTED, kind};
use crate::sctp::{SctpOptions, receive_window};

/// Error cause of an ABORT, by the number of RFC 9260.
const OUT_OF_RESOURCE: u16 = 4;

/// What to do about a packet.
pub(super) enum Answer {
    Nothing,
    Packet(Bytes),
    /// An ABORT that carries the tag of the association that was asked for.
    Refusal(Bytes),
    /// A cookie has come back: the association is there, and the packet is its first.
    Begin(Agreement),
}

/// Answers unknown peers of a socket that may listen.
#[derive(Debug)]
pub(in super::super) struct Greeter {
    jar: Jar,
    entropy: Arc<dyn Entropy>,
    /// Tags of associations that are over, and until when their cookies would be good. A late copy of such a cookie
    /// must not begin anything.
    retired: VecDeque<(Instant, u32)>,
    /// The same tags, to be found.
    retired_tags: BTreeSet<u32>,
}

impl Greeter {
    /// So many are remembered; that many associations a minute need no more.
    const RETIRED: usize = 8192;

    pub(in super::super) fn new(entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        Ok(Self {
            jar: Jar::new(&*entropy)?,
            entropy,
            retired: VecDeque::new(),
            retired_tags: BTreeSet::new(),
        })
    }

    pub(super) fn retire(&mut self, tag: u32, now: Instant) {
        while self.retired.len() >= Self::RETIRED
            || self.retired.front().is_some_and(|(until, _)| *until < now)
        {
            if let Some((_, tag)) = self.retired.pop_front() {
                self.retired_tags.remove(&tag);
            }
        }
        self.retired.push_back((now + LIFETIME, tag));
        self.retired_tags.insert(tag);
    }

    /// Answers a packet. `acceptor` is there while a listener has room for another association.
    pub(super) fn greet(
        &self,
        now: Instant,
        packet: &Packet<'_>,
        from: SocketAddr,
        acceptor: Option<&Acceptor>,
    ) -> Answer {
        let Some(first) = packet.chunks().next().filter(|_| packet.is_intact()) else {
            return Answer::Nothing;
        };
        match first.kind {
            kind::INIT => self.on_init(now, packet, from, acceptor),
            kind::COOKIE_ECHO => self.on_cookie(now, packet, first, from, acceptor),
            _ => unknown(packet),
        }
    }

    fn on_init(
        &self,
        now: Instant,
        packet: &Packet<'_>,
        from: SocketAddr,
        acceptor: Option<&Acceptor>,
    ) -> Answer {
        let chunk = packet.single().filter(|_| packet.header.tag == 0);
        let Some(theirs) = chunk.and_then(|chunk| Init::parse(chunk.value)) else {
            return Answer::Nothing;
        };
        let options = acceptor.map(|acceptor| &acceptor.options);
        let Some(options) = options.filter(|options| options.sctp_port == packet.header.destination.into())
        else {
            return refuse(
                packet,
                theirs,
                "no listener, or as many associations as it may have (associations, per_address)",
            );
        };
        match self.offer(theirs, from, options) {
            Ok(ours) => {
                let cookie = self.jar.seal(&Cookie { ours, theirs }, from, packet.header, now);
                let header = packet.header.back(theirs.tag);
                Answer::Packet(wire::packet(header, kind::INIT_ACK, 0, &ours.with_cookie(&cookie)))
            }
            Err(error) => {
                tracing::debug!(%from, %error, "a dial is not answered");
                Answer::Nothing
            }
        }
    }

    /// What this side says of itself to `theirs`.
    fn offer(&self, theirs: Init, from: SocketAddr, options: &SctpOptions) -> io::Result<Init> {
        let mut tag = nonzero(&*self.entropy)?;
        // The crate that moves data tells both sides by their tags.
        while tag == theirs.tag {
            tag = nonzero(&*self.entropy)?;
        }
        Ok(own_init(tag, nonzero(&*self.entropy)?, from, options))
    }

    fn on_cookie(
        &self,
        now: Instant,
        packet: &Packet<'_>,
        chunk: Chunk<'_>,
        from: SocketAddr,
        acceptor: Option<&Acceptor>,
    ) -> Answer {
        let opened = self.jar.open(chunk.value, from, packet.header, now);
        let (Cookie { ours, theirs }, round_trip) = match opened {
            Ok(opened) if opened.0.ours.tag == packet.header.tag => opened,
            Ok(_) | Err(Refused::Forged) => return Answer::Nothing,
            Err(Refused::Stale) => return unknown(packet),
        };
        if self.retired_tags.contains(&ours.tag) {
            return unknown(packet);
        }
        if acceptor.is_none() {
            return refuse(
                packet,
                theirs,
                "no listener any more, or as many associations as it may have (associations, per_address)",
            );
        }
        let header = packet.header.back(theirs.tag);
        let role = Role::Listener;
        Answer::Begin(Agreement { role, ours, theirs, header, peer: from, round_trip })
    }
}

/// What this side says of itself to a peer at `peer`.
pub(in super::super) fn own_init(tag: u32, tsn: u32, peer: SocketAddr, options: &SctpOptions) -> Init {
    // Within the bounds that the options check.
    let streams = options.lanes as u16;
    Init { tag, window: receive_window(peer.ip()), outbound: streams, inbound: streams, tsn }
}

fn refuse(packet: &Packet<'_>, theirs: Init, why: &str) -> Answer {
    Answer::Refusal(wire::abort(packet.header.back(theirs.tag), 0, OUT_OF_RESOURCE, why))
}

/// What a packet gets whose association there is none of.
pub(super) fn unknown(packet: &Packet<'_>) -> Answer {
    let back = packet.header.back(packet.header.tag);
    let answer = |kind| Answer::Packet(wire::packet(back, kind, REFLECTED, &[]));
    for chunk in packet.chunks() {
        match chunk.kind {
            kind::ABORT | kind::INIT | kind::INIT_ACK | kind::COOKIE_ACK | kind::SHUTDOWN_COMPLETE => {
                return Answer::Nothing;
            }
            kind::SHUTDOWN_ACK => return answer(kind::SHUTDOWN_COMPLETE),
            kind::ERROR => return Answer::Nothing,
            _ => {}
        }
    }
    answer(kind::ABORT)
}

/// Who sent `packet` from `from`.
pub(super) fn peer_of(packet: &Packet<'_>, from: SocketAddr) -> Peer {
    Peer { address: from, port: packet.header.source }
}
