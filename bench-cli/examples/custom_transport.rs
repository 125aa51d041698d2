//! A transport of one's own, and the whole tool for it:
//! `cargo run -p bench-cli --example custom_transport -- run --transport memory,tcp --parallel 1,16`.

use std::io::{Error, ErrorKind};
use std::process::ExitCode;
use std::sync::Arc;

use bench_cli::Registry;
use listenrain::transport::{BoxFuture, Capabilities, ChannelGenerator, NextError, Transport, generator};
use listenrain::{Channel, ChannelFacts, Endpoint, EndpointError};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};

/// Two ends in one process: whoever dials sends the far end of a pipe to whoever listens.
#[derive(Debug, Clone)]
struct Memory(mpsc::Sender<DuplexStream>, Arc<Mutex<mpsc::Receiver<DuplexStream>>>);

impl Transport for Memory {
    fn scheme(&self) -> &str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn dialer(&self, to: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (far_ends, at) = (self.0.clone(), to.clone());
        Ok(generator(to.clone(), move || {
            let (far_ends, at, (near, far)) = (far_ends.clone(), at.clone(), duplex(256 * 1024));
            let refused = move |_| NextError::passing("dial", &at, Error::from(ErrorKind::ConnectionRefused));
            async move { far_ends.send(far).await.map(|()| channel(near)).map_err(refused) }
        }))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        let (coming, here) = (self.1.clone(), at.clone());
        let listener = generator(at.clone(), move || {
            let (coming, here) = (coming.clone(), here.clone());
            let over = move || NextError::lasting("accept", &here, Error::from(ErrorKind::BrokenPipe));
            async move { coming.lock().await.recv().await.map(channel).ok_or_else(over) }
        });
        Box::pin(async { Ok(listener) })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new("memory", "here").expect("a constant that parses")
    }
}

fn channel(io: DuplexStream) -> Channel {
    Channel::from_io(io, ChannelFacts::new("memory"))
}

fn main() -> ExitCode {
    let (far_ends, coming) = mpsc::channel(16);
    bench_cli::main_with(Registry::standard().with(Memory(far_ends, Arc::new(Mutex::new(coming)))))
}
