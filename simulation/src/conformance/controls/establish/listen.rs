//! Broken in listening.

use std::collections::BTreeSet;
use std::future::pending;
use std::io::ErrorKind;
use std::sync::{Mutex, OnceLock, PoisonError};

use listenrain::transport::generator;
use listenrain::{ChannelGenerator, Endpoint, NextError, Transport};

use super::{Listening, Next};
use crate::layer::Layer;

#[derive(Debug)]
pub(super) struct SharesATakenEndpoint;

impl Layer for SharesATakenEndpoint {
    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        Box::pin(async {
            match below.listen(endpoint).await {
                Err(error) if error.kind == ErrorKind::AddrInUse => Ok(generator(endpoint.clone(), pending)),
                other => other,
            }
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct NeverFreesItsEndpoint(Mutex<BTreeSet<Endpoint>>);

impl Layer for NeverFreesItsEndpoint {
    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.clone());
        if is_new {
            return below.listen(endpoint);
        }
        let taken = NextError::passing("listen", endpoint, ErrorKind::AddrInUse.into());
        Box::pin(async { Err(taken) })
    }
}

#[derive(Debug, Default)]
pub(super) struct HidesWhereItListens(OnceLock<Endpoint>);

struct Hidden(Box<dyn ChannelGenerator>, Endpoint);

impl ChannelGenerator for Hidden {
    fn next(&mut self) -> Next<'_> {
        self.0.next()
    }

    fn endpoint(&self) -> &Endpoint {
        &self.1
    }
}

impl Layer for HidesWhereItListens {
    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        Box::pin(async {
            let below = below.listen(endpoint).await?;
            let first = self.0.get_or_init(|| below.endpoint().clone());
            Ok(Box::new(Hidden(below, first.clone())) as _)
        })
    }
}
