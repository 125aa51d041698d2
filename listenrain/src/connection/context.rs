//! Context of a call in flight.

use tokio::time::Instant;

use crate::packet::Payload;
use crate::primitives::budget::Place;
use crate::primitives::lanes::OnLane;
use crate::primitives::traffic::Placed;
use crate::queued::Room;

/// What the in-flight table knows of a waiting call. It lies on the heap, since it changes hands as often as its packet.
#[derive(Debug)]
pub(crate) struct Context {
    pub(super) at: OnLane,
    /// How many requests had left on the same channel before it.
    pub(super) number: u64,
    /// Its room, once its packet has left the queue; until then the packet holds it.
    pub(super) room: Room,
    /// Where it stands in line for room, as long as it does.
    pub(super) line: Option<InLine>,
    pub(super) deadline: Instant,
    /// What has left, to be sent again where the peer says that it never took it.
    pub(super) payload: Option<Payload>,
    /// Channels that were lost while it was being written.
    pub(super) lost_channels: u32,
}

impl Placed for Box<Context> {
    fn at(&mut self) -> &mut OnLane {
        &mut self.at
    }
}

/// A wait for room.
#[derive(Debug, Clone, Copy)]
pub(super) enum InLine {
    ForPlace(Place),
    ForMemory(Place),
}

impl Context {
    /// Of a call that is to leave on `lane`.
    pub(super) fn queued(lane: usize, deadline: Instant) -> Box<Self> {
        Box::new(Self {
            at: OnLane::queued(lane),
            number: 0,
            room: Room::default(),
            line: None,
            deadline,
            payload: None,
            lost_channels: 0,
        })
    }
}
