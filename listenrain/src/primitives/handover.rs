//! A bounded handover of work: what exceeds the bound waits.

use std::collections::VecDeque;

use crate::sync::{Mutex, lock, mutant};

/// Items that wait to be handed over while as many are under way as may be.
#[derive(Debug)]
pub(crate) struct Handover<T> {
    state: Mutex<State<T>>,
    bound: usize,
}

#[derive(Debug)]
struct State<T> {
    under_way: usize,
    waiting: VecDeque<T>,
    /// Somebody hands over: what ends while it does is seen to there, and not within itself.
    is_handing_over: bool,
}

impl<T> Handover<T> {
    pub(crate) fn new(bound: usize) -> Self {
        let state = State { under_way: 0, waiting: VecDeque::new(), is_handing_over: false };
        Self { state: Mutex::new(state), bound }
    }

    /// One more item; `hand_over` gets it now, or when there is room.
    pub(crate) fn push(&self, item: T, hand_over: impl FnMut(T)) {
        lock(&self.state).waiting.push_back(item);
        self.hand_over_some(hand_over);
    }

    /// An item that was handed over has ended.
    pub(crate) fn ended(&self, hand_over: impl FnMut(T)) {
        lock(&self.state).under_way -= 1;
        if !mutant("handover: the end of one hands over no other") {
            self.hand_over_some(hand_over);
        }
    }

    fn hand_over_some(&self, mut hand_over: impl FnMut(T)) {
        let mut state = lock(&self.state);
        if state.is_handing_over {
            return;
        }
        while state.under_way < self.bound || mutant("handover: the bound is not compared") {
            let Some(item) = state.waiting.pop_front() else { return };
            (state.under_way, state.is_handing_over) = (state.under_way + 1, true);
            drop(state);
            hand_over(item);
            state = lock(&self.state);
            state.is_handing_over = false;
        }
    }
}
