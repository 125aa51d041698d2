//! State that the two halves of a channel share.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::context::{Cut, RunContext, Sever, Way};
use crate::faults::FaultKind;
use crate::faults::Side;
use crate::random::Random;

/// One channel with faults.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(super) run: RunContext,
    pub(super) who: u16,
    pub(super) server: usize,
    pub(super) side: Side,
    calls: bool,
    number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cut: Option<Cut>,
    /// Calls that it has taken.
    calls: Vec<u64>,
    is_lost: bool,
    is_spoilt: bool,
    /// Of the half that reads and the one that writes.
    wakers: [Option<Waker>; 2],
}

/// Which half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Reading,
    Writing,
}

impl Wire {
    pub(super) fn new(run: RunContext, who: u16, server: usize, side: Side, calls: bool) -> Self {
        let number = run.opens(who);
        Self { run, who, server, side, calls, number, state: Mutex::default() }
    }

    /// Which channel of the run it is.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn random(&self, what: &str) -> Random {
        self.run.random(what)
    }

    /// The first fault of `kind` that is on for this channel, and how much of it.
    pub(super) fn amount(&self, kind: FaultKind) -> Option<(usize, u64)> {
        self.run.amount(kind, self.server)
    }

    /// Whether this end does what must not happen at both.
    pub(super) fn is_ours(&self) -> bool {
        self.side == Side::Dialer
    }

    /// Which way goes what is written at this end.
    pub(super) fn way(&self) -> Way {
        match self.side {
            Side::Dialer => Way::ToServer,
            Side::Listener => Way::ToClient,
        }
    }

    pub(super) fn fired(&self, fault: usize, in_packet: bool) {
        self.run.fired(fault, self.who, in_packet);
    }

    /// Whether it was cut; a half that finds it whole is woken when that changes.
    pub(super) fn cut(&self, half: Half, cx: &Context<'_>) -> Option<Cut> {
        let mut state = self.state();
        if state.cut.is_none() {
            state.wakers[half as usize] = Some(cx.waker().clone());
        }
        state.cut
    }

    /// How it was cut, if it was.
    pub(super) fn was_cut(&self) -> Option<Cut> {
        self.state().cut
    }

    /// It has taken all of call `number`, if that is one.
    pub(super) fn took(&self, number: u64) {
        if self.calls && self.run.call_is_sent(self.who, number) {
            let mut state = self.state();
            state.calls.push(number);
            let is_spoilt = state.is_spoilt;
            drop(state);
            if is_spoilt {
                self.run.channel_spoilt(&[number]);
            }
        }
    }

    /// A bit has flipped on it: what it carries from now on, and what it has taken and was not answered, may be anything.
    pub(super) fn spoilt(&self) {
        let mut state = self.state();
        state.is_spoilt = true;
        let calls = state.calls.clone();
        drop(state);
        self.run.channel_spoilt(&calls);
    }

    /// Nothing comes by it any more.
    pub(super) fn lost(&self) {
        if !self.is_ours() {
            return;
        }
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_lost, true) {
            let calls = std::mem::take(&mut state.calls);
            drop(state);
            self.run.channel_lost(self.who, &calls);
        }
    }

    /// When a fault begins or ends next.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.run.next_change()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sever for Wire {
    /// What it has taken and was not answered never will be.
    fn sever(&self, cut: Cut) {
        let mut state = self.state();
        state.cut.get_or_insert(cut);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.run.note(self.who, "channel cut", self.number(), cut as u64);
        self.lost();
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.run.closes(self.number, self.who);
    }
}

/// What an operation on a channel that was reset is told.
pub(super) fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "reset by a fault")
}

/// What writing to a channel that has ended is told.
pub(super) fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "ended by a fault")
}
