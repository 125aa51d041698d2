//! The two sides of the calls of a case: a client and a server of the library.

use bytes::Bytes;
use listenrain::{
    Client, Correlation, MessageError, NativePackets, OriginalPackets, Outcome, Protocol, RawBytes, Router,
    Server,
};
use tokio::task::JoinHandle;

use super::lines::{Lines, Opened};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, Failure};
use crate::conformance::stack::{check_message, client, message, number_of, protocol, server};

/// Native packets, whose ids the library chooses.
pub(in super::super) fn native() -> Check<Protocol<RawBytes>> {
    Ok(protocol(NativePackets::default()).build()?)
}

/// The original's packets, with the number of a message as the id of its call.
pub(super) fn by_number() -> Check<Protocol<RawBytes>> {
    let id_of = |bytes: &[u8]| number_of(bytes).ok_or_else(|| MessageError::new("no number"));
    Ok(protocol(OriginalPackets::default()).correlation(Correlation::by_message(id_of)).build()?)
}

/// The original's packets, answered in order.
pub(super) fn in_order() -> Check<Protocol<RawBytes>> {
    Ok(protocol(OriginalPackets::default()).correlation(Correlation::by_order()).build()?)
}

/// A client of the library, and a server that serves what it dials.
pub(super) struct Both {
    pub(super) client: Client<RawBytes>,
    _server: Server,
    pub(super) lines: Opened,
}

impl Both {
    pub(super) async fn start(
        context: &mut TestContext,
        protocol: &Protocol<RawBytes>,
        router: Router<RawBytes>,
    ) -> Check<Self> {
        let lines = Lines::new(context).await?;
        let client = client(protocol, context.random.draw()).dial(lines.dialer())?;
        let (listener, lines) = lines.listener();
        Ok(Self { client, _server: server(protocol, router).listen(listener)?, lines })
    }
}

/// A call under way. Dropping it takes the call back.
pub(super) struct Call {
    number: u64,
    size: usize,
    task: JoinHandle<Outcome<Bytes>>,
}

impl Call {
    pub(super) fn start(client: &Client<RawBytes>, number: u64, size: usize) -> Self {
        let (client, message) = (client.clone(), message(number, size));
        Self { number, size, task: tokio::spawn(async move { client.call(message).await }) }
    }

    /// It is answered with its own message.
    pub(super) async fn answered(mut self) -> Check {
        let (number, size) = (self.number, self.size);
        let reply = (&mut self.task).await?;
        let reply = reply.map_err(|error| Failure::from(error).at(format!("call {number}")))?;
        check_message(number, size, &reply)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.task.abort();
    }
}
