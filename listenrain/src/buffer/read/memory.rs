//! Memory of a read buffer, as a link accounts for it.

use super::ReadBuffer;

impl ReadBuffer {
    /// Bytes of memory that it keeps: its buffers, those that slices taken from it keep alive, and its chunks.
    pub(crate) fn held(&mut self) -> usize {
        self.held_else() + self.held_shared()
    }

    /// Those of its shared buffers. It looks at each of them.
    pub(crate) fn held_shared(&mut self) -> usize {
        self.shared.held()
    }

    /// All others.
    #[inline]
    pub(crate) fn held_else(&self) -> usize {
        let own = if self.whole.is_some() { self.open.capacity() } else { 0 };
        own + self.chunk_bytes
    }

    /// Whether the next read takes no more memory than there is.
    #[inline]
    pub(crate) fn needs_nothing(&self) -> bool {
        self.whole.is_none() && self.chunks.is_empty() && !self.was_filled()
    }

    /// Bytes of memory that the next read will take for an expected packet.
    pub(crate) fn next_own_step(&self) -> usize {
        self.next_own_size().map_or(0, |size| size - self.open.capacity())
    }

    /// Whether chunks that were moved in wait: what comes behind them is in memory before it is read.
    pub(crate) fn has_chunks(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// Bytes of memory that the next read would like to take for a larger shared buffer.
    pub(crate) fn next_shared_step(&self) -> usize {
        if self.whole.is_none() && self.was_filled() { self.shared.next_step() } else { 0 }
    }

    /// With `lean` it takes no more memory than it must: the shared buffer does not grow, and nothing is sliced out of it.
    pub(crate) fn set_lean(&mut self, lean: bool) {
        self.shared.is_lean = lean;
    }

    /// Gives back what it does not need while nothing comes.
    pub(crate) fn shrink(&mut self) {
        if self.whole.is_none() && self.open.is_empty() {
            self.shared.park(std::mem::take(&mut self.open));
            self.shared.shrink();
        }
        self.chunks.shrink_to_fit();
        // The room that was offered last is gone.
        self.offered = 0;
    }
}
