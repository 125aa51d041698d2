//! Broken in framing: codecs on a sound transport, and transports that break only who keeps part of a packet.

mod codecs;

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use listenrain::buffer::ReadBuffer;
use listenrain::{ChannelRead, NativePackets};

use self::codecs::{
    AllocatesAClaim, CountsItsHeader, DislikesTheUnknown, DropsAHalf, ForgetsALoneByte, Hides,
    LimitIsExclusive, LimitIsOffByOne, LosesPatience, SearchesForAHeader, ShortensIds, TakesAPartForGarbage,
    TakesAReadForAPacket, TakesNothingForMissing, with_codec,
};
use super::Control;
use super::flaws::{ReadFlaw, deliver, read_piece, with_reads};

pub(super) const CONTROLS: &[Control] = &[
    Control::new("takes-nothing-for-missing", "F01", "an empty packet waits for the next one", || {
        with_codec(|_| TakesNothingForMissing)
    }),
    Control::new("forgets-a-lone-byte", "F02", "a packet of one byte is encoded as an empty one", || {
        with_codec(|_| ForgetsALoneByte)
    }),
    Control::new("counts-its-header", "F03", "the limit of a payload is taken for that of a packet", || {
        with_codec(|max| CountsItsHeader { max })
    }),
    Control::new("limit-is-exclusive", "F04", "a packet as long as may be is refused", || {
        with_codec(|max| LimitIsExclusive { max })
    }),
    Control::new(
        "reads-more-than-fits",
        "F04",
        "of 4 KiB that are read, what does not fit into the room that is offered is lost",
        || with_reads(ReadsMoreThanFits::default),
    ),
    Control::new("limit-is-off-by-one", "F05", "a packet of one byte more than may be passes", || {
        with_codec(|_| LimitIsOffByOne)
    }),
    Control::new("takes-a-part-for-garbage", "F06", "part of a header is malformed", || {
        with_codec(|_| TakesAPartForGarbage)
    }),
    Control::new(
        "expects-an-empty-buffer",
        "F06",
        "a read loses a byte when its buffer still holds some",
        || with_reads(|| ExpectsAnEmptyBuffer),
    ),
    Control::new("takes-a-read-for-a-packet", "F07", "what has come behind a packet is lost", || {
        with_codec(|_| TakesAReadForAPacket)
    }),
    Control::new("drops-a-half", "F08", "part of a packet that has come behind a whole one is lost", || {
        with_codec(|_| DropsAHalf)
    }),
    Control::new("searches-for-a-header", "F09", "what is no packet is skipped", || {
        with_codec(|_| SearchesForAHeader)
    }),
    Control::new("dislikes-the-unknown", "F10", "a packet of an unknown kind is malformed", || {
        with_codec(|_| DislikesTheUnknown)
    }),
    Control::new("hides-half-a-header", "F11", "a codec keeps part of a header to itself", || {
        with_codec(|_| Hides::parts_of(1..NativePackets::HEADER))
    }),
    Control::new("hides-a-whole-header", "F12", "a codec keeps part of a payload to itself", || {
        with_codec(|_| Hides::parts_of(NativePackets::HEADER..usize::MAX))
    }),
    Control::new("loses-patience", "F13", "a packet that is looked at 64 times is malformed", || {
        with_codec(|_| LosesPatience::default())
    }),
    Control::new("shortens-ids", "F14", "of an id only 40 bits are encoded", || with_codec(|_| ShortensIds)),
    Control::new("allocates-a-claim", "F15", "a claimed length is allocated, and kept", || {
        with_codec(|_| AllocatesAClaim::default())
    }),
];

#[derive(Default)]
struct ReadsMoreThanFits {
    held: Bytes,
}

impl ReadFlaw for ReadsMoreThanFits {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        const ONE_READ: usize = 4 << 10;
        if self.held.is_empty() {
            self.held = ready!(read_piece(below, cx))?;
        }
        let mut read = self.held.split_to(self.held.len().min(ONE_READ));
        let mut room = into.spare();
        read.truncate(room.remaining_mut());
        room.put_slice(&read);
        Poll::Ready(Ok(read.len()))
    }
}

struct ExpectsAnEmptyBuffer;

impl ReadFlaw for ExpectsAnEmptyBuffer {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let mut piece = ready!(read_piece(below, cx))?;
        if !into.is_empty() && piece.len() > 1 {
            piece.truncate(piece.len() - 1);
        }
        deliver(piece, into)
    }
}
