//! A hub's handle on its listener: its options, and the queue of channels that wait to be accepted.

use std::sync::Arc;

use listenrain::Channel;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::accept_limiter::Limits;
use crate::sctp::SctpOptions;

#[derive(Debug)]
pub(in super::super) struct Acceptor {
    options: SctpOptions,
    queue: Sender<Channel>,
}

impl Acceptor {
    pub(in super::super) fn new(options: SctpOptions) -> (Arc<Self>, Receiver<Channel>) {
        let (queue, waiting) = channel(options.backlog);
        (Arc::new(Self { options, queue }), waiting)
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
        if self.queue.is_closed() { 0 } else { self.queue.capacity() }
    }

    /// Adds a channel, which is reset when it will not be accepted.
    pub(super) fn push(&self, channel: Channel) {
        if let Err(refused) = self.queue.try_send(channel) {
            refused.into_inner().write.abort();
        }
    }
}
