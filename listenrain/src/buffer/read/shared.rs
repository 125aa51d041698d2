//! The shared buffer of small packets, and those before it that slices keep alive.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::ReadBuffer;

/// How large the shared buffer is, and what became of those that were full. The buffer itself is with the reader, or parked
/// while a large packet is read.
#[derive(Debug)]
pub(super) struct Shared {
    /// How large it is when it is made anew.
    pub(super) size: usize,
    /// Memory of the present one.
    allocated: usize,
    /// The present one, while the reader reads a large packet.
    parked: BytesMut,
    /// Those before it, each with its memory, that were full while slices of them were held.
    pub(super) retired: VecDeque<(BytesMut, usize)>,
    /// Take no more memory than must be.
    pub(super) is_lean: bool,
}

/// A channel that is quiet or slow needs no more.
const FIRST: usize = 16 * 1024;
/// The room of the first read, and of the first one after a rest: some halves need room to be asked at all, and most channels
/// rest most of the time.
const RESTING: usize = 1024;
/// With as many buffers that slices keep alive, small packets are copied.
pub(super) const MOST_RETIRED: usize = 4;

impl Default for Shared {
    fn default() -> Self {
        Self {
            size: RESTING,
            allocated: 0,
            parked: BytesMut::new(),
            retired: VecDeque::new(),
            is_lean: false,
        }
    }
}

impl Shared {
    /// Less room than this is not worth a read.
    pub(super) fn worth_a_read(&self) -> usize {
        self.size / 4
    }

    /// Only reads that fill their room make it grow, so that a thousand quiet channels stay small.
    pub(super) fn grow(&mut self) {
        if !self.is_lean {
            self.size += self.next_step();
        }
    }

    pub(super) fn next_step(&self) -> usize {
        (self.size * 2).min(ReadBuffer::MAX_READ) - self.size
    }

    /// Something has come.
    pub(super) fn wake(&mut self) {
        self.size = self.size.max(FIRST);
    }

    /// Whether a slice would keep too much alive.
    pub(super) fn must_copy(&mut self) -> bool {
        if self.retired.len() >= MOST_RETIRED {
            // Those that were too small to be used again may be free by now.
            self.let_go();
        }
        self.is_lean || self.retired.len() >= MOST_RETIRED
    }

    /// Memory that is kept alive.
    pub(super) fn held(&mut self) -> usize {
        self.let_go();
        self.allocated + self.retired.iter().map(|(_, allocated)| allocated).sum::<usize>()
    }

    /// Makes room for `at_least` bytes behind what waits in `open`, the present buffer.
    pub(super) fn make_room(&mut self, open: &mut BytesMut, at_least: usize) {
        let room = open.capacity() - open.len();
        if room > 0 && room >= at_least {
            return;
        }
        // What waits may fill a whole shared buffer by itself, and the next read needs room behind it.
        let need = at_least.max(self.worth_a_read()).max(1);
        let wanted = if self.is_lean { FIRST } else { self.size };
        let size = wanted.max((open.len() + need).next_power_of_two());
        if self.allocated >= wanted && open.try_reclaim(need) {
            return;
        }
        let (mut fresh, allocated) =
            self.reuse(open.len() + need).unwrap_or_else(|| (BytesMut::with_capacity(size), size));
        fresh.extend_from_slice(open);
        open.clear();
        let full = std::mem::replace(open, fresh);
        let was = std::mem::replace(&mut self.allocated, allocated);
        self.retire(full, was);
    }

    /// A retired buffer that no slice reads any more.
    fn reuse(&mut self, need: usize) -> Option<(BytesMut, usize)> {
        let size = self.size;
        let is_free = |(buffer, allocated): &mut (BytesMut, usize)| {
            (size..=2 * size).contains(allocated) && buffer.try_reclaim(need)
        };
        let at = self.retired.iter_mut().position(is_free)?;
        self.retired.remove(at)
    }

    fn retire(&mut self, mut full: BytesMut, allocated: usize) {
        if allocated > 0 && !is_free(&mut full, allocated) {
            self.retired.push_back((full, allocated));
        }
    }

    /// Lets go of retired buffers that no slice keeps alive, but for one that is used again.
    fn let_go(&mut self) {
        let mut spared = false;
        self.retired.retain_mut(|(buffer, allocated)| {
            if !is_free(buffer, *allocated) {
                return true;
            }
            !std::mem::replace(&mut spared, true)
        });
    }

    /// The reader reads a large packet elsewhere, and has left nothing in the present buffer.
    pub(super) fn park(&mut self, present: BytesMut) {
        self.parked = present;
    }

    pub(super) fn unpark(&mut self) -> BytesMut {
        std::mem::take(&mut self.parked)
    }

    /// `open` was a packet's own buffer and is the present one from now on.
    pub(super) fn adopt(&mut self, open: &BytesMut) {
        let (parked, was) = (self.unpark(), std::mem::replace(&mut self.allocated, open.capacity()));
        self.retire(parked, was);
    }

    /// Nothing waits, and the present buffer is parked: keeps no memory but what slices keep alive.
    pub(super) fn shrink(&mut self) {
        self.size = RESTING;
        let (parked, was) = (self.unpark(), std::mem::take(&mut self.allocated));
        self.retire(parked, was);
        self.retired.retain_mut(|(buffer, allocated)| !is_free(buffer, *allocated));
        self.retired.shrink_to_fit();
    }
}

/// Whether no slice of `buffer`, which has this much memory, is held.
fn is_free(buffer: &mut BytesMut, allocated: usize) -> bool {
    buffer.is_empty() && buffer.try_reclaim(allocated)
}
