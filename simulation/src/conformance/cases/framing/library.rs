//! The library on top of a transport, with a peer that is played by hand: a server with a client beside it, or a client.

use std::time::Duration;

use bytes::Bytes;
use listenrain::{Client, Health, Outcome, RawBytes, Server};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use super::framed::Framed;
use crate::conformance::bed::{Bed, Door, Gate, at_once};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::framing::Codec;
use crate::conformance::stack::{Executed, call, client, echo, protocol, server};

/// A server, and a client that must never notice what others do to it.
pub(super) struct Served {
    pub(super) neighbour: Client<RawBytes>,
    pub(super) executed: Executed,
    /// Requests that were executed so far, as far as they were meant to be.
    pub(super) due: usize,
    calls: u64,
    pub(super) server: Server,
    dialer: Door,
}

impl Served {
    pub(super) async fn start(bed: &mut Bed, codec: &Codec, health: Option<Health>) -> Check<Self> {
        let Gate { dialer, listener, .. } = bed.gate().await?;
        let protocol = protocol(codec.clone()).build()?;
        let executed = Executed::default();
        let mut builder = server(&protocol, echo(&executed));
        if let Some(health) = health {
            builder = builder.health(health);
        }
        let endpoint = listener.endpoint().clone();
        let server = builder.listen(listener.generator)?;
        let neighbour = client(&protocol, bed.random.draw()).dial(bed.dialer(&endpoint)?.generator)?;
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
        self.is_up().await?;
        let (all, due) = (self.executed.all(), self.due);
        ensure!(all == due, "{all} requests were executed where {due} were sent");
        Ok(())
    }

    /// The neighbour is answered on the channel that it had.
    pub(super) async fn is_up(&mut self) -> Check {
        (self.calls, self.due) = (self.calls + 1, self.due + 1);
        call(&self.neighbour, self.calls, 100).await.map_err(|failure| failure.at("beside it"))?;
        let reconnects = self.neighbour.counts().reconnects;
        ensure!(reconnects == 0, "the channel beside it was lost");
        Ok(())
    }
}

/// A client with one call under way, and the other end of its channel.
pub(super) struct Calling {
    pub(super) server: Framed,
    pub(super) client: Client<RawBytes>,
    call: JoinHandle<Outcome<Bytes>>,
    /// What the server reads of the call.
    pub(super) id: u64,
    /// Its client dials again when the channel is lost.
    _listener: Door,
}

impl Calling {
    /// The call was read by the server, whose turn it is.
    pub(super) async fn start(bed: &mut Bed, codec: &Codec, health: Option<Health>) -> Check<Self> {
        let Gate { dialer, mut listener, .. } = bed.gate().await?;
        let mut builder = client(&protocol(codec.clone()).build()?, bed.random.draw());
        if let Some(health) = health {
            builder = builder.health(health);
        }
        let client = builder.dial(dialer.generator)?;
        let mut server = Framed::new(listener.next().await?, codec);
        let caller = client.clone();
        let call = tokio::spawn(async move { caller.call(Bytes::from_static(b"asked")).await });
        let asked = server.request().await?;
        Ok(Self { server, client, call, id: asked.id, _listener: listener })
    }

    /// How the call ended.
    pub(super) async fn ended(&mut self) -> Check<Outcome<Bytes>> {
        Ok((&mut self.call).await?)
    }
}

/// Waits until the library has counted as many of something as are `due`.
pub(super) async fn until_counted(due: u64, count: impl Fn() -> u64) -> Check {
    let reading = async {
        // Nobody tells when it has read something; mostly it has when it was its turn once.
        for turn in 0.. {
            if count() >= due {
                break;
            }
            if turn < 10 { yield_now().await } else { sleep(Duration::from_millis(1)).await }
        }
    };
    at_once("what the library has to do with what came", reading).await
}
