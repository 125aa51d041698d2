//! Broken in dialling.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, PoisonError};

use listenrain::transport::generator;
use listenrain::{Channel, ChannelGenerator, Endpoint, EndpointError, NextError, Transport};
use listenrain_transports::channel::pair;
use tokio::task::yield_now;

use super::Next;
use crate::layer::{Layer, Side};

#[derive(Debug)]
pub(super) struct WaitsForAListener;

impl Layer for WaitsForAListener {
    fn next<'a>(&'a self, _side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async {
            match below.next().await {
                Err(error) if error.kind == ErrorKind::ConnectionRefused => pending().await,
                other => other,
            }
        })
    }
}

#[derive(Debug)]
pub(super) struct NeverGivesUp;

impl Layer for NeverGivesUp {
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        if endpoint.address() == "black-hole" {
            return Ok(generator(endpoint.clone(), pending));
        }
        below.dialer(endpoint)
    }
}

#[derive(Debug, Default)]
pub(super) struct KeepsCancelledDials(Mutex<Vec<Channel>>);

/// A channel that is kept unless it is taken.
struct Kept<'a>(Option<Channel>, &'a Mutex<Vec<Channel>>);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).extend(self.0.take());
    }
}

impl Layer for KeepsCancelledDials {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let channel = below.next().await?;
            if side == Side::Listener {
                return Ok(channel);
            }
            let mut kept = Kept(Some(channel), &self.0);
            yield_now().await;
            let took = io::Error::other("it was taken");
            kept.0.take().ok_or_else(|| NextError::passing("dial", below.endpoint(), took))
        })
    }
}

#[derive(Debug)]
pub(super) struct RemembersARefusal;

struct Remembering {
    below: Box<dyn ChannelGenerator>,
    refused: Option<NextError>,
}

impl ChannelGenerator for Remembering {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            if let Some(refused) = &self.refused {
                return Err(refused.clone());
            }
            self.below.next().await.inspect_err(|error| self.refused = Some(error.clone()))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

impl Layer for RemembersARefusal {
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        Ok(Box::new(Remembering { below: below.dialer(endpoint)?, refused: None }))
    }
}

#[derive(Debug, Default)]
pub(super) struct ForgetsOverItsBacklog {
    queued: AtomicIsize,
    forgotten: Mutex<Vec<Channel>>,
}

impl Layer for ForgetsOverItsBacklog {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            if side == Side::Listener {
                let channel = below.next().await?;
                self.queued.fetch_sub(1, Ordering::AcqRel);
                return Ok(channel);
            }
            if self.queued.load(Ordering::Acquire) >= 4 {
                let (near, far) = pair();
                self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(far);
                return Ok(near);
            }
            let channel = below.next().await?;
            self.queued.fetch_add(1, Ordering::AcqRel);
            Ok(channel)
        })
    }
}

#[derive(Debug)]
pub(super) struct PanicsAtABadAddress;

impl Layer for PanicsAtABadAddress {
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        assert_eq!(endpoint.scheme(), below.scheme(), "nobody would give it another");
        below.dialer(endpoint)
    }
}
