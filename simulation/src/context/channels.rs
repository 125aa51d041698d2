//! Open channels of a run.

use super::RunContext;
use crate::faults::Cut;

/// Some lanes of a client were lost while others were not.
pub(crate) const LANE_DEAD: &str = "a lane lost beside others";

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
}
