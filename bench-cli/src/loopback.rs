//! A minimal TCP, until `listenrain_transports::Tcp` takes its place in [`Registry::standard`](crate::Registry).

use std::io;

use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport,
};
use tokio::net::{TcpListener, TcpStream};

/// What its endpoints take.
pub(crate) const OPTIONS: &[(&str, &str)] = &[(
    "nodelay",
    "true or false: send small packets at once; default true",
)];

#[derive(Debug)]
pub(crate) struct Tcp;

impl Transport for Tcp {
    fn scheme(&self) -> &'static str {
        "tcp"
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::default();
        (can.half_close, can.between_processes, can.between_hosts) = (true, true, true);
        can
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        Ok(Box::new(Dialer {
            endpoint: endpoint.clone(),
            nodelay: nodelay(endpoint)?,
        }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let nodelay = nodelay(endpoint).map_err(|error| NextError::invalid("listen", error))?;
            let lasting = |error: io::Error| NextError::lasting("listen", endpoint, error);
            let listener = TcpListener::bind(endpoint.address()).await.map_err(lasting)?;
            let address = listener.local_addr().map_err(lasting)?.to_string();
            let endpoint = endpoint.clone().with_address(address);
            Ok(Box::new(Listener {
                endpoint,
                listener,
                nodelay,
            }) as Box<dyn ChannelGenerator>)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new("tcp", "127.0.0.1:0").expect("a constant that parses")
    }
}

fn nodelay(endpoint: &Endpoint) -> Result<bool, EndpointError> {
    let mut nodelay = true;
    for (name, value) in endpoint.options() {
        nodelay = match (name, value.parse()) {
            ("nodelay", Ok(nodelay)) => nodelay,
            ("nodelay", Err(_)) => return Err(endpoint.invalid("nodelay is true or false")),
            _ => return Err(endpoint.invalid(format!("unknown option `{name}`; known: nodelay"))),
        };
    }
    Ok(nodelay)
}

fn open(stream: TcpStream, nodelay: bool) -> io::Result<Channel> {
    stream.set_nodelay(nodelay)?;
    let (read, write) = stream.into_split();
    Ok(Channel::new(read, write, ChannelFacts::new("tcp")))
}

struct Dialer {
    endpoint: Endpoint,
    nodelay: bool,
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let stream = TcpStream::connect(self.endpoint.address()).await;
            let channel = stream.and_then(|stream| open(stream, self.nodelay));
            channel.map_err(|error| NextError::passing("dial", &self.endpoint, error))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

struct Listener {
    endpoint: Endpoint,
    listener: TcpListener,
    nodelay: bool,
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let accepted = self.listener.accept().await;
            let channel = accepted.and_then(|(stream, _)| open(stream, self.nodelay));
            channel.map_err(|error| NextError::passing("accept", &self.endpoint, error))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}
