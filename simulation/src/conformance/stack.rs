//! Clients and servers of `listenrain` on top of a transport, and messages that tell which one they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use listenrain::{
    Backoff, Client, ClientBuilder, Health, PacketCodec, Protocol, ProtocolBuilder, RawBytes, Request,
    Router, Server, ServerBuilder,
};

use super::failure::{Check, Failure, ensure};
use crate::pattern::Pattern;

/// How long a call waits whose reply is due, on a machine that is busy with something else.
pub(crate) const PATIENT: Duration = Duration::from_secs(10);

/// A protocol of plain bytes in packets of `codec`.
pub(crate) fn protocol(codec: impl PacketCodec) -> ProtocolBuilder<RawBytes> {
    Protocol::builder("conformance", RawBytes).packets(codec).timeout(PATIENT)
}

/// A client that dials again at once, however often that fails, and sends nothing unasked. `seed` decides its waits.
pub(crate) fn client(protocol: &Protocol<RawBytes>, seed: u64) -> ClientBuilder<RawBytes> {
    let waits = Backoff::between(Duration::from_millis(1), Duration::from_millis(5));
    let waits = waits.down_after(u32::MAX).seeded(seed);
    Client::builder(protocol.clone()).backoff(waits).health(unwatched())
}

/// A server that sends nothing unasked.
pub(crate) fn server(protocol: &Protocol<RawBytes>, router: Router<RawBytes>) -> ServerBuilder<RawBytes> {
    Server::builder(protocol.clone(), router).health(unwatched())
}

/// Health that is not looked at while a case runs.
fn unwatched() -> Health {
    Health::every(Duration::from_secs(3600), 3)
}

/// Answers each request with its own bytes, and notes it in `executed`.
pub(crate) fn echo(executed: &Executed) -> Router<RawBytes> {
    let executed = executed.clone();
    Router::new().fallback(move |request: Request<Bytes>| {
        executed.note(&request.message);
        async { Ok(request.message) }
    })
}

/// What a server has executed: how often each number. Cloning it shares the counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Executed(Arc<Mutex<BTreeMap<Option<u64>, usize>>>);

impl Executed {
    pub(crate) fn note(&self, message: &[u8]) {
        *self.lock().entry(number_of(message)).or_default() += 1;
    }

    /// How often message `number` was executed.
    pub(crate) fn times(&self, number: u64) -> usize {
        self.lock().get(&Some(number)).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<u64>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Message `number`: the number, then `size` bytes of its pattern.
pub(crate) fn message(number: u64, size: usize) -> Bytes {
    let mut message = BytesMut::with_capacity(8 + size);
    message.put_u64(number);
    message.put(Pattern::new(number).bytes(0, size));
    message.freeze()
}

/// Which message it is; `None` when it is none.
pub(crate) fn number_of(message: &[u8]) -> Option<u64> {
    let number = message.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}

/// Whether `seen` is message `number` with `size` bytes.
pub(crate) fn check_message(number: u64, size: usize, seen: &[u8]) -> Check {
    let found = number_of(seen);
    ensure!(found == Some(number), "call {number} was given what belongs to {found:?}");
    let (length, due) = (seen.len() - 8, size);
    ensure!(length == due, "call {number} was given {length} bytes instead of {due}");
    let checked = Pattern::new(number).check(0, &seen[8..]);
    checked.map_err(|mismatch| Failure::new(mismatch.to_string()).at(format!("the reply to call {number}")))
}

/// Calls with message `number`, and checks that it is answered with the same.
pub(crate) async fn call(client: &Client<RawBytes>, number: u64, size: usize) -> Check {
    let reply = client.call(message(number, size)).await;
    let reply = reply.map_err(|error| Failure::from(error).at(format!("call {number}")))?;
    check_message(number, size, &reply)
}
