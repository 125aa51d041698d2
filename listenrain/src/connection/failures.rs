//! Counter of a connection's consecutive failed dials.

use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// How many dials have failed in a row, where those that were under way together count as one.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: u32,
    /// When the last one was counted.
    last: Option<Instant>,
}

impl Failures {
    /// A dial that began then has failed; gives how many have.
    pub(super) fn count(&self, began: Instant) -> u32 {
        let mut state = lock(&self.0);
        if state.last.is_none_or(|last| began >= last) {
            state.count = state.count.saturating_add(1);
            state.last = Some(Instant::now());
        }
        state.count
    }

    pub(super) fn none(&self) -> bool {
        lock(&self.0).count == 0
    }

    pub(super) fn clear(&self) {
        lock(&self.0).count = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn dials_that_fail_side_by_side_are_one_failure() {
        let (failures, began) = (Failures::default(), Instant::now());
        tokio::time::advance(Duration::from_millis(10)).await;
        assert_eq!([(); 8].map(|()| failures.count(began)), [1; 8]);
        assert_eq!(failures.count(Instant::now()), 2);
        failures.clear();
        assert!(failures.none());
    }
}
