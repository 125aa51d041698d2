//! Delayed polls and spurious wake-ups.

use std::task::{Context, Poll};
use std::time::Duration;

use super::alarm::Alarm;
use super::wire::Wire;
use crate::faults::FaultKind;
use crate::random::Random;

/// How long a delayed wake takes.
const DELAY: Duration = Duration::from_millis(1);

/// Decides for the polls of one half.
#[derive(Debug)]
pub(super) struct Polls {
    random: Random,
    until: Option<Duration>,
    alarm: Alarm,
}

impl Polls {
    pub(super) fn new(random: Random) -> Self {
        Self { random, until: None, alarm: Alarm::default() }
    }

    /// Ready when the poll may go on.
    pub(super) fn poll(&mut self, wire: &Wire, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(until) = self.until {
            if wire.run.now() < until {
                self.alarm.set(&wire.run, Some(until), cx);
                return Poll::Pending;
            }
            self.until = None;
            return Poll::Ready(());
        }
        let Some((fault, in_thousand)) = wire.amount(FaultKind::Storm) else { return Poll::Ready(()) };
        if !self.happens(in_thousand) {
            return Poll::Ready(());
        }
        wire.fired(fault, false);
        if self.random.one_in(16) {
            let until = wire.run.now() + DELAY;
            self.until = Some(until);
            self.alarm.set(&wire.run, Some(until), cx);
        } else {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// A poll is pending for a reason: its task may be woken without one.
    pub(super) fn pends(&mut self, wire: &Wire, cx: &Context<'_>) {
        if let Some((fault, in_thousand)) = wire.amount(FaultKind::SpuriousWakes)
            && self.happens(in_thousand)
        {
            wire.fired(fault, false);
            cx.waker().wake_by_ref();
        }
    }

    /// Not always, whatever is asked: nothing would ever go on.
    fn happens(&mut self, in_thousand: u64) -> bool {
        (self.random.below(1000) as u64) < in_thousand.min(900)
    }
}
