//! A transport of a user's own, outside this repository's crates as far as the kit can tell, and the one line that puts
//! it to the test.
//!
//! Its channels hold 100 bytes, so that a case which relied on more would hang here. It cannot abort, and says so.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use listenrain::transport::generator;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport,
};
use listenrain_simulation::conformance::{Need, Subject};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

listenrain_simulation::conformance!(cupboard, cupboard());

fn cupboard() -> Subject {
    let words = "There is no way to break a string between two tins.";
    Subject::from(Cupboard::default()).in_memory().admits(Need::Abort, words)
}

/// Strings between tins in one process, by the number of the shelf.
///
/// There is no way to break a string between two tins.
#[derive(Debug, Default)]
struct Cupboard(Arc<Mutex<Shelves>>);

#[derive(Debug, Default)]
struct Shelves {
    tins: HashMap<String, mpsc::Sender<Dial>>,
    used: usize,
}

type Dial = (DuplexStream, Endpoint);

impl Cupboard {
    fn check(endpoint: &Endpoint) -> Result<(), EndpointError> {
        if endpoint.scheme() != "cupboard" {
            return Err(endpoint.invalid("is not for the transport `cupboard`"));
        }
        match endpoint.options().next() {
            Some((name, _)) => Err(endpoint.invalid(format!("there is no option `{name}`, nor any other"))),
            None => Ok(()),
        }
    }
}

impl Transport for Cupboard {
    fn scheme(&self) -> &str {
        "cupboard"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities
    }

    fn dialer(&self, to: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        Self::check(to)?;
        let (shelves, to) = (self.0.clone(), to.clone());
        Ok(generator(to.clone(), move || {
            let (near, far) = duplex(100);
            let mut shelves = shelves.lock().unwrap();
            shelves.used += 1;
            let here = to.clone().with_address(format!("dial-{}", shelves.used));
            let tin = shelves.tins.get(to.address()).filter(|tin| tin.try_send((far, here.clone())).is_ok());
            let refused = || NextError::passing("dial", &to, Error::from(ErrorKind::ConnectionRefused));
            let dialled = tin.map(|_| channel(near, here, to.clone())).ok_or_else(refused);
            async { dialled }
        }))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            Self::check(at).map_err(|error| NextError::invalid("listen", error))?;
            let (tin, coming) = mpsc::channel(8);
            let mut shelves = self.0.lock().unwrap();
            if shelves.tins.get(at.address()).is_some_and(|tin| !tin.is_closed()) {
                return Err(NextError::passing("listen", at, Error::from(ErrorKind::AddrInUse)));
            }
            shelves.tins.insert(at.address().to_owned(), tin);
            Ok(Box::new(Tin { at: at.clone(), coming }) as _)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        let mut shelves = self.0.lock().unwrap();
        shelves.used += 1;
        Endpoint::new("cupboard", &format!("shelf-{}", shelves.used)).unwrap()
    }
}

struct Tin {
    at: Endpoint,
    coming: mpsc::Receiver<Dial>,
}

impl ChannelGenerator for Tin {
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
    Channel::from_io(io, ChannelFacts::new("cupboard").between(Some(here), Some(there)))
}
