//! The table of associations of one socket: by tag, by peer, and by deadline.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::sctp::shared::Shared;

/// Where an association's packets come from and go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Peer {
    pub(in super::super) address: SocketAddr,
    /// The peer's SCTP port.
    pub(in super::super) port: u16,
}

pub(super) struct Entry {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Peer,
    /// The address that the peer knows this side by, where the socket has several.
    pub(super) local: Option<IpAddr>,
    /// Its place among those of a listener.
    pub(super) place: Option<u64>,
    deadline: Option<Instant>,
    is_touched: bool,
}

/// Ordered maps, so that the same happens in the same order each time.
#[derive(Default)]
pub(super) struct Table {
    entries: BTreeMap<u32, Entry>,
    by_peer: BTreeMap<Peer, u32>,
    deadlines: BTreeSet<(Instant, u32)>,
    touched: VecDeque<u32>,
}

impl Table {
    pub(super) fn insert(
        &mut self,
        tag: u32,
        shared: Arc<Shared>,
        peer: Peer,
        local: Option<IpAddr>,
        place: Option<u64>,
    ) {
        self.entries.insert(tag, Entry { shared, peer, local, place, deadline: None, is_touched: false });
        self.by_peer.insert(peer, tag);
        self.touch(tag);
    }

    pub(super) fn get(&self, tag: u32) -> Option<&Entry> {
        self.entries.get(&tag)
    }

    pub(super) fn tag_of(&self, peer: Peer) -> Option<u32> {
        self.by_peer.get(&peer).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The association at `tag` has to be looked after.
    pub(super) fn touch(&mut self, tag: u32) {
        if let Some(entry) = self.entries.get_mut(&tag)
            && !std::mem::replace(&mut entry.is_touched, true)
        {
            self.touched.push_back(tag);
        }
    }

    /// Touches those whose time has come.
    pub(super) fn touch_due(&mut self, now: Instant) {
        while let Some((deadline, tag)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if let Some(entry) = self.entries.get_mut(&tag) {
                entry.deadline = None;
            }
            self.touch(tag);
        }
    }

    /// One that has to be looked after, in the order in which they were touched.
    pub(super) fn take_touched(&mut self) -> Option<u32> {
        self.touched.pop_front()
    }

    /// The association at `tag` was looked after at `now`, and wants to be again at `deadline`.
    pub(super) fn rest(&mut self, tag: u32, now: Instant, deadline: Instant) {
        // The clock of timers counts in milliseconds. So one that wants what is past does not keep the task from sleeping.
        let deadline = deadline.max(now + Duration::from_millis(1));
        let Some(entry) = self.entries.get_mut(&tag) else {
            return;
        };
        entry.is_touched = false;
        if entry.deadline == Some(deadline) {
            return;
        }
        if let Some(old) = entry.deadline.replace(deadline) {
            self.deadlines.remove(&(old, tag));
        }
        self.deadlines.insert((deadline, tag));
    }

    pub(super) fn remove(&mut self, tag: u32) -> Option<Entry> {
        let entry = self.entries.remove(&tag)?;
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, tag));
        }
        if self.by_peer.get(&entry.peer) == Some(&tag) {
            self.by_peer.remove(&entry.peer);
        }
        Some(entry)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry> + use<> {
        std::mem::take(self).entries.into_values()
    }
}
