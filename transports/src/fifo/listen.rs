//! The listener: a claimed path, and a task that answers dialers until it is dropped.

use std::io;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::FifoOptions;
use super::accept::{Accepted, Acceptor, Incoming};
use super::claim::Claim;
use super::place::Place;
use crate::accept::cannot_listen;

/// Hands out the channels that its task has queued.
pub(super) struct Listener {
    endpoint: Endpoint,
    queue: mpsc::Receiver<Accepted>,
    task: JoinHandle<()>,
    _claim: Claim,
}

impl Listener {
    pub(super) fn bind(
        endpoint: &Endpoint,
        place: Place,
        options: FifoOptions,
        owner: u32,
    ) -> Result<Self, NextError> {
        let bind = || {
            let (claim, rendezvous) = Claim::new(&place, owner)?;
            Ok((claim, Incoming::new(rendezvous)?))
        };
        let (claim, incoming) = bind().map_err(|error| cannot_listen(endpoint, error))?;
        let (sender, queue) = mpsc::channel(options.backlog);
        let acceptor = Acceptor { endpoint: endpoint.clone(), place, owner, options };
        let task = tokio::spawn(acceptor.run(incoming, sender));
        Ok(Self { endpoint: endpoint.clone(), queue, task, _claim: claim })
    }

    async fn accept(&mut self) -> Result<Channel, NextError> {
        let accepted = self.queue.recv().await.ok_or_else(|| {
            // It never ends by itself, but with the runtime on which this listener was made.
            let error = io::Error::other("the listener's task is gone");
            NextError::lasting("accept", &self.endpoint, error)
        })?;
        Ok(accepted.into_channel())
    }
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(self.accept())
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
