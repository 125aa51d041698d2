//! The slots of calls in flight: each is ended exactly once.

use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, lock, mutant};

/// A slot and its generation: the id that the library chooses. A slot that is used again has another generation, so a
/// late reply finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl CallId {
    /// The id as it stands in a packet header: generation in the high half, slot in the low.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// The id that [`to_bits`](Self::to_bits) wrote.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Calls in flight. `C` is what is known of a call while it waits, `O` how it ended.
#[derive(Debug)]
pub(crate) struct InFlight<C, O> {
    slots: Mutex<Slots<C, O>>,
}

#[derive(Debug)]
struct Slots<C, O> {
    entries: Vec<Entry<C, O>>,
    free: Vec<u32>,
    waiting: usize,
    closed: bool,
}

#[derive(Debug)]
struct Entry<C, O> {
    generation: u32,
    state: State<C, O>,
}

enum State<C, O> {
    Free,
    Waiting(C, Waiter<O>),
    Done(C, O),
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

/// What is told the end of a call.
pub(crate) enum Waiter<O> {
    /// A task that polls the slot, once it has done so.
    Task(Option<Waker>),
    /// A callback, called by whoever ends the call.
    Callback(Box<dyn FnOnce(CallId, O) + Send>),
}

/// What is left to do for an ended call once no lock is held.
pub(crate) enum Told<C, O> {
    /// Nobody has asked yet; the outcome waits in its slot.
    Nobody,
    Wake(Waker),
    Call(Box<dyn FnOnce(CallId, O) + Send>, CallId, O, C),
}

impl<C, O> Told<C, O> {
    pub(crate) fn tell(self) {
        match self {
            Self::Nobody => {}
            Self::Wake(waker) => waker.wake(),
            Self::Call(callback, id, outcome, _context) => callback(id, outcome),
        }
    }
}

impl<C, O> InFlight<C, O> {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(Slots { entries: Vec::new(), free: Vec::new(), waiting: 0, closed: false }) }
    }

    /// A slot for a new call; `None` after [`close`](Self::close), under the same lock, so that none is overlooked.
    pub(crate) fn insert(&self, context: C, waiter: Waiter<O>) -> Option<CallId> {
        let mut slots = lock(&self.slots);
        if slots.closed {
            return None;
        }
        slots.waiting += 1;
        let state = State::Waiting(context, waiter);
        if let Some(slot) = slots.free.pop() {
            let entry = &mut slots.entries[slot as usize];
            entry.state = state;
            return Some(CallId { slot, generation: entry.generation });
        }
        let slot = u32::try_from(slots.entries.len()).ok()?;
        // Generation 0 is never used, so that no id is 0 on the wire.
        slots.entries.push(Entry { generation: 1, state });
        Some(CallId { slot, generation: 1 })
    }

    /// Ends the calls of a whole batch under one lock; `told` gets what is left to do, `late` is called for each that
    /// nobody waits for.
    pub(crate) fn end_all(
        &self,
        batch: impl IntoIterator<Item = (CallId, O)>,
        told: &mut Vec<Told<C, O>>,
        mut late: impl FnMut(O),
    ) {
        let mut slots = lock(&self.slots);
        for (id, outcome) in batch {
            match slots.end(id, outcome) {
                Ok(Told::Nobody) => {}
                Ok(next) => told.push(next),
                Err(outcome) => late(outcome),
            }
        }
    }

    /// Ends one call; gives the outcome back when nobody waits for it any more.
    pub(crate) fn end(&self, id: CallId, outcome: O) -> Result<Told<C, O>, O> {
        lock(&self.slots).end(id, outcome)
    }

    /// As [`end`](Self::end) for a call that still waits, and tells what was known of it at that very moment; `None` when
    /// it has ended.
    pub(crate) fn end_with<R>(
        &self,
        id: CallId,
        outcome: O,
        read: impl FnOnce(&C) -> R,
    ) -> Option<(Told<C, O>, R)> {
        let mut slots = lock(&self.slots);
        let State::Waiting(context, _) = &slots.entry(id)?.state else { return None };
        let read = read(context);
        if mutant("in_flight: end_with reads and ends under two locks") {
            drop(slots);
            slots = lock(&self.slots);
        }
        slots.end(id, outcome).ok().map(|told| (told, read))
    }

    /// The outcome, once, with what was known of the call; frees the slot with it.
    pub(crate) fn poll(&self, id: CallId, cx: &mut Context<'_>) -> Poll<Option<(C, O)>> {
        let mut slots = lock(&self.slots);
        let Some(entry) = slots.entry(id) else {
            return Poll::Ready(None);
        };
        match &mut entry.state {
            State::Waiting(_, Waiter::Task(waker)) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None if mutant("in_flight: poll forgets its waker") => {}
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            _ => Poll::Ready(slots.free(id)),
        }
    }

    /// Ends a call in favour of nobody: its caller went away. Gives what it held when it was still waiting, to be
    /// dropped outside the lock.
    pub(crate) fn cancel(&self, id: CallId) -> Option<(C, Waiter<O>)> {
        // What nobody came for ends here, outside the lock: its end may run code of the user's.
        let was = lock(&self.slots).take(id);
        match was? {
            State::Waiting(context, waiter) => Some((context, waiter)),
            State::Done(context, _) if mutant("in_flight: a cancel takes an ended call for its own") => {
                Some((context, Waiter::Task(None)))
            }
            _ => None,
        }
    }

    pub(crate) fn is_waiting(&self, id: CallId) -> bool {
        self.with(id, |_| ()).is_some() || mutant("in_flight: a call that has ended still seems to wait")
    }

    /// Changes what is known of a waiting call; `None` when it has ended.
    pub(crate) fn with<R>(&self, id: CallId, change: impl FnOnce(&mut C) -> R) -> Option<R> {
        let mut slots = lock(&self.slots);
        match &mut slots.entry(id)?.state {
            State::Waiting(context, _) => Some(change(context)),
            _ => None,
        }
    }

    /// As [`with`](Self::with) for many, under one lock: keeps of `items` those whose call still waits.
    pub(crate) fn retain_waiting<T>(
        &self,
        items: &mut Vec<T>,
        id_of: impl Fn(&T) -> Option<CallId>,
        mut change: impl FnMut(&mut T, &mut C),
    ) {
        let mut slots = lock(&self.slots);
        items.retain_mut(|item| {
            let Some(id) = id_of(item) else { return true };
            match slots.entry(id).map(|entry| &mut entry.state) {
                Some(State::Waiting(context, _)) => {
                    change(item, context);
                    true
                }
                _ => false,
            }
        });
    }

    /// Ends every waiting call for which `outcome` answers.
    pub(crate) fn end_where(&self, outcome: impl FnMut(CallId, &mut C) -> Option<O>) -> Vec<Told<C, O>> {
        lock(&self.slots).end_where(outcome)
    }

    /// Lets nobody in any more and ends whoever waits.
    pub(crate) fn close(&self, mut outcome: impl FnMut(CallId, &mut C) -> O) -> Vec<Told<C, O>> {
        let mut slots = lock(&self.slots);
        slots.closed = !mutant("in_flight: close lets callers in");
        slots.end_where(|id, context| Some(outcome(id, context)))
    }

    /// Whether `matches` holds for any call that waits.
    pub(crate) fn any(&self, matches: impl Fn(&C) -> bool) -> bool {
        let slots = lock(&self.slots);
        slots.entries.iter().any(|entry| match &entry.state {
            State::Waiting(context, _) => matches(context),
            _ => false,
        })
    }

    /// Calls that wait for their end.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.slots).waiting
    }
}

