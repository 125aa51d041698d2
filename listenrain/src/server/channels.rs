//! The open channels of a server, by number and by the address of their peers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::peer::Peer;
use crate::channel::ChannelFacts;
use crate::sync::{Mutex, lock};

/// What counts as one peer for limits per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Ip(IpAddr),
    /// A user of this host.
    User(u32),
}

impl Address {
    /// The peer's address, where the transport tells one. Of an IPv6 address the first 64 bits count: one host has all of
    /// the rest.
    pub(super) fn of(facts: &ChannelFacts) -> Option<Self> {
        let peer = facts.peer.as_ref().and_then(|peer| peer.address().parse::<SocketAddr>().ok());
        let ip = peer.map(|peer| match peer.ip().to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
            ip => ip,
        });
        ip.map(Self::Ip).or_else(|| facts.credentials.map(|credentials| Self::User(credentials.uid)))
    }
}

/// The open channels, and the handlers that outlive theirs.
#[derive(Default)]
pub(super) struct Channels {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    open: BTreeMap<u64, Arc<Peer>>,
    /// Only where a limit per address is lower than the server's.
    by_address: HashMap<Address, OfAddress>,
    /// Channels that are over, with handlers that are not.
    orphaned: BTreeMap<u64, Arc<Peer>>,
    /// Channels that are told that they are refused.
    refused: usize,
}

/// The channels of one address.
#[derive(Default)]
struct OfAddress {
    /// Those that have not asked for anything yet.
    fresh: BTreeSet<u64>,
    all: BTreeSet<u64>,
}

/// What becomes of a channel that comes.
pub(super) enum Entered {
    /// It is number so and so; the other one makes way for it.
    Open(u64, Option<Arc<Peer>>),
    Full,
}

impl Channels {
    /// A number for one more channel, unless there are `limit` already. `address` is the peer's, and how many of it there may
    /// be.
    pub(super) fn enter(&self, limit: usize, address: Option<(Address, usize)>) -> Entered {
        let mut inner = lock(&self.inner);
        let oldest = address.and_then(|(address, limit)| inner.oldest_of(address, limit));
        if inner.open.len() >= limit && oldest.is_none() {
            return Entered::Full;
        }
        inner.last += 1;
        let makes_way = oldest.and_then(|oldest| inner.remove(oldest, address.map(|(address, _)| address)));
        Entered::Open(inner.last, makes_way)
    }

    pub(super) fn insert(&self, peer: &Arc<Peer>) {
        let mut inner = lock(&self.inner);
        if let Some(address) = peer.address {
            let of_address = inner.by_address.entry(address).or_default();
            of_address.fresh.insert(peer.number);
            of_address.all.insert(peer.number);
        }
        inner.open.insert(peer.number, Arc::clone(peer));
    }

    /// A channel has asked for something: others of its address make way before it.
    pub(super) fn has_asked(&self, peer: &Peer) {
        let Some(address) = peer.address else { return };
        if let Some(of_address) = lock(&self.inner).by_address.get_mut(&address) {
            of_address.fresh.remove(&peer.number);
        }
    }

    /// The channel is over; its handlers may not be.
    pub(super) fn remove(&self, peer: &Arc<Peer>) {
        let mut inner = lock(&self.inner);
        inner.remove(peer.number, peer.address);
        if peer.runs.close() {
            inner.orphaned.insert(peer.number, Arc::clone(peer));
        }
    }

    /// The last handler of a channel that is over has ended.
    pub(super) fn bury(&self, number: u64) {
        let buried = lock(&self.inner).orphaned.remove(&number);
        drop(buried);
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.inner).open.len()
    }

    pub(super) fn open(&self) -> Vec<Arc<Peer>> {
        lock(&self.inner).open.values().cloned().collect()
    }

    /// All channels with handlers, also those that are over.
    pub(super) fn all(&self) -> Vec<Arc<Peer>> {
        let inner = lock(&self.inner);
        inner.open.values().chain(inner.orphaned.values()).cloned().collect()
    }

    /// Room to tell one more channel that it is refused, given back with [`end_refusal`](Self::end_refusal).
    pub(super) fn begin_refusal(&self) -> bool {
        let mut inner = lock(&self.inner);
        let has_room = inner.refused < MOST_REFUSED;
        inner.refused += usize::from(has_room);
        has_room
    }

    pub(super) fn end_refusal(&self) {
        lock(&self.inner).refused -= 1;
    }
}

/// Most channels that are told at the same time why they are refused. Others are closed without a word.
pub(super) const MOST_REFUSED: usize = 256;

impl Inner {
    /// The channel of `address` that makes way for another one, where there are `limit`.
    fn oldest_of(&self, address: Address, limit: usize) -> Option<u64> {
        let of_address = self.by_address.get(&address).filter(|of_address| of_address.all.len() >= limit)?;
        of_address.fresh.first().or_else(|| of_address.all.first()).copied()
    }

    fn remove(&mut self, number: u64, address: Option<Address>) -> Option<Arc<Peer>> {
        if let Some(address) = address
            && let Some(of_address) = self.by_address.get_mut(&address)
        {
            of_address.fresh.remove(&number);
            of_address.all.remove(&number);
            if of_address.all.is_empty() {
                self.by_address.remove(&address);
            }
        }
        self.open.remove(&number)
    }
}
