//! Hosts that serve and call.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{
    Backoff, CallError, ChannelRead, ChannelWrite, Client, Endpoint, Health, Protocol, RawBytes, Router,
    Server, Transport,
};
use listenrain_simulation::simulated::{self, SimulatedTcp, SimulatedUdp};
use listenrain_transports::Quic;
use tokio::time::sleep;
use turmoil::Sim;

/// Where every server of these tests listens.
pub(crate) const PORT: u16 = 7000;

pub(crate) fn at(scheme: &str, address: &str) -> Endpoint {
    Endpoint::new(scheme, address).unwrap()
}

pub(crate) fn server_at(scheme: &str) -> Endpoint {
    at(scheme, &format!("server:{PORT}"))
}

/// `count` bytes that differ from their neighbours.
pub(crate) fn pattern(count: usize) -> Bytes {
    (0..count).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

fn native() -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).build().unwrap()
}

/// A server that answers with the request.
pub(crate) async fn serve(transport: &dyn Transport, endpoint: &Endpoint) -> Server {
    let echo =
        Router::new().fallback(|request: listenrain::Request<Bytes>| async move { Ok(request.message) });
    let listener = transport.listen(endpoint).await.unwrap();
    Server::builder(native(), echo).listen(listener).unwrap()
}

/// A client that gives a silent connection up after three seconds, and never counts its endpoint as down.
pub(crate) fn client(transport: &dyn Transport, endpoint: &Endpoint) -> Client<RawBytes> {
    let backoff =
        Backoff::between(Duration::from_millis(50), Duration::from_millis(500)).down_after(u32::MAX);
    let builder = Client::builder(native()).backoff(backoff).health(Health::every(Duration::from_secs(1), 3));
    builder.dial(transport.dialer(endpoint).unwrap()).unwrap()
}

/// The reply to `message`, within a minute.
pub(crate) async fn echo(client: &Client<RawBytes>, message: Bytes) -> Result<Bytes, CallError> {
    client.call_within(message, Duration::from_secs(60)).await
}

/// The transport of `scheme` on `host`, on which everything passes.
pub(crate) fn transport(scheme: &str, host: &str, seed: u64) -> Arc<dyn Transport> {
    match scheme {
        "tcp" => Arc::new(SimulatedTcp::on(host)),
        _ => Arc::new(quic(SimulatedUdp::on(host), host, seed)),
    }
}

/// QUIC through `udp`, with randomness that `host` shares with nobody.
pub(crate) fn quic(udp: SimulatedUdp, host: &str, seed: u64) -> Quic {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..8 + host.len()].copy_from_slice(host.as_bytes());
    simulated::quic(udp, simulated::quic::options(), bytes).unwrap()
}

/// What a host writes down for the test that steps the simulation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Rc<RefCell<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.borrow_mut().push(note.into());
    }

    /// Waits, on a host, until somebody has added `note`.
    pub(crate) async fn wait_for(&self, note: &str) {
        while !self.has(note) {
            // There is no other word from outside a host than the next step of the simulation.
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn has(&self, note: &str) -> bool {
        self.0.borrow().iter().any(|noted| noted == note)
    }
}

/// Steps until `done` says so; no more than ten minutes of simulated time.
pub(crate) fn step_until(sim: &mut Sim<'_>, mut done: impl FnMut() -> bool) {
    let begun = sim.elapsed();
    while !done() {
        sim.step().unwrap();
        assert!(sim.elapsed() - begun < Duration::from_secs(600), "stuck");
    }
}

pub(crate) fn step_for(sim: &mut Sim<'_>, time: Duration) {
    let until = sim.elapsed() + time;
    while sim.elapsed() < until {
        sim.step().unwrap();
    }
}

/// Everything up to the end of the stream.
pub(crate) async fn read_to_end(from: &mut dyn ChannelRead) -> io::Result<Bytes> {
    let mut into = ReadBuffer::default();
    while poll_fn(|cx| from.poll_read(cx, &mut into)).await? > 0 {}
    let len = into.len();
    Ok(into.take(len))
}

/// One read: what it gave.
pub(crate) async fn read(from: &mut dyn ChannelRead) -> io::Result<Bytes> {
    let mut into = ReadBuffer::default();
    let len = poll_fn(|cx| from.poll_read(cx, &mut into)).await?;
    Ok(into.take(len))
}

/// Writes and flushes all of `bytes`.
pub(crate) async fn write_all(to: &mut dyn ChannelWrite, bytes: Bytes) -> io::Result<()> {
    let mut from = WriteBuffer::new(to.flatten_below());
    from.put(bytes);
    while !from.is_empty() {
        assert!(poll_fn(|cx| to.poll_write(cx, &mut from)).await? > 0);
    }
    poll_fn(|cx| to.poll_flush(cx)).await
}

/// Ends writing.
pub(crate) async fn shutdown(to: &mut dyn ChannelWrite) -> io::Result<()> {
    poll_fn(|cx| to.poll_shutdown(cx)).await
}
