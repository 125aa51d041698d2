//! Listening at every member of a list at once.
//!
//! Either all members can be listened at, or none is. Channels come from whichever member has one, in turn, so that a
//! busy member does not keep the others waiting. A member whose listener is over is left out; when none is left, so is
//! the list's.

use std::future::poll_fn;
use std::task::Poll;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};

use super::{Member, SCHEME};

/// Listeners of one list.
pub(super) struct Listener {
    list: Endpoint,
    listeners: Vec<Box<dyn ChannelGenerator>>,
    /// Whose turn it is.
    turn: usize,
    over: Option<NextError>,
}

impl Listener {
    pub(super) async fn bind(list: &Endpoint, members: &[Member]) -> Result<Self, NextError> {
        let mut listeners = Vec::with_capacity(members.len());
        for member in members {
            listeners.push(member.transport.listen(&member.endpoint).await?);
        }
        let real = Endpoint::list(SCHEME, listeners.iter().map(|listener| listener.endpoint()))
            .map_err(|error| NextError::invalid("listen", error))?;
        let list = list.clone().with_address(real.address());
        Ok(Self { list, listeners, turn: 0, over: None })
    }

    /// What the first member that has something says, and which one that is.
    async fn first(&mut self) -> (usize, Result<Channel, NextError>) {
        let count = self.listeners.len();
        let mut waiting: Vec<_> =
            self.listeners.iter_mut().enumerate().map(|(at, listener)| (at, listener.next())).collect();
        waiting.rotate_left(self.turn % count);
        poll_fn(|cx| {
            let said = waiting.iter_mut().find_map(|(at, next)| match next.as_mut().poll(cx) {
                Poll::Ready(said) => Some((*at, said)),
                Poll::Pending => None,
            });
            said.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    async fn accept(&mut self) -> Result<Channel, NextError> {
        loop {
            if let (true, Some(over)) = (self.listeners.is_empty(), &self.over) {
                return Err(over.clone());
            }
            let (at, said) = self.first().await;
            self.turn = at + 1;
            match said {
                Err(error) if error.is_final => {
                    tracing::error!(list = %self.list, %error, "a member is over");
                    drop(self.listeners.remove(at));
                    self.over = Some(error);
                }
                said => return said,
            }
        }
    }
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(self.accept())
    }

    fn endpoint(&self) -> &Endpoint {
        &self.list
    }
}
