//! A timer that wakes the task of a half at a time of the run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::context::RunContext;

/// One wake-up, set anew at will.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Duration,
}

impl Alarm {
    /// Wakes the task of `cx` at `at`, by the clock of `run`; an earlier wish of this alarm's is forgotten.
    pub(super) fn set(&mut self, run: &RunContext, at: Option<Duration>, cx: &mut Context<'_>) {
        let Some(at) = at else {
            self.sleep = None;
            return;
        };
        let deadline = Instant::now() + at.saturating_sub(run.now());
        if self.sleep.is_none() || self.at != at {
            self.at = at;
            self.sleep = Some(Box::pin(sleep_until(deadline)));
        }
        if let Some(sleep) = &mut self.sleep
            && sleep.as_mut().poll(cx) == Poll::Ready(())
        {
            self.sleep = None;
            cx.waker().wake_by_ref();
        }
    }
}
