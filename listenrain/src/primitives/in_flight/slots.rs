//! The slots themselves: which are free, and which calls have left on which channel.

use super::{CallId, Next, Told, Waiter};
use crate::sync::mutant;

/// The slots, under their lock.
#[derive(Debug)]
pub(super) struct Slots<C, O> {
    entries: Vec<Entry<C, O>>,
    free: Vec<u32>,
    pub(super) waiting: usize,
    /// The waiting calls that have left on each channel, in the order in which they left: at most one list a lane, and one a
    /// channel that still finishes. An empty list is used again for another channel.
    lists: Vec<List>,
    pub(super) is_closed: bool,
}

#[derive(Debug)]
struct Entry<C, O> {
    generation: u32,
    state: State<C, O>,
    /// Set while the call waits and has left.
    left: Option<Left>,
}

/// A call's place among those that have left on the same channel.
#[derive(Debug, Clone, Copy)]
struct Left {
    list: u32,
    before: Option<u32>,
    behind: Option<u32>,
}

/// The calls that have left on one channel.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct List {
    channel: u64,
    pub(super) first: Option<u32>,
    last: Option<u32>,
    pub(super) len: usize,
}

pub(super) enum State<C, O> {
    Free,
    Waiting(C, Waiter<O>),
    Done(O),
}

impl<C, O> std::fmt::Debug for State<C, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Free => "Free",
            Self::Waiting(..) => "Waiting",
            Self::Done(..) => "Done",
        })
    }
}

impl<C, O> Slots<C, O> {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), waiting: 0, lists: Vec::new(), is_closed: false }
    }

    #[inline]
    pub(super) fn insert(&mut self, context: C, waiter: Waiter<O>) -> Option<CallId> {
        if self.is_closed {
            return None;
        }
        self.waiting += 1;
        let state = State::Waiting(context, waiter);
        if let Some(slot) = self.free.pop() {
            self.entries[slot as usize].state = state;
            return Some(self.id(slot));
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        // Generation 0 is never used, so that no id is 0 on the wire.
        self.entries.push(Entry { generation: 1, state, left: None });
        Some(self.id(slot))
    }

    pub(super) fn id(&self, slot: u32) -> CallId {
        CallId { slot, generation: self.entries[slot as usize].generation }
    }

    /// How the call of `id` stands; `None` when its slot is free or another call's.
    #[inline]
    pub(super) fn state(&mut self, id: CallId) -> Option<&mut State<C, O>> {
        self.entry(id).map(|entry| &mut entry.state)
    }

    pub(super) fn has_left_on(&mut self, id: CallId, channel: u64) -> bool {
        let left = self.entry(id).and_then(|entry| entry.left);
        left.is_some_and(|left| self.lists[left.list as usize].channel == channel)
    }

    #[inline]
    fn entry(&mut self, id: CallId) -> Option<&mut Entry<C, O>> {
        let entry = self.entries.get_mut(id.slot as usize)?;
        let same = entry.generation == id.generation || mutant("in_flight: the generation is not compared");
        (same && !matches!(entry.state, State::Free)).then_some(entry)
    }

    #[inline]
    pub(super) fn end(&mut self, id: CallId, outcome: O) -> Result<Told<C, O>, O> {
        let Some(entry) = self.entry(id) else {
            return Err(outcome);
        };
        match std::mem::replace(&mut entry.state, State::Free) {
            State::Waiting(context, waiter) => {
                self.waiting -= 1;
                self.unlink(id.slot);
                let next = match waiter {
                    Waiter::Callback(callback) => {
                        self.free(id.slot);
                        Next::Call(callback, id, outcome)
                    }
                    Waiter::Task(waker) => {
                        self.entries[id.slot as usize].state = State::Done(outcome);
                        waker.map_or(Next::Nobody, Next::Wake)
                    }
                };
                Ok(Told { next, context })
            }
            State::Done(first) => {
                let replace = mutant("in_flight: a second end replaces the first");
                let (kept, rest) = if replace { (outcome, first) } else { (first, outcome) };
                self.entries[id.slot as usize].state = State::Done(kept);
                Err(rest)
            }
            State::Free => Err(outcome),
        }
    }

    pub(super) fn end_where(
        &mut self,
        mut outcome: impl FnMut(CallId, &mut C) -> Option<O>,
    ) -> Vec<Told<C, O>> {
        let mut told = Vec::new();
        for slot in 0..self.entries.len() {
            let entry = &mut self.entries[slot];
            let id = CallId { slot: slot as u32, generation: entry.generation };
            if let State::Waiting(context, _) = &mut entry.state
                && let Some(outcome) = outcome(id, context)
            {
                told.extend(self.end(id, outcome).ok());
            }
        }
        told
    }

    #[inline]
    pub(super) fn take(&mut self, id: CallId) -> Option<State<C, O>> {
        let entry = self.entry(id)?;
        if mutant("in_flight: a cancel leaves an ended call behind") && matches!(entry.state, State::Done(_))
        {
            return None;
        }
        let was = std::mem::replace(&mut entry.state, State::Free);
        let counted = !mutant("in_flight: a cancelled call still counts as waiting");
        self.waiting -= usize::from(matches!(was, State::Waiting(..)) && counted);
        self.unlink(id.slot);
        self.free(id.slot);
        Some(was)
    }

    #[inline]
    fn free(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        entry.state = State::Free;
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        self.free.push(slot);
    }

    pub(super) fn left_on(&self, channel: u64) -> List {
        self.lists.iter().find(|list| list.channel == channel).copied().unwrap_or_default()
    }

    /// The call that left on the same channel after this one.
    pub(super) fn behind(&self, slot: u32) -> Option<u32> {
        self.entries[slot as usize].left.and_then(|left| left.behind)
    }

    /// The list of `channel`, to put calls into.
    pub(super) fn list_of(&mut self, channel: u64) -> u32 {
        let find = |is_it: &dyn Fn(&List) -> bool| self.lists.iter().position(is_it);
        let found = find(&|list| list.channel == channel).or_else(|| find(&|list| list.len == 0));
        let list = found.unwrap_or(self.lists.len());
        if list == self.lists.len() {
            self.lists.push(List::default());
        }
        self.lists[list].channel = channel;
        list as u32
    }

    /// Puts a call behind those of a list.
    #[inline]
    pub(super) fn link(&mut self, slot: u32, list: u32) {
        let calls = &mut self.lists[list as usize];
        let before = calls.last.replace(slot);
        calls.first.get_or_insert(slot);
        calls.len += 1;
        self.entries[slot as usize].left = Some(Left { list, before, behind: None });
        if let Some(left) = before.and_then(|before| self.entries[before as usize].left.as_mut()) {
            left.behind = Some(slot);
        }
    }

    #[inline]
    pub(super) fn unlink(&mut self, slot: u32) {
        if let Some(left) = self.entries[slot as usize].left.take() {
            self.close_gap(left);
        }
    }

    fn close_gap(&mut self, Left { list, before, behind }: Left) {
        if let Some(left) = before.and_then(|before| self.entries[before as usize].left.as_mut()) {
            left.behind = behind;
        }
        if let Some(left) = behind.and_then(|behind| self.entries[behind as usize].left.as_mut()) {
            left.before = before;
        }
        let calls = &mut self.lists[list as usize];
        calls.len -= usize::from(!mutant("in_flight: an ended call still counts on its channel"));
        calls.first = if before.is_none() { behind } else { calls.first };
        calls.last = if behind.is_none() { before } else { calls.last };
    }
}
