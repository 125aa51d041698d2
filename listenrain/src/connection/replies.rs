//! Replies that have come and whose callers have not taken them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;

use crate::error::{CallError, Failure, Outcome};

/// How many bytes of replies wait to be taken, and how many may.
#[derive(Debug)]
pub(super) struct Replies {
    waiting: AtomicUsize,
    limit: usize,
}

/// A reply that waits to be taken.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Bytes,
    replies: Arc<Replies>,
}

impl Replies {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { waiting: AtomicUsize::new(0), limit })
    }

    /// Holds a reply until it is taken; one that does not fit becomes a failure, since the reader cannot wait. A reply
    /// larger than the whole limit is held alone.
    pub(super) fn hold(self: &Arc<Self>, bytes: Bytes) -> Outcome<Held> {
        let (size, limit) = (bytes.len(), self.limit);
        let waiting = self.waiting.fetch_add(size, Relaxed);
        let held = Held { bytes, replies: Arc::clone(self) };
        if waiting > 0 && waiting + size > limit {
            return Err(CallError::Failed(Failure::ReplyOverflow { size, waiting, limit }));
        }
        Ok(held)
    }
}

impl Held {
    /// The reply, which its caller holds from here on.
    pub(crate) fn take(mut self) -> Bytes {
        let bytes = std::mem::take(&mut self.bytes);
        self.replies.waiting.fetch_sub(bytes.len(), Relaxed);
        bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.replies.waiting.fetch_sub(self.bytes.len(), Relaxed);
    }
}
