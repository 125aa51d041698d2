//! A transport of one's own, its conformance tests, and the whole load tool for it. `docs/write-a-transport.md` is about it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::{io, sync::Arc};

use bench_cli::Registry;
use listenrain::transport::{BoxFuture, Capabilities, ChannelGenerator, NextError, Transport, generator};
use listenrain::{Channel, ChannelFacts, Endpoint, EndpointError};
use tokio::net::{TcpListener, TcpStream};
#[cfg(test)]
use {listenrain_simulation::conformance::Need::Abort, listenrain_simulation::conformance::Subject};

/// TCP with nothing around it. There is no way to abort a stream, only to end it.
#[derive(Debug, Clone)]
struct Plain;

impl Transport for Plain {
    fn scheme(&self) -> &str {
        "plain"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities
    }

    fn dialer(&self, to: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (to, address) = (to.clone(), address(to)?);
        Ok(generator(to.clone(), move || {
            let to = to.clone();
            let failed = move |error| NextError::passing("dial", &to, error);
            async move { TcpStream::connect(address).await.and_then(channel).map_err(failed) }
        }))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let address = address(at).map_err(|error| NextError::invalid("listen", error))?;
            let failed = |error| NextError::passing("listen", at, error);
            let listener = Arc::new(TcpListener::bind(address).await.map_err(failed)?);
            let here = endpoint(listener.local_addr().map_err(failed)?);
            Ok(generator(here.clone(), move || {
                let (listener, here) = (listener.clone(), here.clone());
                let failed = move |error| NextError::passing("accept", &here, error);
                async move { listener.accept().await.and_then(|(stream, _)| channel(stream)).map_err(failed) }
            }))
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        endpoint(([127, 0, 0, 1], 0).into())
    }
}

fn address(of: &Endpoint) -> Result<SocketAddr, EndpointError> {
    if of.scheme() != "plain" {
        return Err(of.invalid("is not for the transport `plain`"));
    }
    if let Some((name, _)) = of.options().next() {
        return Err(of.invalid(format!("there is no option `{name}`, nor any other")));
    }
    of.address().parse().map_err(|_| of.invalid("should have an address such as 127.0.0.1:80"))
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new("plain", &address.to_string()).expect("what an address prints is one")
}

fn channel(stream: TcpStream) -> io::Result<Channel> {
    stream.set_nodelay(true)?;
    let (here, there) = (endpoint(stream.local_addr()?), endpoint(stream.peer_addr()?));
    Ok(Channel::from_io(stream, ChannelFacts::new("plain").between(Some(here), Some(there))))
}

listenrain_simulation::conformance!(
    plain,
    Subject::from(Plain).admits(Abort, "There is no way to abort a stream, only to end it.")
);

fn main() -> ExitCode {
    bench_cli::main_with(Registry::standard().with(Plain))
}
