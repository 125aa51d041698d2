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
    /// Those that have made way and still answer what they were asked.
    leaving: BTreeSet<u64>,
}

/// What becomes of a channel that comes.
pub(super) enum Entered {
    /// It is number so and so; others make way for it.
    Open(u64, Option<MakesWay>),
    Full,
}

/// The channels of an address that make way for another one.
#[derive(Default)]
pub(super) struct MakesWay {
    /// Was asked for something, and is to end once that is answered.
    pub(super) oldest: Option<Arc<Peer>>,
    /// Is to end now: nothing was asked of it, or too many are ending.
    pub(super) cut_off: Option<Arc<Peer>>,
}

impl Channels {
    /// A number for one more channel, unless there are `limit` already. `address` is the peer's, and how many of it there may
    /// be.
    pub(super) fn enter(&self, limit: usize, address: Option<(Address, usize)>) -> Entered {
        let mut inner = lock(&self.inner);
        let is_full = inner.open.len() >= limit;
        let makes_way = address.and_then(|(address, limit)| inner.make_way(address, limit, is_full));
        if is_full && makes_way.as_ref().is_none_or(|makes_way| makes_way.cut_off.is_none()) {
            return Entered::Full;
        }
        inner.last += 1;
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
    /// Makes way for another channel of `address`, where there are `limit`. As many again may be leaving, unless the server
    /// `is_full`.
    fn make_way(&mut self, address: Address, limit: usize, is_full: bool) -> Option<MakesWay> {
        let of_address =
            self.by_address.get_mut(&address).filter(|of_address| of_address.all.len() >= limit)?;
        let mut makes_way = MakesWay::default();
        let cut_off = if let Some(fresh) = of_address.fresh.first() {
            Some(*fresh)
        } else {
            let oldest = of_address.all.pop_first()?;
            of_address.leaving.insert(oldest);
            makes_way.oldest = self.open.get(&oldest).cloned();
            let too_many = is_full || of_address.leaving.len() > limit;
            of_address.leaving.first().copied().filter(|_| too_many)
        };
        makes_way.cut_off = cut_off.and_then(|number| self.remove(number, Some(address)));
        Some(makes_way)
    }

    fn remove(&mut self, number: u64, address: Option<Address>) -> Option<Arc<Peer>> {
        if let Some(address) = address
            && let Some(of_address) = self.by_address.get_mut(&address)
        {
            of_address.fresh.remove(&number);
            of_address.all.remove(&number);
            of_address.leaving.remove(&number);
            if of_address.all.is_empty() && of_address.leaving.is_empty() {
                self.by_address.remove(&address);
            }
        }
        self.open.remove(&number)
    }
}
