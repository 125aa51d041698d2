//! Open channels of a run.

use std::sync::{Arc, Weak};

use super::{RunContext, Situation};
use crate::history::Call;

/// Some lanes of a client were lost while others were not.
pub(crate) const LANE_DEAD: &str = "a lane lost beside others";

/// How a channel is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// In an orderly way, as far as the reader can see.
    Ended,
    /// By a reset.
    Reset,
}

/// A channel that can be cut.
pub(crate) trait Sever: Send + Sync {
    /// Cuts it.
    fn sever(&self, cut: Cut);
}

impl RunContext {
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

    /// One more dial is under way, or one less.
    pub(crate) fn dialing(&self, begins: bool) {
        let dialing = &mut self.seen().dialing;
        *dialing = if begins { *dialing + 1 } else { *dialing - 1 };
    }

    /// A channel of party `who` opens, which has the number that is given back.
    pub(crate) fn opens(&self, who: u16) -> u64 {
        let now = self.now();
        let mut seen = self.seen();
        seen.channels_made += 1;
        let number = seen.channels_made;
        *seen.channels.entry(who).or_default() += 1;
        *seen.opened.entry(who).or_default() += 1;
        seen.trace.add(now, who, "channel opens", number, 0);
        number
    }

    /// Channel `number` of party `who` is to be cut when its program is killed.
    pub(crate) fn registers(&self, number: u64, who: u16, wire: &Arc<impl Sever + 'static>) {
        let mut seen = self.seen();
        let cut: Weak<dyn Sever> = Arc::downgrade(&(wire.clone() as Arc<dyn Sever>));
        seen.wires.insert(number, (who, cut));
        let is_dying = seen.dying.contains(&who);
        drop(seen);
        if is_dying {
            wire.sever(Cut::Reset);
        }
    }

    /// Channel `number` of party `who` closes.
    pub(crate) fn closes(&self, number: u64, who: u16) {
        let now = self.now();
        let mut seen = self.seen();
        seen.wires.remove(&number);
        if let Some(channels) = seen.channels.get_mut(&who) {
            *channels -= 1;
        }
        // Those of a program that is killed close in any order.
        if !seen.is_closed && !seen.dying.contains(&who) {
            seen.trace.add(now, who, "channel closes", number, 0);
        }
    }

    /// A channel of the client `who` is lost, which had taken these calls.
    pub(crate) fn channel_lost(&self, who: u16, calls: &[u64]) {
        let now = self.now();
        let mut seen = self.seen();
        if seen.channels.get(&who).is_some_and(|channels| *channels > 1) {
            seen.situations.insert(Situation::Seen(LANE_DEAD));
        }
        let doom = |call: &mut Call| {
            call.doomed.get_or_insert(now);
        };
        calls.iter().for_each(|number| seen.history.note_open(*number, doom));
    }

    /// The channel that has taken these calls lets a bit flip.
    pub(crate) fn channel_spoilt(&self, calls: &[u64]) {
        let mut seen = self.seen();
        calls.iter().for_each(|number| seen.history.note_open(*number, |call| call.spoilt = true));
    }

    /// A channel of party `who` has taken all of call `number`; whether there is such a call.
    pub(crate) fn call_is_sent(&self, who: u16, number: u64) -> bool {
        let now = self.now();
        let mut seen = self.seen();
        let is_call = seen.history.note(number, |call| call.sent.push(now));
        if is_call {
            seen.trace.add(now, who, "sent", number, 0);
        }
        is_call
    }
}
