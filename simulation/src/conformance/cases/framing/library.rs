//! A server of the library, with a client beside it and a peer that is played by hand.

use std::time::Duration;

use listenrain::{Client, RawBytes, Server};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::framed::Framed;
use crate::conformance::context::{Acceptor, Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::framing::Codec;
use crate::conformance::stack::{Executed, call, client, echo, protocol, server};

/// A server, and a client that must never notice what others do to it.
pub(super) struct Served {
    neighbour: Client<RawBytes>,
    executed: Executed,
    /// Requests that were executed so far, as far as they were meant to be.
    pub(super) due: usize,
    calls: u64,
    pub(super) server: Server,
    dialer: Acceptor,
}

impl Served {
    pub(super) async fn start(context: &mut TestContext, codec: &Codec) -> Check<Self> {
        let Endpoints { dialer, listener, .. } = context.endpoints().await?;
        let protocol = protocol(codec.clone()).build()?;
        let executed = Executed::default();
        let endpoint = listener.endpoint().clone();
        let server = server(&protocol, echo(&executed)).listen(listener.generator)?;
        let neighbour =
            client(&protocol, context.random.draw()).dial(context.dialer(&endpoint)?.generator)?;
        let mut served = Self { neighbour, executed, due: 0, calls: 0, dialer, server };
        served.is_unharmed().await?;
        Ok(served)
    }

    /// One more channel to it, to be played by hand.
    pub(super) async fn dial(&mut self, codec: &Codec) -> Check<Framed> {
        Ok(Framed::new(self.dialer.next().await?, codec))
    }

    /// The neighbour is answered on the channel that it had, and nothing was executed that was not to be.
    pub(super) async fn is_unharmed(&mut self) -> Check {
        (self.calls, self.due) = (self.calls + 1, self.due + 1);
        call(&self.neighbour, self.calls, 100).await.map_err(|failure| failure.at("beside it"))?;
        let reconnects = self.neighbour.counts().reconnects;
        ensure!(reconnects == 0, "the channel beside it was lost");
        let (all, due) = (self.executed.all(), self.due);
        ensure!(all == due, "{all} requests were executed where {due} were sent");
        Ok(())
    }
}

/// Waits until the library has counted as many of something as are `due`.
pub(super) async fn until_counted(due: u64, count: impl Fn() -> u64) -> Check {
    let reading = async {
        // Nothing tells that something was read; mostly it has when it was the reader's turn once.
        for turn in 0.. {
            if count() >= due {
                break;
            }
            if turn < 10 { yield_now().await } else { sleep(Duration::from_millis(1)).await }
        }
    };
    at_once("what the library has to do with what came", reading).await
}