impl<C, O> Slots<C, O> {
    fn entry(&mut self, id: CallId) -> Option<&mut Entry<C, O>> {
        let entry = self.entries.get_mut(id.slot as usize)?;
        let same = entry.generation == id.generation || mutant("in_flight: the generation is not compared");
        (same && !matches!(entry.state, State::Free)).then_some(entry)
    }

    fn end(&mut self, id: CallId, outcome: O) -> Result<Told<C, O>, O> {
        let Some(entry) = self.entry(id) else {
            return Err(outcome);
        };
        match std::mem::replace(&mut entry.state, State::Free) {
            State::Waiting(context, Waiter::Callback(callback)) => {
                self.waiting -= 1;
                self.free(id);
                Ok(Told::Call(callback, id, outcome, context))
            }
            State::Waiting(context, Waiter::Task(waker)) => {
                self.waiting -= 1;
                self.entries[id.slot as usize].state = State::Done(context, outcome);
                Ok(waker.map_or(Told::Nobody, Told::Wake))
            }
            State::Done(context, first) => {
                let replace = mutant("in_flight: a second end replaces the first");
                let (kept, rest) = if replace { (outcome, first) } else { (first, outcome) };
                self.entries[id.slot as usize].state = State::Done(context, kept);
                Err(rest)
            }
            State::Free => Err(outcome),
        }
    }

    fn end_where(&mut self, mut outcome: impl FnMut(CallId, &mut C) -> Option<O>) -> Vec<Told<C, O>> {
        let mut told = Vec::new();
        for slot in 0..self.entries.len() {
            let entry = &mut self.entries[slot];
            let id = CallId { slot: slot as u32, generation: entry.generation };
            if let State::Waiting(context, _) = &mut entry.state
                && let Some(outcome) = outcome(id, context)
                && let Ok(next) = self.end(id, outcome)
            {
                told.push(next);
            }
        }
        told
    }

    fn take(&mut self, id: CallId) -> Option<State<C, O>> {
        let entry = self.entry(id)?;
        let was = std::mem::replace(&mut entry.state, State::Free);
        let counted = !mutant("in_flight: a cancelled call still counts as waiting");
        self.waiting -= usize::from(matches!(was, State::Waiting(..)) && counted);
        self.free(id);
        Some(was)
    }

    fn free(&mut self, id: CallId) -> Option<(C, O)> {
        let entry = &mut self.entries[id.slot as usize];
        let was = std::mem::replace(&mut entry.state, State::Free);
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        self.free.push(id.slot);
        match was {
            State::Done(context, outcome) => Some((context, outcome)),
            _ => None,
        }
    }
}
