//! The lanes of a connection: which channel in turn is each one's own, which are open, and what state follows from it.

use super::outbox::{Outbox, Ticket};
use crate::sync::{AtomicU64, Ordering, mutant};

/// What state a connection is in, without what is known beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// At least one lane is open.
    Working,
    /// No lane is open, and dialling goes on.
    Recovering,
    /// No lane is open, and dialling goes on without hope.
    Down,
    /// It takes no new calls.
    Draining,
    /// It is over.
    Closed,
}

impl Condition {
    fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Closed, _) if !mutant("lanes: a closed connection opens again") => false,
            (_, Self::Closed) => true,
            (Self::Draining, _) if !mutant("lanes: a draining connection works again") => false,
            (Self::Working, Self::Working) | (Self::Recovering, Self::Recovering) => false,
            // What opened and was lost again without having worked gives no new hope.
            (Self::Down, Self::Recovering) => false,
            _ => true,
        }
    }
}

/// Keeps the state of a connection, and shows it to others.
pub(crate) trait Shown {
    type State;

    fn condition(state: &Self::State) -> Condition;

    /// The condition as it is.
    fn now(&self) -> Condition;

    /// Runs `step` on the state exclusively, and shows the state when `step` says that it has changed.
    fn change(&self, step: impl FnOnce(&mut Self::State) -> bool);
}

/// The lanes, and the state that they make.
#[derive(Debug)]
pub(crate) struct Lanes<S> {
    /// The epoch of each lane, and below it whether it is open and whether it is over: one word, so that what is said of
    /// an epoch is done only while that is the lane's.
    words: Box<[AtomicU64]>,
    shown: S,
}

const OPEN: u64 = 1;
const OVER: u64 = 2;
const EPOCH: u64 = 4;

impl<S: Shown> Lanes<S> {
    pub(crate) fn new(count: usize, shown: S) -> Self {
        Self { words: (0..count).map(|_| AtomicU64::new(0)).collect(), shown }
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn shown(&self) -> &S {
        &self.shown
    }

    pub(crate) fn condition(&self) -> Condition {
        self.shown.now()
    }

    pub(crate) fn is_open(&self, lane: usize) -> bool {
        self.words[lane].load(Ordering::Acquire) & OPEN != 0
    }

    /// Which channel in turn is the lane's own.
    pub(crate) fn epoch(&self, lane: usize) -> u64 {
        self.words[lane].load(Ordering::Relaxed) / EPOCH
    }

    /// Whether none will open again.
    pub(crate) fn are_over(&self) -> bool {
        self.words.iter().all(|word| word.load(Ordering::Acquire) & OVER != 0)
    }

    /// Gives what is queued on a lane that is not open to one that is. `moving` is told of each item, and where it goes,
    /// while it is in neither queue; `moved` when it is there.
    pub(crate) fn move_stranded<'a, T: 'a>(
        &self,
        mut lane: usize,
        outbox_of: impl Fn(usize) -> &'a Outbox<T>,
        mut moving: impl FnMut(Ticket, usize),
        mut moved: impl FnMut(Ticket, usize),
    ) {
        while let Some(open) = self.stand_in(lane) {
            for (ticket, item) in outbox_of(lane).drain() {
                moving(ticket, open);
                // What a closed queue refuses has ended with the connection.
                let _ = outbox_of(open).push(ticket, item);
                if !mutant("lanes: nobody looks again at what was moved") {
                    moved(ticket, open);
                }
            }
            if mutant("lanes: a lane that is lost meanwhile keeps what it was given") {
                return;
            }
            // That one may have been lost meanwhile, and its own queue been seen to already.
            lane = open;
        }
    }

    /// The lane that what is queued on this one goes to: none when this one is open, or no other is.
    fn stand_in(&self, lane: usize) -> Option<usize> {
        if self.is_open(lane) { None } else { (0..self.len()).find(|other| self.is_open(*other)) }
    }

    /// The lane has a new channel, which is its own from now on: returns its epoch. Without a state, the lane is open and the
    /// connection does not count as working for it.
    pub(crate) fn opened(&self, lane: usize, working: Option<S::State>) -> u64 {
        let next = |word: u64| Some((word / EPOCH + 1) * EPOCH + OPEN);
        let (Ok(before) | Err(before)) =
            self.words[lane].fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
        if let Some(working) = working {
            self.enter_with_lanes(working);
        }
        before / EPOCH + 1
    }

    /// The channel of `epoch` is lost: closes the lane if it is still its own.
    pub(crate) fn lost(&self, lane: usize, epoch: u64, recovering: S::State) {
        let own =
            if mutant("lanes: the loss of any channel closes the lane") { self.epoch(lane) } else { epoch };
        if mutant("lanes: a lane is closed after its loss is shown") {
            self.enter_without_lanes(recovering);
            self.words[lane].fetch_and(!OPEN, Ordering::AcqRel);
            return;
        }
        let (open, closed) = (own * EPOCH + OPEN, own * EPOCH);
        if self.words[lane].compare_exchange(open, closed, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.enter_without_lanes(recovering);
        }
    }

    /// The lane will not open again.
    pub(crate) fn over(&self, lane: usize) {
        self.words[lane].fetch_or(OVER, Ordering::Release);
    }

    pub(crate) fn enter(&self, next: S::State) {
        self.enter_if(next, || true);
    }

    /// Enters a state that only holds while a lane is open.
    pub(crate) fn enter_with_lanes(&self, next: S::State) {
        self.enter_if(next, || self.any_open());
    }

    /// Enters a state that only holds while no lane is open: looked at in the same step, so that a lane which opens
    /// meanwhile has the last word.
    pub(crate) fn enter_without_lanes(&self, next: S::State) {
        if mutant("lanes: it looks for open lanes before the step") {
            let none_open = !self.any_open();
            return self.enter_if(next, || none_open);
        }
        self.enter_if(next, || !self.any_open());
    }

    fn any_open(&self) -> bool {
        (0..self.len()).any(|lane| self.is_open(lane))
    }

    fn enter_if(&self, next: S::State, holds: impl FnOnce() -> bool) {
        self.shown.change(|state| {
            let enters = holds() && S::condition(state).may_become(S::condition(&next));
            if enters {
                *state = next;
            }
            enters
        });
    }
}

/// Where a call in flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnLane {
    /// The lane in whose queue it stands, or stood.
    pub(crate) lane: usize,
    /// The epoch of that lane on which it is leaving or has left; `None` while it is only queued.
    pub(crate) epoch: Option<u64>,
}

impl OnLane {
    pub(crate) fn queued(lane: usize) -> Self {
        Self { lane, epoch: None }
    }
}
