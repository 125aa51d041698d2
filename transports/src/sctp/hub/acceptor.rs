//! A hub's handle on its listener: its options, and the queue of channels that wait to be accepted.

use std::io;
use std::sync::{Arc, OnceLock};

use listenrain::Channel;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::accept_limiter::Limits;
use crate::sctp::SctpOptions;

#[derive(Debug)]
pub(in super::super) struct Acceptor {
    pub(super) options: SctpOptions,
    queue: Sender<Waiting>,
    /// Why the socket is gone, where it failed.
    failure: Arc<Failure>,
}

/// The kind and the text of an error, once there is one.
pub(in super::super) type Failure = OnceLock<(io::ErrorKind, String)>;

/// A channel in the queue, which is reset unless it is accepted.
#[derive(Debug)]
pub(in super::super) struct Waiting(Option<Channel>);

impl Waiting {
    pub(in super::super) fn accept(mut self) -> Option<Channel> {
        self.0.take()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(channel) = &mut self.0 {
            channel.write.abort();
        }
    }
}

impl Acceptor {
    pub(in super::super) fn new(options: SctpOptions) -> (Arc<Self>, Receiver<Waiting>, Arc<Failure>) {
        let (queue, waiting) = channel(options.backlog);
        let failure = Arc::<Failure>::default();
        (Arc::new(Self { options, queue, failure: failure.clone() }), waiting, failure)
    }

    /// The socket has failed: what waits is not accepted any more, and the listener says why.
    pub(super) fn fail(&self, error: &io::Error) {
        let _ = self.failure.set((error.kind(), error.to_string()));
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
        // Without room it is dropped, and so reset.
        let _ = self.queue.try_send(Waiting(Some(channel)));
    }
}
