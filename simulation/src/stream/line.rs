//! Delay, bandwidth and stalls of one direction.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::wire::Wire;
use crate::faults::FaultKind;
use crate::random::Random;

/// Bytes in order, each piece with the time at which it may come out.
#[derive(Debug)]
pub(super) struct Line {
    pieces: VecDeque<(Duration, Bytes)>,
    len: usize,
    /// When the last piece has passed what is as slow as the bandwidth says.
    free: Duration,
    last: Duration,
    /// The kinds that hold this direction up.
    stalls: [FaultKind; 2],
    random: Random,
}

/// Most bytes that wait; at the limit nothing more is taken in. Since a kernel too holds some.
pub(super) const CAPACITY: usize = 64 * 1024;

/// What comes within as long arrives as one, where writes are merged.
const TOGETHER: Duration = Duration::from_millis(5);

/// Pieces of what passes slowly: as many bytes as pass in this time.
const PIECES_PER_SECOND: u64 = 50;

impl Line {
    /// One that the fault `stall`, or one to both directions, holds up.
    pub(super) fn new(stall: FaultKind, random: Random) -> Self {
        Self {
            pieces: VecDeque::new(),
            len: 0,
            free: Duration::ZERO,
            last: Duration::ZERO,
            stalls: [stall, FaultKind::StallBoth],
            random,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.len < CAPACITY
    }

    /// Takes `bytes` in, and says when they will come out.
    pub(super) fn push(&mut self, wire: &Wire, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let (piece, free) = self.pass(wire, &mut bytes);
            let due = (free + self.delay(wire)).max(self.last);
            (self.last, self.free) = (due, free);
            self.len += piece.len();
            self.pieces.push_back((due, piece));
        }
    }

    /// Puts back at the front what could not be delivered.
    pub(super) fn untake(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.pieces.push_front((Duration::ZERO, bytes));
        }
    }

    /// What may come out now.
    pub(super) fn take(&mut self, wire: &Wire) -> Option<Bytes> {
        if self.is_empty() || self.is_stalled(wire) {
            return None;
        }
        let now = wire.run.now();
        let due = self.pieces.iter().take_while(|(due, _)| *due <= now).count();
        match due {
            0 => None,
            1 => self.pieces.pop_front().map(|(_, piece)| self.came_out(piece)),
            _ => {
                let mut together = BytesMut::new();
                self.pieces.drain(..due).for_each(|(_, piece)| together.extend_from_slice(&piece));
                Some(self.came_out(together.freeze()))
            }
        }
    }

    /// When to look again; `None` where nothing waits for time.
    pub(super) fn next(&self, wire: &Wire) -> Option<Duration> {
        let (due, _) = self.pieces.front()?;
        (*due > wire.run.now()).then_some(*due)
    }

    fn came_out(&mut self, bytes: Bytes) -> Bytes {
        self.len -= bytes.len();
        bytes
    }

    fn is_stalled(&self, wire: &Wire) -> bool {
        let stall = self.stalls.into_iter().find_map(|kind| wire.amount(kind)).filter(|_| wire.is_ours());
        stall.is_some_and(|(fault, _)| {
            wire.fired(fault, false);
            true
        })
    }

    /// The front of `bytes` that passes at once, and when it has passed.
    fn pass(&self, wire: &Wire, bytes: &mut Bytes) -> (Bytes, Duration) {
        let now = wire.run.now();
        let Some((fault, per_second)) = wire.amount(FaultKind::Bandwidth).filter(|_| wire.is_ours()) else {
            return (bytes.split_to(bytes.len()), now.max(self.free));
        };
        let per_second = per_second.max(1);
        let piece = (per_second / PIECES_PER_SECOND).max(1) as usize;
        let piece = bytes.split_to(piece.min(bytes.len()));
        wire.fired(fault, false);
        let takes = Duration::from_micros(piece.len() as u64 * 1_000_000 / per_second);
        let free = now.max(self.free) + takes;
        // What waits is let go when the fault is over.
        let run = &wire.run;
        let over = run.plan().faults[fault].ends(run.plan().heal());
        (piece, over.map_or(free, |over| free.min(over.max(now))))
    }

    /// How much later than it has passed a piece comes out.
    fn delay(&mut self, wire: &Wire) -> Duration {
        let mut delay = Duration::ZERO;
        if let Some((fault, millis)) = wire.amount(FaultKind::Delay).filter(|_| wire.is_ours()) {
            wire.fired(fault, false);
            delay += Duration::from_millis(millis / 2 + self.random.below(millis as usize / 2 + 1) as u64);
        }
        if let Some((fault, _)) = wire.amount(FaultKind::Coalesce) {
            wire.fired(fault, false);
            let (now, together) = (wire.run.now().as_micros() as u64, TOGETHER.as_micros() as u64);
            delay += Duration::from_micros(together - now % together);
        }
        delay
    }
}
