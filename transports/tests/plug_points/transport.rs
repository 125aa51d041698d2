//! A transport over pipes in memory, with both its generators. What it reaches is its own hub: nothing is global.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport, TransportId,
};
use tokio::sync::mpsc;

use crate::used::Used;

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
        Ok(Box::new(Dialer {
            hub: Arc::clone(&self.hub),
            endpoint: endpoint.clone(),
            used: self.used.clone(),
        }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let mut hub = self.hub.lock().unwrap();
            if hub.contains_key(endpoint.address()) {
                let taken = io::ErrorKind::AddrInUse.into();
                return Err(NextError::lasting("listen", endpoint, taken));
            }
            let (dialled, queue) = mpsc::channel(BACKLOG);
            hub.insert(endpoint.address().to_owned(), dialled);
            let listener = Listener {
                hub: Arc::clone(&self.hub),
                queue,
                endpoint: endpoint.clone(),
                used: self.used.clone(),
            };
            Ok(Box::new(listener) as Box<dyn ChannelGenerator>)
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

struct Dialer {
    hub: Hub,
    endpoint: Endpoint,
    used: Used,
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            let refused =
                || NextError::passing("dial", &self.endpoint, io::ErrorKind::ConnectionRefused.into());
            let listener = self.hub.lock().unwrap().get(self.endpoint.address()).cloned();
            let (near, far) = tokio::io::duplex(PIPE);
            let [near, far] = [near, far].map(|end| Channel::from_io(end, ChannelFacts::new(SCHEME)));
            let room = listener.ok_or_else(refused)?;
            room.send(far).await.map_err(|_| refused())?;
            self.used.note("channels dialled");
            Ok(near)
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

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
            accepted.ok_or_else(|| {
                NextError::lasting("accept", &self.endpoint, io::ErrorKind::NotConnected.into())
            })
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Ok(mut hub) = self.hub.lock() {
            hub.remove(self.endpoint.address());
        }
    }
}

#[tokio::test]
async fn an_endpoint_is_refused_until_someone_listens_and_again_afterwards() {
    let pipes = Pipes::new(&Used::default());
    let endpoint = pipes.scratch_endpoint();
    let mut dialer = pipes.dialer(&endpoint).unwrap();
    assert!(!dialer.next().await.unwrap_err().is_final);
    let listener = pipes.listen(&endpoint).await.unwrap();
    pipes.listen(&endpoint).await.err().unwrap();
    dialer.next().await.unwrap();
    drop(listener);
    dialer.next().await.unwrap_err();
    pipes.dialer(&"tcp://127.0.0.1:1".parse().unwrap()).err().unwrap();
}
