//! The queue of channels that wait to be accepted.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use listenrain::Channel;

use crate::accept_limiter::Limits;
use crate::sctp::SctpOptions;

/// What a listener and its hub share.
#[derive(Debug)]
pub(in super::super) struct Acceptor {
    options: SctpOptions,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Channel>,
    waker: Option<Waker>,
    /// Why there will be no more.
    over: Option<Arc<io::Error>>,
}

impl Acceptor {
    pub(in super::super) fn new(options: SctpOptions) -> Self {
        Self { options, queue: Mutex::default() }
    }

    pub(super) fn options(&self) -> &SctpOptions {
        &self.options
    }

    /// How many associations there may be.
    pub(super) fn limits(&self) -> Limits {
        let all = self.options.associations;
        Limits { unproved: all, all, per_source: self.options.per_address.unwrap_or(all) }
    }

    /// How many more channels may wait.
    pub(super) fn room(&self) -> usize {
        let queue = self.lock();
        if queue.over.is_some() { 0 } else { self.options.backlog.saturating_sub(queue.waiting.len()) }
    }

    /// Adds a channel, which is reset when nobody will accept it.
    pub(super) fn push(&self, mut channel: Channel) {
        let mut queue = self.lock();
        if queue.over.is_some() {
            drop(queue);
            return channel.write.abort();
        }
        queue.waiting.push_back(channel);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(in super::super) fn poll_accept(&self, cx: &Context<'_>) -> Poll<Result<Channel, Arc<io::Error>>> {
        let mut queue = self.lock();
        if let Some(channel) = queue.waiting.pop_front() {
            return Poll::Ready(Ok(channel));
        }
        if let Some(error) = &queue.over {
            return Poll::Ready(Err(error.clone()));
        }
        let old = queue.waker.replace(cx.waker().clone());
        drop(queue);
        drop(old);
        Poll::Pending
    }

    /// There will be no more; those that wait are reset.
    pub(in super::super) fn close(&self, error: io::Error) {
        let mut queue = self.lock();
        queue.over.get_or_insert_with(|| Arc::new(error));
        let waiting = std::mem::take(&mut queue.waiting);
        let waker = queue.waker.take();
        drop(queue);
        for mut channel in waiting {
            channel.write.abort();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
