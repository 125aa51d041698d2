//! How a hub hears that an association wants something.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// Tags of associations that have something to send. An association rings once, until the hub has looked after it.
#[derive(Debug, Default)]
pub(in super::super) struct Doorbell {
    rung: Mutex<Rung>,
}

#[derive(Debug, Default)]
struct Rung {
    tags: Vec<u32>,
    waker: Option<Waker>,
}

impl Doorbell {
    pub(in super::super) fn ring(&self, tag: u32) {
        self.wake(Some(tag));
    }

    /// Makes the hub look around, for nobody in particular.
    pub(super) fn knock(&self) {
        self.wake(None);
    }

    fn wake(&self, tag: Option<u32>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.tags.extend(tag);
        let waker = rung.waker.take();
        drop(rung);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves the tags that have rung, and wakes the task at `cx` for the next.
    pub(super) fn answer(&self, cx: &Context<'_>, into: &mut Vec<u32>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut rung.tags);
        match &mut rung.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => rung.waker = Some(cx.waker().clone()),
        }
    }
}
