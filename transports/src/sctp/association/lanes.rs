//! The lanes of one association, by stream and by the halves that hold them.

use std::collections::BTreeMap;

use slab::Slab;

use crate::sctp::lane::Lane;

/// A lane has a key as long as a half of it is held or it has its stream, and a stream until both sides have said
/// their last word about it.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    all: Slab<Lane>,
    by_stream: BTreeMap<u16, usize>,
}

impl Lanes {
    pub(super) fn insert(&mut self, lane: Lane) -> usize {
        let stream = lane.stream;
        let key = self.all.insert(lane);
        self.by_stream.insert(stream, key);
        key
    }

    pub(super) fn get_mut(&mut self, key: usize) -> &mut Lane {
        &mut self.all[key]
    }

    /// The key of the lane that has `stream` now.
    pub(super) fn on(&self, stream: u16) -> Option<usize> {
        self.by_stream.get(&stream).copied()
    }

    pub(super) fn has_stream(&self, key: usize) -> bool {
        self.on(self.all[key].stream) == Some(key)
    }

    /// The first stream of `streams` that no lane has. A stream that was used stays known to the crate below, so few
    /// are better than many.
    pub(super) fn free_stream(&self, streams: u16) -> Option<u16> {
        let in_a_row = self.by_stream.keys().zip(0..).take_while(|(taken, expected)| *taken == expected);
        u16::try_from(in_a_row.count()).ok().filter(|free| *free < streams)
    }

    /// The lane at `key` has no stream any more.
    pub(super) fn release(&mut self, key: usize) {
        if self.has_stream(key) {
            self.by_stream.remove(&self.all[key].stream);
        }
        self.forget_if_done(key);
    }

    /// Forgets the lane at `key`, if neither half is held and it has no stream.
    pub(super) fn forget_if_done(&mut self, key: usize) {
        if !self.all[key].is_held() && !self.has_stream(key) {
            self.all.remove(key);
        }
    }

    /// Every lane that has a stream.
    pub(super) fn keys(&self) -> Vec<usize> {
        self.by_stream.values().copied().collect()
    }

    /// The same, to be changed.
    pub(super) fn for_each(&mut self, mut act: impl FnMut(&mut Lane)) {
        for key in self.by_stream.values() {
            act(&mut self.all[*key]);
        }
    }

    /// Whether a lane has its stream only until the peer has said its last word.
    pub(super) fn is_any_left(&self) -> bool {
        self.by_stream.values().any(|key| !self.all[*key].is_held())
    }

    /// How many lanes have a stream.
    pub(super) fn len(&self) -> usize {
        self.by_stream.len()
    }

    /// Whether a half of any lane is held, also of one that has no stream any more.
    pub(super) fn are_held(&self) -> bool {
        self.all.iter().any(|(_, lane)| lane.is_held())
    }
}
