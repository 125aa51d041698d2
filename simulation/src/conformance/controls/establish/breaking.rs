//! Generators that break the channels they gave.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, EndpointError, Transport};

use super::super::flaws::{ReadFlaw, WriteFlaw, flawed_read, flawed_write};
use super::{Listening, Next};
use crate::layer::Layer;

/// Breaks a channel once it is set.
type Broken = Arc<AtomicBool>;

impl ReadFlaw for Broken {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.load(Ordering::Acquire) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        below.poll_read(cx, into)
    }
}

impl WriteFlaw for Broken {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.load(Ordering::Acquire) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        below.poll_write(cx, from)
    }
}

/// A generator whose channels break when it is dropped, or when its next one comes.
struct Breaking {
    below: Box<dyn ChannelGenerator>,
    broken: Broken,
    breaks_at_next: bool,
}

impl ChannelGenerator for Breaking {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            let channel = self.below.next().await?;
            if self.breaks_at_next {
                self.broken.store(true, Ordering::Release);
                self.broken = Broken::default();
            }
            Ok(flawed_write(flawed_read(channel, self.broken.clone()), self.broken.clone()))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

impl Drop for Breaking {
    fn drop(&mut self) {
        self.broken.store(!self.breaks_at_next, Ordering::Release);
    }
}

#[derive(Debug)]
pub(super) struct TakesItsChannelsAlong;

impl Layer for TakesItsChannelsAlong {
    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        Box::pin(async {
            let below = below.listen(endpoint).await?;
            Ok(Box::new(Breaking { below, broken: Broken::default(), breaks_at_next: false }) as _)
        })
    }
}

#[derive(Debug)]
pub(super) struct OneChannelAtATime;

impl Layer for OneChannelAtATime {
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let below = below.dialer(endpoint)?;
        Ok(Box::new(Breaking { below, broken: Broken::default(), breaks_at_next: true }))
    }
}
