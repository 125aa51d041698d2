//! Broken in framing: codecs on a sound transport, and transports that break only who keeps part of a packet.

mod codecs;

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use listenrain::buffer::ReadBuffer;
use listenrain::{ChannelRead, NativePackets};

use self::codecs::{
    AllocatesAClaim, ChangesDeadlines, CountsItsHeader, DislikesTheUnknown, DropsAHalf, ForgetsALoneByte,
    Hides, LimitIsExclusive, LimitIsOffByOne, LosesPatience, SearchesForAHeader, ShortensIds,
    TakesAPartForGarbage, TakesAReadForAPacket, TakesNothingForMissing, with_codec,
};
use super::Control;
use super::flaws::{ReadFlaw, deliver, read_piece, with_reads};

pub(super) const CONTROLS: &[Control] = &[
    Control::new("takes-nothing-for-missing", "F01", "an empty packet waits for the next one", || {
        with_codec(|_| TakesNothingForMissing)
    })
    .fails("instead of the rest of a packet, 20 bytes of which have come, there was Ok(0)"),
    Control::new("forgets-a-lone-byte", "F02", "a packet of one byte is encoded as an empty one", || {
        with_codec(|_| ForgetsALoneByte)
    })
    .fails("a request of 1 bytes with id 0x1 and deadline None became a request of 0 bytes"),
    Control::new("counts-its-header", "F03", "the limit of a payload is taken for that of a packet", || {
        with_codec(|max| CountsItsHeader { max })
    })
    .fails("packet of 999 bytes is longer than the limit of 980"),
    Control::new("limit-is-exclusive", "F04", "a packet as long as may be is refused", || {
        with_codec(|max| LimitIsExclusive { max })
    })
    .fails("packet of 1000 bytes is longer than the limit of 999"),
    Control::new(
        "reads-more-than-fits",
        "F04",
        "of 4 KiB that are read, what does not fit into the room that is offered is lost",
        || with_reads(ReadsMoreThanFits::default),
    )
    .fails("instead of a request of 300 bytes with id 0x2 and deadline None came Err("),
    Control::new("limit-is-off-by-one", "F05", "a packet of one byte more than may be passes", || {
        with_codec(|_| LimitIsOffByOne)
    })
    .fails("encoding 1001 bytes where 1000 are allowed gave Ok(())"),
    Control::new("takes-a-part-for-garbage", "F06", "part of a header is malformed", || {
        with_codec(|_| TakesAPartForGarbage)
    })
    .fails("part of a packet gives Err(Malformed(\"a header of 1 bytes\"))"),
    Control::new(
        "expects-an-empty-buffer",
        "F06",
        "a read loses a byte when its buffer still holds some",
        || with_reads(|| ExpectsAnEmptyBuffer),
    )
    .hangs("an accepted end reads (after 319 bytes)"),
    Control::new("takes-a-read-for-a-packet", "F07", "what has come behind a packet is lost", || {
        with_codec(|_| TakesAReadForAPacket)
    })
    .fails("(1, 1) together: all of a request of 1 bytes with id 0x2 and deadline None has come"),
    Control::new("drops-a-half", "F08", "part of a packet that has come behind a whole one is lost", || {
        with_codec(|_| DropsAHalf)
    })
    .fails("cut at 1: instead of a request of 3000 bytes"),
    Control::new("searches-for-a-header", "F09", "what is no packet is skipped", || {
        with_codec(|_| SearchesForAHeader)
    })
    .fails("bytes that waited became 0"),
    Control::new("dislikes-the-unknown", "F10", "a packet of an unknown kind is malformed", || {
        with_codec(|_| DislikesTheUnknown)
    })
    .fails("came Err(Malformed(\"there is no kind 200\"))"),
    Control::new("hides-half-a-header", "F11", "a codec keeps part of a header to itself", || {
        with_codec(|_| Hides::parts_of(1..NativePackets::HEADER))
    })
    .fails("a server: giving up a peer that sends its header byte by byte took longer than 3 s"),
    Control::new("hides-a-whole-header", "F12", "a codec keeps part of a payload to itself", || {
        with_codec(|_| Hides::parts_of(NativePackets::HEADER..usize::MAX))
    })
    .fails(
        "the call ended with Err(Lost { sent: Maybe, cause: PeerClosed }), expected Lost because of a stream",
    ),
    Control::new("loses-patience", "F13", "a packet that is looked at 64 times is malformed", || {
        with_codec(|_| LosesPatience::default())
    })
    .fails("requests: a dialled end: writing failed after 106 bytes were taken: ConnectionReset"),
    Control::new("shortens-ids", "F14", "of an id only 40 bits are encoded", || with_codec(|_| ShortensIds))
        .fails("with another id, a"),
    Control::new("halves-deadlines", "F14", "of a deadline only the half is encoded", || {
        with_codec(|_| ChangesDeadlines(|deadline| Some(deadline / 2)))
    })
    .fails("with another deadline, a"),
    Control::new("allocates-a-claim", "F15", "a claimed length is allocated, and kept", || {
        with_codec(|_| AllocatesAClaim::default())
    })
    .fails("bytes were held where 16793536 are enough"),
    Control::new(
        "takes-little-time-for-none",
        "F16",
        "a deadline of less than 1 ms is encoded as none",
        || with_codec(|_| ChangesDeadlines(|deadline| (deadline.as_millis() > 0).then_some(deadline))),
    )
    .fails("on the wire: the codec tells deadlines, and of a call there came None"),
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
