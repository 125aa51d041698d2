//! End of a link: its cause, and the packets that were not written.

use std::time::Duration;

use super::Unwritten;
use crate::channel::{ChannelEnd, OnEnd};
use crate::error::LinkError;
use crate::guard::guard;
use crate::packet::Goodbye;

/// How a link ended, and what it had taken from its outbox and not wholly handed to the channel.
#[derive(Debug)]
pub(crate) struct LinkEnd {
    pub(crate) cause: LinkError,
    /// Whether the peer has been sent anything.
    pub(crate) asked: bool,
    /// Whether the peer has sent anything.
    pub(crate) answered: bool,
    pub(crate) unwritten: Vec<Unwritten>,
}

impl LinkEnd {
    /// Tells the generator of the channel how it ended. That is code of the user's, whose panic ends nothing.
    pub(crate) fn tell(&self, ended: Option<OnEnd>, stay_away: Option<Duration>) {
        let Some(ended) = ended else { return };
        let Self { cause, asked, answered, .. } = self;
        let told = ChannelEnd { cause: cause.clone(), asked: *asked, answered: *answered, stay_away };
        if let Err(panic) = guard(|| ended(&told)) {
            tracing::debug!(panic, "a generator panicked when it was told of a channel's end");
        }
    }
}

/// What a link has to tell.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The peer takes nothing more on this channel. The link goes on when it is polled again.
    Goodbye(Goodbye),
    Ended(LinkEnd),
}
