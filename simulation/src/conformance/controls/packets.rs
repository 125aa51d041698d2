//! Transports that look into the native packets which they carry, as none should.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use listenrain::ChannelRead;
use listenrain::buffer::ReadBuffer;

use super::flaws::{ReadFlaw, deliver, flawed_read, read_piece, with_channels};
use crate::conformance::Subject;

pub(super) const REQUEST: u8 = 1;
pub(super) const REPLY: u8 = 2;
pub(super) const ERROR: u8 = 3;
pub(super) const REFUSED: u8 = 4;
pub(super) const CANCEL: u8 = 7;

/// One whole packet on its way to its reader.
pub(super) struct Passing {
    /// Which end of a channel reads it: each has a number of its own.
    pub(super) reader: u64,
    pub(super) bytes: BytesMut,
}

impl Passing {
    const HEADER: usize = 20;

    pub(super) fn kind(&self) -> u8 {
        self.bytes[1]
    }

    pub(super) fn is_answer(&self) -> bool {
        matches!(self.kind(), REPLY | ERROR | REFUSED)
    }

    pub(super) fn id(&self) -> u64 {
        [8, 9, 10, 11, 12, 13, 14, 15].iter().fold(0, |id, at| id << 8 | u64::from(self.bytes[*at]))
    }

    pub(super) fn set_id(&mut self, id: u64) {
        self.bytes[8..16].copy_from_slice(&id.to_be_bytes());
    }
}

/// What becomes of packets on their way.
pub(super) trait PacketFlaw: Send + 'static {
    /// Appends to `onward` what goes on instead of `packet`.
    fn pass(&mut self, packet: Passing, onward: &mut BytesMut) -> io::Result<()>;

    /// The stream ends with part of a packet.
    fn cut(&mut self, part: &mut BytesMut) {
        let _ = part;
    }
}

impl<F: FnMut(Passing, &mut BytesMut) -> io::Result<()> + Send + 'static> PacketFlaw for F {
    fn pass(&mut self, packet: Passing, onward: &mut BytesMut) -> io::Result<()> {
        self(packet, onward)
    }
}

/// The sound transport, all of whose channels give their packets to `flaw`. What is no native packet goes on as it is.
pub(super) fn with_packets(flaw: impl PacketFlaw) -> Subject {
    let (flaw, readers) = (Arc::new(Mutex::new(flaw)), AtomicU64::new(0));
    with_channels(move |_, channel| {
        let reader = readers.fetch_add(1, Ordering::Relaxed);
        flawed_read(channel, Looking { reader, flaw: flaw.clone(), held: BytesMut::new(), is_foreign: false })
    })
}

struct Looking<F> {
    reader: u64,
    flaw: Arc<Mutex<F>>,
    /// The beginning of a packet.
    held: BytesMut,
    /// Something came that is no native packet.
    is_foreign: bool,
}

impl<F: PacketFlaw> ReadFlaw for Looking<F> {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            let piece = ready!(read_piece(below, cx))?;
            let mut flaw = self.flaw.lock().unwrap_or_else(PoisonError::into_inner);
            if piece.is_empty() {
                if !self.is_foreign && !self.held.is_empty() {
                    flaw.cut(&mut self.held);
                }
                return deliver(self.held.split(), into);
            }
            self.held.extend_from_slice(&piece);
            let mut onward = BytesMut::new();
            while let Some(bytes) = next_packet(&mut self.held, &mut self.is_foreign) {
                flaw.pass(Passing { reader: self.reader, bytes }, &mut onward)?;
            }
            if self.is_foreign {
                onward.unsplit(self.held.split());
            }
            if !onward.is_empty() {
                return deliver(onward, into);
            }
        }
    }
}

/// The packet at the front, if it is there as a whole.
fn next_packet(held: &mut BytesMut, is_foreign: &mut bool) -> Option<BytesMut> {
    let first = held.first()?;
    // Numbers of more than three bytes would be lengths that no case has.
    let is_like = *first == 0x4C
        && held.get(1).is_none_or(|kind| (1..=9).contains(kind))
        && held.get(4).is_none_or(|high| *high == 0);
    *is_foreign |= !is_like;
    if *is_foreign || held.len() < Passing::HEADER {
        return None;
    }
    let length = u32::from_be_bytes([4, 5, 6, 7].map(|at| held[at])) as usize;
    (held.len() >= Passing::HEADER + length).then(|| held.split_to(Passing::HEADER + length))
}
