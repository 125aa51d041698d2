//! A transport over pipes in memory. What it reaches is its own hub: nothing is global.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use listenrain::transport::generator;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport, TransportId,
};
use tokio::sync::mpsc;

use super::used::Used;

#[derive(Debug)]
pub(crate) struct Pipes {
    hub: Hub,
    scratch: AtomicUsize,
    used: Used,
    id: TransportId,
}

type Hub = Arc<Mutex<BTreeMap<String, mpsc::Sender<Channel>>>>;

const SCHEME: &str = "pipes";
const BACKLOG: usize = 8;
const PIPE: usize = 16 * 1024;

impl Pipes {
    pub(crate) fn new(used: &Used) -> Self {
        Self { hub: Hub::default(), scratch: AtomicUsize::new(0), used: used.clone(), id: TransportId::new() }
    }
}

impl Transport for Pipes {
    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        if endpoint.scheme() != SCHEME {
            return Err(endpoint.invalid("not a pipe"));
        }
        let (hub, used, at) = (self.hub.clone(), self.used.clone(), endpoint.clone());
        // The quickest way to a generator.
        Ok(generator(endpoint.clone(), move || dial(hub.clone(), used.clone(), at.clone())))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let mut hub = self.hub.lock().unwrap();
            if hub.contains_key(endpoint.address()) {
                return Err(NextError::lasting("listen", endpoint, ErrorKind::AddrInUse.into()));
            }
            let (dialled, queue) = mpsc::channel(BACKLOG);
            hub.insert(endpoint.address().to_owned(), dialled);
            let (hub, used) = (self.hub.clone(), self.used.clone());
            Ok(Box::new(Listener { hub, queue, endpoint: endpoint.clone(), used }) as _)
        })
    }

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
    }

    fn scratch_endpoint(&self) -> Endpoint {
        let number = self.scratch.fetch_add(1, Ordering::Relaxed);
        Endpoint::new(SCHEME, &format!("scratch-{number}")).unwrap()
    }
}

async fn dial(hub: Hub, used: Used, at: Endpoint) -> Result<Channel, NextError> {
    let refused = || NextError::passing("dial", &at, ErrorKind::ConnectionRefused.into());
    let listener = hub.lock().unwrap().get(at.address()).cloned().ok_or_else(refused)?;
    let (near, far) = tokio::io::duplex(PIPE);
    let [near, far] = [near, far].map(|end| Channel::from_io(end, ChannelFacts::new(SCHEME)));
    listener.send(far).await.map_err(|_| refused())?;
    used.note("channels dialled");
    Ok(near)
}

/// A generator of one's own.
struct Listener {
    hub: Hub,
    queue: mpsc::Receiver<Channel>,
    endpoint: Endpoint,
    used: Used,
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            let accepted = self.queue.recv().await;
            self.used.note("channels accepted");
            accepted
                .ok_or_else(|| NextError::lasting("accept", &self.endpoint, ErrorKind::NotConnected.into()))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.lock().unwrap().remove(self.endpoint.address());
    }
}
