//! Resources in use while no call is under way.

use std::collections::BTreeMap;

use super::{InUse, RunContext};

impl RunContext {
    /// Every call has ended, and none is made until [`quiet_is_over`](Self::quiet_is_over).
    pub(crate) fn quiet_begins(&self) {
        self.seen().quiet = Some(BTreeMap::new());
    }

    /// The server called `name` has this in use now.
    pub(crate) fn has_in_use(&self, name: &str, in_use: InUse) {
        if let Some(quiet) = &mut self.seen().quiet {
            quiet.insert(name.to_owned(), in_use);
        }
    }

    /// Says what servers have in use after all: the last that each has said counts.
    pub(crate) fn quiet_is_over(&self) {
        let said = self.seen().quiet.take().unwrap_or_default();
        // Its buffers shrink while nothing comes, and pings come all the time.
        let is_something = |in_use: &InUse| (in_use.requests, in_use.queued) != (0, 0);
        for (name, in_use) in said.into_iter().filter(|(_, in_use)| is_something(in_use)) {
            self.violation(format!("{name} has {in_use:?} in use when every call has ended"));
        }
    }
}
