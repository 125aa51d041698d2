//! A request that was taken in, before a handler runs.

use tokio::time::Instant;

use super::line::InLine;
use crate::packet::Payload;
use crate::queued::Room;

/// A request that has come, with its room. Of its packet it has what is needed on: it is moved about, and up to 128 bytes are
/// moved without a call.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) id: u64,
    pub(super) payload: Payload,
    pub(super) is_call: bool,
    /// When its caller stops waiting, and when it ends for that reason, if it does.
    pub(super) deadline: Option<Instant>,
    pub(super) ends_at: Option<Instant>,
    pub(super) room: Room,
}

impl InLine for Accepted {
    fn id(&self) -> u64 {
        self.id
    }

    fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }
}
