//! Running handlers of a run.

use std::time::Duration;

use super::RunContext;

impl RunContext {
    /// A handler of call `number` runs at party `who` until what is given back is dropped.
    #[must_use]
    pub fn call_executes(&self, who: u16, number: u64) -> RunningHandler {
        let began = self.now();
        let mut seen = self.seen();
        seen.trace.add(began, who, "executes", number, 0);
        seen.history.note(number, |call| call.executions.push(began));
        *seen.handlers.entry(who).or_default() += 1;
        drop(seen);
        RunningHandler { context: self.clone(), who, number, began }
    }

    /// Handlers that run at party `who` now.
    #[must_use]
    pub fn handlers(&self, who: u16) -> usize {
        self.seen().handlers.get(&who).copied().unwrap_or(0)
    }
}

/// A handler that runs.
#[derive(Debug)]
pub struct RunningHandler {
    context: RunContext,
    who: u16,
    number: u64,
    began: Duration,
}

impl Drop for RunningHandler {
    fn drop(&mut self) {
        let ran = self.context.now().saturating_sub(self.began);
        let mut seen = self.context.seen();
        seen.history.note(self.number, |call| call.ran_for = call.ran_for.max(ran));
        if let Some(handlers) = seen.handlers.get_mut(&self.who) {
            *handlers -= 1;
        }
    }
}
