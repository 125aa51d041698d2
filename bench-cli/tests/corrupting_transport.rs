//! A program of a user's own, with a transport of its own: one that flips a bit now and then. The tool must notice.
//!
//! It has a `main` since the tool starts this very program again for each cell.

mod harness;

use std::io;
use std::process::ExitCode;
use std::task::{Context, Poll, ready};

use bench_cli::Registry;
use bytes::Bytes;
use listenrain::buffer::ReadBuffer;
use listenrain::channel::Plain;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, ChannelRead, Endpoint, EndpointError,
    NextError, Transport,
};
use listenrain_results::Verdict;
use listenrain_transports::InProcess;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use harness::{is_tool, run, tests, tool};

/// In memory, within this process. One bit of every fifth piece that arrives is flipped, but for the
/// first few.
#[derive(Debug)]
struct Flipping {
    waiting: (Sender<DuplexStream>, std::sync::Mutex<Option<Receiver<DuplexStream>>>),
}

impl Default for Flipping {
    fn default() -> Self {
        let (sender, receiver) = channel(16);
        Self { waiting: (sender, Some(receiver).into()) }
    }
}

impl Transport for Flipping {
    fn scheme(&self) -> &str {
        "flipping"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let to = self.waiting.0.clone();
        Ok(Box::new(Dialer { endpoint: endpoint.clone(), to }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async {
            let from = self.waiting.1.lock().unwrap().take().unwrap();
            Ok(Box::new(Listener { endpoint: endpoint.clone(), from }) as Box<dyn ChannelGenerator>)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new("flipping", "here").unwrap()
    }
}

struct Dialer {
    endpoint: Endpoint,
    to: Sender<DuplexStream>,
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let (near, far) = tokio::io::duplex(64 * 1024);
            self.to.send(far).await.unwrap();
            let (read, write) = tokio::io::split(near);
            let read = FlippingRead { inner: Plain(read), pieces: 0 };
            Ok(Channel::from_halves(read, Plain(write), ChannelFacts::new("flipping")))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

struct Listener {
    endpoint: Endpoint,
    from: Receiver<DuplexStream>,
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let stream = self.from.recv().await;
            let gone = || NextError::lasting("accept", &self.endpoint, io::ErrorKind::NotConnected.into());
            stream.map(|stream| Channel::from_io(stream, ChannelFacts::new("flipping"))).ok_or_else(gone)
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

struct FlippingRead<R> {
    inner: R,
    pieces: usize,
}

impl<R: ChannelRead> ChannelRead for FlippingRead<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let mut own = ReadBuffer::default();
        let count = ready!(self.inner.poll_read(cx, &mut own))?;
        let mut piece = own.take(count).to_vec();
        self.pieces += 1;
        // The first request of a connection, by which it is refused or measured, comes through.
        if self.pieces > 20 && self.pieces.is_multiple_of(5) {
            // Not at a block's start: only the full check of the warm-up and of one in 64 can see it.
            piece[(count / 2 + 100).min(count - 1)] ^= 1;
        }
        into.push(Bytes::from(piece));
        Poll::Ready(Ok(count))
    }
}

fn registry() -> Registry {
    Registry::empty().with(Flipping::default()).with(InProcess::default())
}

/// Runs this program as the tool; its exit code and its JSON.
fn told(line: &str) -> (Option<i32>, String) {
    let output = tool(line);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn a_corrupting_transport_fails_its_row_and_no_other() {
    let line = "run --stack listenrain,floor --transport flipping,channel --payload 16KiB --parallel 3 --duration 100ms --warmup 50ms --json -";
    let (code, json) = told(line);
    assert_eq!(code, Some(1), "{json}");
    let run = listenrain_results::Run::from_json(&json, "stdout").unwrap();
    let [flipping, floor, honest, honest_floor] = &run.cells[..] else { panic!("{json}") };
    assert!(flipping.errors > 0 && flipping.error_kinds.contains_key("wrong bytes"), "{flipping:?}");
    assert!(floor.errors > 0, "{floor:?}");
    assert!(honest.is_well() && honest_floor.is_well(), "{honest:?} {honest_floor:?}");
}

fn a_corrupting_transport_cannot_win_a_comparison() {
    let line = "compare --transport flipping,channel --payload 16KiB --parallel 3 --blocks 2 --duration 150ms --warmup 30ms --json -";
    let (code, json) = told(line);
    assert_eq!(code, Some(1), "{json}");
    let comparison = listenrain_results::Run::from_json(&json, "stdout").unwrap().comparison.unwrap();
    assert_eq!(comparison.values, ["flipping", "channel"]);
    assert!(!comparison.rows.is_empty());
    for row in &comparison.rows {
        assert!(row.verdict == Verdict::Invalid && row.ratio.is_none(), "{row:?}");
        assert!(row.why.contains("launches of the first value had errors"), "{row:?}");
    }
}

fn a_registered_transport_is_listed() {
    let (code, text) = told("transports");
    assert!(code == Some(0) && text.contains("flipping://"), "{text}");
}

fn main() -> ExitCode {
    if is_tool(&["cell", "run", "compare", "transports"]) {
        return bench_cli::main_with(registry());
    }
    run(tests![
        a_corrupting_transport_fails_its_row_and_no_other,
        a_corrupting_transport_cannot_win_a_comparison,
        a_registered_transport_is_listed,
    ])
}
