//! Fault injection for the channels of a name.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::link::Side;
use super::name::Name;

/// What is wrong with one direction. By default nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Faults {
    /// Nothing arrives, not even the end; writing goes on until the buffer is full. A reset still arrives. Default:
    /// false.
    pub stalled: bool,
    /// How long each byte, and the end, is on its way, by tokio's clock; what is on its way takes room in the buffer.
    /// Default: zero. Changing it leaves alone what is on its way already.
    pub latency: Duration,
    /// Most bytes that one poll reads or writes; 0 counts as 1. Unit: bytes. Default: `None`, no limit. Chunks are
    /// split to obey it.
    pub bytes_per_poll: Option<usize>,
    /// How many more bytes the reader of a channel gets before the whole channel is reset; 0 counts as 1, see
    /// [`Control::cut`] for now. Unit: bytes. Default: `None`, never.
    pub cut_after: Option<u64>,
}

impl Faults {
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.latency.is_zero()).then(|| Instant::now() + self.latency)
    }

    pub(super) fn per_poll(&self) -> usize {
        self.bytes_per_poll.map_or(usize::MAX, |bytes| bytes.max(1))
    }

    /// The size above which a chunk has to be split, where one has to.
    pub(super) fn split(&self) -> Option<usize> {
        let cut = self.cut_after.map(|left| usize::try_from(left.max(1)).unwrap_or(usize::MAX));
        match (self.bytes_per_poll, cut) {
            (None, None) => None,
            (_, cut) => Some(self.per_poll().min(cut.unwrap_or(usize::MAX))),
        }
    }

    /// `bytes` went through; says whether they were the last ones.
    pub(super) fn passed(&mut self, bytes: usize) -> bool {
        let Some(left) = &mut self.cut_after else {
            return false;
        };
        *left = left.saturating_sub(bytes as u64);
        *left == 0
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the side that dialled to the side that accepted.
    ToListener,
    /// From the side that accepted to the side that dialled.
    ToDialer,
    /// Both.
    Both,
}

impl Direction {
    pub(super) fn sides(self) -> &'static [Side] {
        match self {
            Self::ToListener => &[Side::Listener],
            Self::ToDialer => &[Side::Dialer],
            Self::Both => &[Side::Listener, Side::Dialer],
        }
    }
}

/// A hold on every channel of one name, those that are open and those to come; from
/// [`InProcess::control`](super::InProcess::control). Cloning it gives another hold on the same channels.
#[derive(Debug, Clone)]
pub struct Control {
    name: Arc<Name>,
}

impl Control {
    pub(super) fn new(name: Arc<Name>) -> Self {
        Self { name }
    }

    /// Changes what is wrong in `direction`. `change` is applied to every open channel's own faults, and once to those
    /// that later channels start with. It must not use this control.
    pub fn change(&self, direction: Direction, change: impl Fn(&mut Faults)) {
        self.name.change(direction, change);
    }

    /// Nothing arrives in `direction` any more, until [`resume`](Self::resume).
    pub fn stall(&self, direction: Direction) {
        self.change(direction, |faults| faults.stalled = true);
    }

    /// What a [`stall`](Self::stall) held back arrives.
    pub fn resume(&self, direction: Direction) {
        self.change(direction, |faults| faults.stalled = false);
    }

    /// Resets every open channel now; both sides see `ConnectionReset`.
    pub fn cut(&self) {
        self.name.cut();
    }

    /// Whether dials are refused from now on, as if there were no listener. Channels that are open live on.
    pub fn refuse(&self, on: bool) {
        self.name.refuse(on);
    }

    /// How many channels of this name are open, on at least one side.
    #[must_use]
    pub fn open_channels(&self) -> usize {
        self.name.open_channels()
    }
}
