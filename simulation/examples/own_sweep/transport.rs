//! Strings between tin cans in one process, by the number of the shelf: a transport of a user's own, outside this repository's
//! crates as far as the kit can tell. It cannot abort, and says so.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use listenrain::transport::generator;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport,
};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// There is no way to break a string between two cans.
#[derive(Debug)]
pub(crate) struct TinCans {
    /// How many bytes a string holds.
    string: usize,
    shelves: Arc<Mutex<Shelves>>,
}

#[derive(Debug, Default)]
struct Shelves {
    cans: HashMap<String, mpsc::Sender<Dial>>,
    used: usize,
}

type Dial = (DuplexStream, Endpoint);

impl TinCans {
    pub(crate) fn with_strings_of(bytes: usize) -> Self {
        Self { string: bytes, shelves: Arc::default() }
    }

    fn check(endpoint: &Endpoint) -> Result<(), EndpointError> {
        if endpoint.scheme() != "cans" {
            return Err(endpoint.invalid("is not for the transport `cans`"));
        }
        match endpoint.options().next() {
            Some((name, _)) => Err(endpoint.invalid(format!("there is no option `{name}`, nor any other"))),
            None => Ok(()),
        }
    }
}

impl Transport for TinCans {
    fn scheme(&self) -> &str {
        "cans"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities
    }

    fn dialer(&self, to: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        Self::check(to)?;
        let (shelves, string, to) = (self.shelves.clone(), self.string, to.clone());
        Ok(generator(to.clone(), move || {
            let (near, far) = duplex(string);
            let mut shelves = shelves.lock().unwrap();
            shelves.used += 1;
            let here = to.clone().with_address(format!("dial-{}", shelves.used));
            let can = shelves.cans.get(to.address()).filter(|can| can.try_send((far, here.clone())).is_ok());
            let refused = || NextError::passing("dial", &to, Error::from(ErrorKind::ConnectionRefused));
            let dialled = can.map(|_| channel(near, here, to.clone())).ok_or_else(refused);
            async { dialled }
        }))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            Self::check(at).map_err(|error| NextError::invalid("listen", error))?;
            let (can, coming) = mpsc::channel(8);
            let mut shelves = self.shelves.lock().unwrap();
            if shelves.cans.get(at.address()).is_some_and(|can| !can.is_closed()) {
                return Err(NextError::passing("listen", at, Error::from(ErrorKind::AddrInUse)));
            }
            shelves.cans.insert(at.address().to_owned(), can);
            Ok(Box::new(Can { at: at.clone(), coming }) as _)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        let mut shelves = self.shelves.lock().unwrap();
        shelves.used += 1;
        Endpoint::new("cans", &format!("shelf-{}", shelves.used)).unwrap()
    }
}

struct Can {
    at: Endpoint,
    coming: mpsc::Receiver<Dial>,
}

impl ChannelGenerator for Can {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let over = || NextError::lasting("accept", &self.at, Error::from(ErrorKind::NotConnected));
            let (io, peer) = self.coming.recv().await.ok_or_else(over)?;
            Ok(channel(io, self.at.clone(), peer))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.at
    }
}

fn channel(io: DuplexStream, here: Endpoint, there: Endpoint) -> Channel {
    Channel::from_io(io, ChannelFacts::new("cans").between(Some(here), Some(there)))
}
