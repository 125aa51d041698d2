//! Group C: how a channel ends.

mod broken;
mod orderly;
mod seen;

use crate::conformance::case::Case;
use crate::conformance::case::Need;
use crate::conformance::case::Source::{
    Autobahn, GoNet, LibP2pIntegration, LibP2pMuxer, LibP2pTransport, Nettest, Netty, Own, RustLibP2pMuxer,
    RustLibP2pQuic, Turmoil,
};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "C01",
        "close_implies_flush",
        0,
        "What was written and not flushed is read before the end that a shutdown makes, and what was flushed before the \
         end that a drop makes.",
        |bed| Box::pin(orderly::close_implies_flush(bed)),
    )
    .from(&[RustLibP2pMuxer])
    .swapped(),
    Case::new(
        "C02",
        "read_after_write_shutdown",
        0,
        "After one direction has ended the other one goes on, and ends on its own.",
        |bed| Box::pin(orderly::read_after_write_shutdown(bed)),
    )
    .from(&[RustLibP2pMuxer, LibP2pTransport, Netty, GoNet])
    .needs(&[Need::HalfClose])
    .swapped(),
    Case::new(
        "C03",
        "eof_sticky",
        0,
        "The end stays the end, however often it is asked for, and whatever the peer does afterwards.",
        |bed| Box::pin(orderly::eof_sticky(bed)),
    )
    .from(&[Netty])
    .swapped(),
    Case::new(
        "C04",
        "write_after_peer_close",
        0,
        "Writing to a peer that is gone fails within 64 MiB, as a broken pipe or a reset, and goes on failing.",
        |bed| Box::pin(broken::write_after_peer_close(bed)),
    )
    .from(&[LibP2pTransport, RustLibP2pQuic, Turmoil])
    .swapped(),
    Case::new(
        "C05",
        "write_after_local_shutdown",
        0,
        "After a shutdown every write fails at once, and no byte of it arrives.",
        |bed| Box::pin(orderly::write_after_local_shutdown(bed)),
    )
    .from(&[GoNet, Netty])
    .swapped(),
    Case::new(
        "C06",
        "local_close_unblocks",
        0,
        "An abort, which here is a local close while others wait, wakes the waiting read; the read and a waiting write \
         then fail. (Dropping both halves leaves nobody who could wait.)",
        |bed| Box::pin(broken::local_close_unblocks(bed)),
    )
    .from(&[Nettest])
    .needs(&[Need::Abort])
    .swapped(),
    Case::new(
        "C07",
        "abort_is_reset",
        1,
        "The peer of an abort reads an error, not an orderly end, and its writes fail; so too after a shutdown.",
        |bed| Box::pin(broken::abort_is_reset(bed)),
    )
    .from(&[Netty, LibP2pMuxer])
    .needs(&[Need::Abort])
    .swapped(),
    Case::new(
        "C08",
        "drop_with_unread",
        1,
        "Who drops a channel with bytes unread never lets its peer believe that they arrived: the peer's write fails, and \
         with the capability `abort` its read does too, without an orderly end before.",
        |bed| Box::pin(broken::drop_with_unread(bed)),
    )
    .from(&[Turmoil])
    .swapped(),
    Case::new(
        "C09",
        "data_before_fin_delivered",
        0,
        "All that was flushed before a close is read before the end, whichever of the reader and the close is first.",
        |bed| Box::pin(orderly::data_before_fin_delivered(bed)),
    )
    .from(&[Netty, LibP2pIntegration])
    .swapped(),
    Case::new(
        "C10",
        "double_close",
        0,
        "Closing twice is as good as once, and closing what is broken does not panic: shutdown, abort, flush and write in \
         every order.",
        |bed| Box::pin(broken::double_close(bed)),
    )
    .from(&[GoNet, Netty])
    .swapped(),
    Case::new(
        "C11",
        "truncation_detect",
        0,
        "A peer that dies inside a frame, at any byte of it, gives its reader a truncated frame, never a whole one.",
        |bed| Box::pin(seen::truncation_detect(bed)),
    )
    .from(&[Autobahn]),
    Case::new(
        "C12",
        "is_active_transitions",
        1,
        "A connection of the library on top works, recovers when its channel and the listener are gone, and works again \
         when there is a listener. (A channel has no flag of its own: its polls are what tells.)",
        |bed| Box::pin(seen::is_active_transitions(bed)),
    )
    .from(&[Own]),
    Case::new(
        "C13",
        "linger_close",
        2,
        "A shutdown behind a full window waits for the peer or returns, but loses nothing; a drop returns at once, and \
         then the peer reads all of it or an error.",
        |bed| Box::pin(orderly::linger_close(bed)),
    )
    .from(&[Netty])
    .swapped()
];
