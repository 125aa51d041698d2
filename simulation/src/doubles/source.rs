//! Where the channels of a line come from: one endpoint, or the first of several that answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator, Endpoint, Transport};
use tokio::time::timeout;

use super::flaw::{Faulty, Flaw};

/// How long one endpoint may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// The endpoints of a line, the one that it would rather have first.
pub(super) struct Source {
    dialers: Vec<Box<dyn ChannelGenerator>>,
    faulty: Faulty,
}

impl Source {
    /// Dials `endpoints` by `transport`.
    pub(super) fn new(
        transport: &Arc<dyn Transport>,
        endpoints: &[Endpoint],
        faulty: Faulty,
    ) -> Result<Self, String> {
        let dialers = endpoints.iter().map(|endpoint| transport.dialer(endpoint));
        let dialers = dialers.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        Ok(Self { dialers, faulty })
    }

    /// A channel to the first endpoint that answers.
    pub(super) async fn next(&mut self) -> Option<Channel> {
        for dialer in &mut self.dialers {
            if let Ok(Ok(channel)) = timeout(ANSWERS_WITHIN, dialer.next()).await {
                return Some(channel);
            }
            if self.faulty.has(Flaw::LR16) {
                return None;
            }
        }
        None
    }

    /// Whether there is more than one endpoint.
    pub(super) fn is_list(&self) -> bool {
        self.dialers.len() > 1
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.dialers.iter().map(|dialer| dialer.endpoint().to_string());
        f.write_str(&endpoints.collect::<Vec<_>>().join(", "))
    }
}
