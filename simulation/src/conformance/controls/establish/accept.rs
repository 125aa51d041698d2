//! Broken in accepting.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use listenrain::buffer::ReadBuffer;
use listenrain::{ChannelGenerator, ChannelRead};
use tokio::task::yield_now;

use super::super::flaws::{ReadFlaw, deliver, flawed_read, read_piece};
use super::Next;
use crate::layer::{Layer, Side};

#[derive(Debug)]
pub(super) struct DropsWithAnAccept;

impl Layer for DropsWithAnAccept {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let channel = below.next().await?;
            if side == Side::Listener {
                yield_now().await;
            }
            Ok(channel)
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct AcceptWaitsForAByte {
    has_accepted: AtomicBool,
}

/// What was read before the channel was handed over.
pub(super) struct First(pub(super) Bytes);

impl ReadFlaw for First {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.0.is_empty() {
            return below.poll_read(cx, into);
        }
        deliver(std::mem::take(&mut self.0), into)
    }
}

impl Layer for AcceptWaitsForAByte {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let mut channel = below.next().await?;
            if side == Side::Dialer || !self.has_accepted.swap(true, Ordering::AcqRel) {
                return Ok(channel);
            }
            let first = poll_fn(|cx| read_piece(&mut *channel.read, cx)).await.unwrap_or_default();
            Ok(flawed_read(channel, First(first)))
        })
    }
}
