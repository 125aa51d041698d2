//! A transport of one's own, and the whole tool for it:
//! `cargo run -p bench-cli --example custom_transport -- run --transport memory,tcp --parallel 1,16`.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use bench_cli::Registry;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport,
};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Two ends in one process, one listener at a time.
#[derive(Debug, Default, Clone)]
struct Memory(Arc<Mutex<Option<Sender<DuplexStream>>>>);

impl Transport for Memory {
    fn scheme(&self) -> &str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        Ok(Box::new(End {
            endpoint: endpoint.clone(),
            memory: self.clone(),
            coming: None,
        }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        let (sender, coming) = channel(16);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let end = End {
            endpoint: endpoint.clone(),
            memory: self.clone(),
            coming: Some(coming),
        };
        Box::pin(async { Ok(Box::new(end) as Box<dyn ChannelGenerator>) })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new("memory", "here").expect("a constant that parses")
    }
}

struct End {
    endpoint: Endpoint,
    memory: Memory,
    /// Of a listener only.
    coming: Option<Receiver<DuplexStream>>,
}

impl End {
    async fn stream(&mut self) -> Option<DuplexStream> {
        if let Some(coming) = &mut self.coming {
            return coming.recv().await;
        }
        let to = self
            .memory
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let (near, far) = tokio::io::duplex(256 * 1024);
        to.send(far).await.ok().map(|()| near)
    }
}

impl ChannelGenerator for End {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let stream = self.stream().await;
            let refused = || {
                NextError::passing(
                    "dial",
                    &self.endpoint,
                    std::io::ErrorKind::ConnectionRefused.into(),
                )
            };
            stream
                .map(|stream| Channel::from_io(stream, ChannelFacts::new("memory")))
                .ok_or_else(refused)
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

fn main() -> ExitCode {
    bench_cli::main_with(Registry::standard().with(Memory::default(), &[]))
}
