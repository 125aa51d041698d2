//! Faults of byte streams and of dials, on top of any transport: a [`Layer`].
//!
//! Those that end or stall a channel, or change what it carries, are done at the end that dialled, so that each happens
//! once. Those that only cut bytes otherwise, or hold polls up, are done at both ends.

mod alarm;
mod dial;
mod line;
mod polls;
mod reading;
mod replies;
mod sent;
mod wire;
mod writing;

use std::fmt;
use std::sync::Arc;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};

use self::reading::Reading;
pub use self::sent::{BareBodies, Bodies};
use self::wire::Wire;
use self::writing::Writing;
use crate::context::RunContext;
use crate::faults::{Layer, Side, with_read, with_write};

/// The stream and dial faults of a run's plan, for one party.
#[derive(Clone)]
pub(crate) struct StreamFaults {
    run: RunContext,
    who: u16,
    /// Which server it is, where it is one.
    server: Option<usize>,
    bodies: Arc<dyn Bodies>,
    /// Whether what it sends are calls that it makes.
    calls: bool,
}

impl StreamFaults {
    /// Those that party `who` sees, which is server number `server` or a client. `bodies` tells packets apart, for faults
    /// that double or swap replies, and which call a packet carries.
    #[must_use]
    pub(crate) fn new(run: RunContext, who: u16, server: Option<usize>, bodies: Arc<dyn Bodies>) -> Self {
        Self { run, who, server, bodies, calls: true }
    }

    /// The same for one that passes on what others call.
    pub(crate) fn forwarding(mut self) -> Self {
        self.calls = false;
        self
    }

    /// Which server `endpoint` leads to; 0 where it is not known to be one.
    fn server_at(&self, endpoint: Option<&Endpoint>) -> usize {
        self.server.unwrap_or_else(|| endpoint.and_then(|endpoint| self.run.server_at(endpoint)).unwrap_or(0))
    }
}

impl Layer for StreamFaults {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        let server = self.server_at(channel.facts.peer.as_ref());
        self.wrap(side, server, channel)
    }

    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        match side {
            Side::Listener => below.next(),
            Side::Dialer => Box::pin(async move {
                let server = self.server_at(Some(below.endpoint()));
                dial::next(&self.run, self.who, server, below).await
            }),
        }
    }
}

impl StreamFaults {
    fn wrap(&self, side: Side, server: usize, channel: Channel) -> Channel {
        let wire = Arc::new(Wire::new(self.run.clone(), self.who, server, side, self.calls));
        self.run.registers(wire.number(), self.who, &wire);
        let reading = Reading::new(wire.clone(), self.bodies.packets());
        with_write(with_read(channel, reading), Writing::new(wire, self.bodies.clone()))
    }
}

impl fmt::Debug for StreamFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamFaults").field("who", &self.who).field("server", &self.server).finish()
    }
}
