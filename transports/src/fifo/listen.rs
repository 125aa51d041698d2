//! The listener: a claimed path, and a task that answers dialers until it is dropped.

use std::io;

use listenrain::{Channel, Endpoint, NextError};
use nix::unistd::Uid;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::accept::{Accepted, Acceptor, Incoming};
use super::claim::Claim;
use super::dial::Target;
use crate::accept::cannot_listen;

/// Hands out the channels that its task has queued.
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    queue: mpsc::Receiver<Accepted>,
    task: JoinHandle<()>,
    _claim: Claim,
}

impl Listener {
    pub(super) async fn bind(target: Target) -> Result<Self, NextError> {
        let Target { endpoint, place, options, .. } = target;
        let owner = Uid::effective().as_raw();
        let bound =
            Claim::new(&place, owner).and_then(|(claim, rendezvous)| Ok((claim, Incoming::new(rendezvous)?)));
        let (claim, incoming) = bound.map_err(|error| cannot_listen(&endpoint, error))?;
        let (sender, queue) = mpsc::channel(options.backlog);
        let acceptor = Acceptor { endpoint: endpoint.clone(), place, owner, options };
        let task = tokio::spawn(acceptor.run(incoming, sender));
        Ok(Self { endpoint, queue, task, _claim: claim })
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        let accepted = self.queue.recv().await.ok_or_else(|| {
            // It never ends by itself, but with the runtime on which this listener was made.
            let error = io::Error::other("the listener's task is gone");
            NextError::lasting("accept", &self.endpoint, error)
        })?;
        Ok(accepted.into_channel())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
