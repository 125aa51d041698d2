//! The two pipes of one channel, which end together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use listenrain::{Channel, ChannelFacts};

use super::control::Faults;
use super::halves::{ReadHalf, WriteHalf};
use super::name::Name;
use super::pipe::{Limits, Pipe, Reset};

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Dialer,
    Listener,
}

/// Both directions of one channel.
#[derive(Debug)]
pub(super) struct Link {
    /// Towards each side, by [`Side`].
    towards: [Pipe; 2],
    /// What each side has let go of, by [`Side`].
    let_go: [AtomicUsize; 2],
    /// Held so that what a control has set lasts as long as a channel of the name.
    _name: Option<Arc<Name>>,
}

/// One half dropped.
const HALF: usize = 1;
/// The read half was dropped before all was read.
const UNREAD: usize = 1 << 2;

impl Link {
    /// Limits and faults are those of the pipes towards each side, by [`Side`].
    pub(super) fn new(name: Option<Arc<Name>>, limits: [Limits; 2], faults: [Faults; 2]) -> Arc<Self> {
        let ([to_dialer, to_listener], [dialer_faults, listener_faults]) = (limits, faults);
        Arc::new(Self {
            towards: [Pipe::new(to_dialer, dialer_faults), Pipe::new(to_listener, listener_faults)],
            let_go: Default::default(),
            _name: name,
        })
    }

    /// The channel as `side` has it; once for each side.
    pub(super) fn channel(self: &Arc<Self>, side: Side, facts: ChannelFacts) -> Channel {
        let read = ReadHalf { link: self.clone(), side, alarm: None };
        Channel::from_halves(read, WriteHalf { link: self.clone(), side }, facts)
    }

    /// The pipe that `side` reads from.
    pub(super) fn towards(&self, side: Side) -> &Pipe {
        &self.towards[side as usize]
    }

    /// The pipe that `side` writes to.
    pub(super) fn from(&self, side: Side) -> &Pipe {
        self.towards(side.other())
    }

    /// Breaks both directions at once.
    pub(super) fn reset(&self, by: Option<Side>) {
        for pipe in &self.towards {
            pipe.reset(Reset { by });
        }
    }

    pub(super) fn drop_read(&self, side: Side) {
        let unread = self.towards(side).leave();
        if self.is_lost(side, HALF + if unread { UNREAD } else { 0 }) {
            self.reset(Some(side));
        }
    }

    pub(super) fn drop_write(&self, side: Side) {
        if self.is_lost(side, HALF) {
            self.reset(Some(side));
        } else {
            self.from(side).end();
        }
    }

    /// Whether `side` is gone, now that it lets go of `what`, and has left bytes unread: the peer must not believe that
    /// they arrived.
    fn is_lost(&self, side: Side, what: usize) -> bool {
        let now = what + self.let_go[side as usize].fetch_add(what, Ordering::AcqRel);
        now & (2 * HALF) != 0 && now & UNREAD != 0
    }
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Listener,
            Self::Listener => Self::Dialer,
        }
    }
}
