//! Strings between tin cans in one process, by the number of the shelf: a transport as small as one can be.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use listenrain::transport::generator;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, Endpoint, EndpointError, NextError,
    Transport,
};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{Mutex as Turn, mpsc};

/// How many bytes a string holds.
const STRING: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct TinCans(Arc<Mutex<Shelves>>);

#[derive(Debug, Default)]
struct Shelves {
    cans: HashMap<String, mpsc::Sender<DuplexStream>>,
    used: usize,
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
        let (shelves, to) = (self.0.clone(), to.clone());
        Ok(generator(to.clone(), move || {
            let (near, far) = duplex(STRING);
            let can = shelves.lock().unwrap().cans.get(to.address()).cloned();
            let is_there = can.is_some_and(|can| can.try_send(far).is_ok());
            let refused = || NextError::passing("dial", &to, Error::from(ErrorKind::ConnectionRefused));
            std::future::ready(is_there.then(|| channel(near, Some(&to))).ok_or_else(refused))
        }))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        let (can, coming) = mpsc::channel(8);
        self.0.lock().unwrap().cans.insert(at.address().to_owned(), can);
        let coming = Arc::new(Turn::new(coming));
        let listener = generator(at.clone(), move || {
            let coming = coming.clone();
            async move {
                let string = coming.lock().await.recv().await;
                Ok(channel(string.expect("its can stands on the shelf"), None))
            }
        });
        Box::pin(std::future::ready(Ok(listener)))
    }

    fn scratch_endpoint(&self) -> Endpoint {
        let mut shelves = self.0.lock().unwrap();
        shelves.used += 1;
        Endpoint::new("cans", &format!("shelf-{}", shelves.used)).unwrap()
    }
}

fn channel(string: DuplexStream, to: Option<&Endpoint>) -> Channel {
    Channel::from_io(string, ChannelFacts::new("cans").between(None, to.cloned()))
}
