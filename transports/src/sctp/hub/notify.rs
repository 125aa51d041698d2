//! Notification of a hub that an association has something to send.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// Tags of associations that want the hub. An association adds its tag once, until the hub has looked after it.
#[derive(Debug, Default)]
pub(in super::super) struct Notify {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    tags: Vec<u32>,
    waker: Option<Waker>,
}

impl Notify {
    /// The association called `tag` has something to send.
    pub(in super::super) fn wants(&self, tag: u32) {
        self.wake(Some(tag));
    }

    /// Wakes the hub for no association in particular.
    pub(super) fn wake_hub(&self) {
        self.wake(None);
    }

    fn wake(&self, tag: Option<u32>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.tags.extend(tag);
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves the tags that wait, and wakes the task at `cx` for the next.
    pub(super) fn take(&self, cx: &Context<'_>, into: &mut Vec<u32>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut waiting.tags);
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => waiting.waker = Some(cx.waker().clone()),
        }
    }
}
