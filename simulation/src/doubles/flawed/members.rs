//! A list of servers of which the first that can be dialled is the one.

use std::sync::Arc;
use std::time::Duration;

use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelGenerator, Endpoint, EndpointError, NextError, Transport,
};
use tokio::time::timeout;

use crate::world::Site;

/// How long one may take to be dialled.
const WITHIN: Duration = Duration::from_millis(500);

/// `site` from which every dial is one of `servers`.
pub(super) fn by_open_sockets(site: &Site, servers: &[Endpoint]) -> Site {
    let (below, servers) = (site.transport.clone(), servers.to_vec());
    let mut site = site.clone();
    site.transport = Arc::new(FirstOpen { below, servers });
    site
}

#[derive(Debug)]
struct FirstOpen {
    below: Arc<dyn Transport>,
    servers: Vec<Endpoint>,
}

impl Transport for FirstOpen {
    fn scheme(&self) -> &str {
        self.below.scheme()
    }

    fn capabilities(&self) -> Capabilities {
        self.below.capabilities()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let dialers =
            self.servers.iter().map(|server| self.below.dialer(server)).collect::<Result<_, _>>()?;
        Ok(Box::new(Dialer { dialers, endpoint: endpoint.clone() }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        self.below.listen(endpoint)
    }

    fn scratch_endpoint(&self) -> Endpoint {
        self.below.scratch_endpoint()
    }
}

struct Dialer {
    dialers: Vec<Box<dyn ChannelGenerator>>,
    endpoint: Endpoint,
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            for dialer in &mut self.dialers {
                if let Ok(Ok(channel)) = timeout(WITHIN, dialer.next()).await {
                    return Ok(channel);
                }
            }
            Err(NextError::passing("dial", &self.endpoint, std::io::ErrorKind::ConnectionRefused.into()))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}
