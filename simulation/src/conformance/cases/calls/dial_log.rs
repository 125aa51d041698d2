//! A log of what a generator was asked for and what it gave.

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::conformance::context::at_once;
use crate::conformance::failure::Check;

/// Counts the channels of a generator, and those of its forks.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct DialLog(watch::Sender<Entries>);

#[derive(Debug, Clone, Default)]
pub(in super::super) struct Entries {
    /// When each dial or accept began.
    pub(in super::super) begun: Vec<Instant>,
    /// How many gave a channel.
    pub(in super::super) given: usize,
    /// How many failed.
    pub(in super::super) failed: usize,
}

impl DialLog {
    /// `below`, logged here.
    pub(in super::super) fn on(&self, below: Box<dyn ChannelGenerator>) -> Box<dyn ChannelGenerator> {
        Box::new(Logged { below, log: self.clone() })
    }

    pub(in super::super) fn entries(&self) -> Entries {
        self.0.borrow().clone()
    }

    /// Waits until `is_so`.
    pub(in super::super) async fn wait_for(
        &self,
        what: &str,
        is_so: impl FnMut(&Entries) -> bool,
    ) -> Check<Entries> {
        let mut entries = self.0.subscribe();
        // The sender is at hand, so it cannot go meanwhile.
        let waiting =
            async { entries.wait_for(is_so).await.map(|entries| entries.clone()).unwrap_or_default() };
        at_once(&format!("waiting for {what}"), waiting).await
    }
}

struct Logged {
    below: Box<dyn ChannelGenerator>,
    log: DialLog,
}

impl ChannelGenerator for Logged {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            self.log.0.send_modify(|entries| entries.begun.push(Instant::now()));
            let next = self.below.next().await;
            self.log.0.send_modify(|entries| match next {
                Ok(_) => entries.given += 1,
                Err(_) => entries.failed += 1,
            });
            next
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }

    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        Some(self.log.on(self.below.fork()?))
    }
}
