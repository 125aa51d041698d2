//! Channels of a run: who has which open, and what they have taken.

use std::sync::Arc;

use super::Stage;
use crate::scenario::Situation;
use crate::stream::{Cut, Wire};

/// Some lanes of a client were lost while others were not.
pub(crate) const LANE_DEAD: &str = "a lane lost beside others";

impl Stage {
    /// A channel of the client `who` is lost, which had taken these calls.
    pub(crate) fn channel_lost(&self, who: u16, calls: &[u64]) {
        let now = self.now();
        let mut seen = self.seen();
        if seen.channels.get(&who).is_some_and(|channels| *channels > 1) {
            seen.situations.insert(Situation::Seen(LANE_DEAD));
        }
        calls.iter().for_each(|number| seen.history.doom(*number, now));
    }

    /// The channel that has taken these calls lets a bit flip.
    pub(crate) fn channel_spoilt(&self, calls: &[u64]) {
        let mut seen = self.seen();
        calls.iter().for_each(|number| seen.history.spoil(*number));
    }

    /// A channel of party `who` has taken all of call `number`; whether there is such a call.
    pub(crate) fn call_is_sent(&self, who: u16, number: u64) -> bool {
        let now = self.now();
        let mut seen = self.seen();
        let is_call = seen.history.is_sent(number, now);
        if is_call {
            seen.trace.add(now, who, "sent", number, 0);
        }
        is_call
    }

    /// Cuts every channel of party `who`, oldest first, and each that it opens from now on: its program is about to be
    /// killed. A runtime that is dropped drops its tasks in no order that a seed decides.
    pub(crate) fn dies(&self, who: u16) {
        let mut seen = self.seen();
        seen.dying.insert(who);
        let its = seen.wires.values().filter(|(whose, _)| *whose == who);
        let wires: Vec<_> = its.filter_map(|(_, wire)| wire.upgrade()).collect();
        drop(seen);
        wires.iter().for_each(|wire| wire.sever(Cut::Reset));
    }

    /// Party `who` is started again.
    pub(crate) fn lives(&self, who: u16) {
        self.seen().dying.remove(&who);
    }

    /// A channel is there that has to be cut when its program is killed.
    pub(crate) fn registers(&self, number: u64, who: u16, wire: &Arc<Wire>) {
        let mut seen = self.seen();
        seen.wires.insert(number, (who, Arc::downgrade(wire)));
        let is_dying = seen.dying.contains(&who);
        drop(seen);
        if is_dying {
            wire.sever(Cut::Reset);
        }
    }

    /// A dial is under way until what is given back is dropped.
    #[must_use]
    pub fn dialing(&self) -> Dialing {
        self.seen().dialing += 1;
        Dialing(self.clone())
    }

    /// A channel is open at party `who` until what is given back is dropped.
    #[must_use]
    pub fn channel(&self, who: u16) -> OpenChannel {
        let now = self.now();
        let mut seen = self.seen();
        seen.channels_made += 1;
        let number = seen.channels_made;
        *seen.channels.entry(who).or_default() += 1;
        *seen.opened.entry(who).or_default() += 1;
        seen.trace.add(now, who, "channel opens", number, 0);
        drop(seen);
        OpenChannel { stage: self.clone(), who, number }
    }

    /// Channels that party `who` has opened or accepted so far.
    #[must_use]
    pub fn opened(&self, who: u16) -> usize {
        self.seen().opened.get(&who).copied().unwrap_or(0)
    }

    /// Channels open at party `who`.
    #[must_use]
    pub fn channels(&self, who: u16) -> usize {
        self.seen().channels.get(&who).copied().unwrap_or(0)
    }
}

/// A dial that is under way.
#[derive(Debug)]
pub struct Dialing(Stage);

impl Drop for Dialing {
    fn drop(&mut self) {
        self.0.seen().dialing -= 1;
    }
}

/// A channel that is open.
#[derive(Debug)]
pub struct OpenChannel {
    stage: Stage,
    who: u16,
    /// Which channel of the run, counted from 1.
    pub number: u64,
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        let now = self.stage.now();
        let mut seen = self.stage.seen();
        seen.wires.remove(&self.number);
        if let Some(channels) = seen.channels.get_mut(&self.who) {
            *channels -= 1;
        }
        // Those of a program that is killed close in any order.
        if !seen.is_closed && !seen.dying.contains(&self.who) {
            seen.trace.add(now, self.who, "channel closes", self.number, 0);
        }
    }
}
