//! Broken in what only transports over a network promise.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use listenrain::buffer::ReadBuffer;
use listenrain::{
    BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, EndpointError, NextError,
    Transport,
};

use super::super::flaws::{ReadFlaw, WriteFlaw};
use crate::layer::{Layer, Side};

/// Takes any cut for an orderly end.
pub(super) struct TakesACutForAnEnd;

impl ReadFlaw for TakesACutForAnEnd {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        match below.poll_read(cx, into) {
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
            polled => polled,
        }
    }
}

/// Whatever a dialer shall believe, it believes the last listener.
#[derive(Debug, Default)]
pub(super) struct BelievesAnybody(Mutex<Option<Endpoint>>);

impl Layer for BelievesAnybody {
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        below.dialer(last.as_ref().unwrap_or(endpoint))
    }

    fn listen<'a>(
        &'a self,
        below: &'a dyn Transport,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async {
            let listener = below.listen(endpoint).await?;
            let real = listener.endpoint().clone();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(real);
            Ok(listener)
        })
    }
}

/// Set once one of them was aborted: then all are reset.
#[derive(Clone, Default)]
pub(super) struct OneFate(Arc<AtomicBool>);

impl ReadFlaw for OneFate {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.0.load(Ordering::Acquire) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        below.poll_read(cx, into)
    }
}

impl WriteFlaw for OneFate {
    fn abort(&mut self, below: &mut dyn ChannelWrite) {
        self.0.store(true, Ordering::Release);
        below.abort();
    }
}

/// A dial begins with a packet of 0-RTT data.
#[derive(Debug)]
pub(super) struct SendsEarlyData;

/// A long header of that kind, without ids, and one byte.
const EARLY: [u8; 9] = [0xd0, 0, 0, 0, 1, 0, 0, 1, 0];

impl Layer for SendsEarlyData {
    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        if side == Side::Dialer {
            // Whether it arrives is seen by the case.
            let _ = UdpSocket::bind(("127.0.0.1", 0))
                .and_then(|socket| socket.send_to(&EARLY, below.endpoint().address()));
        }
        below.next()
    }
}
