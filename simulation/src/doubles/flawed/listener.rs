//! A listener whose channels are changed, or left alone when there are too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use listenrain::buffer::ReadBuffer;
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelRead, Endpoint, NextError};

use crate::layer::map_halves;

type Change = Box<dyn Fn(Channel) -> Channel + Send + Sync>;

pub(super) struct Changed {
    below: Box<dyn ChannelGenerator>,
    change: Change,
    most: usize,
    open: Arc<AtomicUsize>,
    left_alone: Vec<Channel>,
}

impl Changed {
    pub(super) fn new(below: Box<dyn ChannelGenerator>) -> Self {
        Self {
            below,
            change: Box::new(|channel| channel),
            most: usize::MAX,
            open: Arc::default(),
            left_alone: Vec::new(),
        }
    }

    /// Each channel becomes what `change` makes of it.
    pub(super) fn changes(&mut self, change: impl Fn(Channel) -> Channel + Send + Sync + 'static) {
        self.change = Box::new(change);
    }

    /// What comes while there are `most` is left alone.
    pub(super) fn takes(&mut self, most: usize) {
        self.most = most;
    }
}

impl ChannelGenerator for Changed {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            loop {
                let channel = self.below.next().await?;
                if self.open.fetch_add(1, Ordering::Relaxed) >= self.most {
                    self.open.fetch_sub(1, Ordering::Relaxed);
                    self.left_alone.push(channel);
                    continue;
                }
                let open = self.open.clone();
                let counted = map_halves(channel, |below| Box::new(Counted { below, open }), |write| write);
                return Ok((self.change)(counted));
            }
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

/// Counts as open for as long as it is there.
struct Counted {
    below: Box<dyn ChannelRead>,
    open: Arc<AtomicUsize>,
}

impl ChannelRead for Counted {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<std::io::Result<usize>> {
        self.below.poll_read(cx, into)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
