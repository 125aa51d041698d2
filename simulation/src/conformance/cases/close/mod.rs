//! Group C: how a channel ends.

mod broken;
mod orderly;
mod seen;

use crate::conformance::case::Need;
use crate::conformance::case::cases;
use crate::faults::Hardship::{CoalescedWrites, PendingStorms, ShortWrites};

cases! {
    /// What was written and not flushed is read before the end that a shutdown makes, and what was flushed before the
    /// end that a drop makes.
    C01 close_implies_flush: 0, orderly::close_implies_flush, [RustLibP2pMuxer],
        is_swapped: true, hardships: &[CoalescedWrites, ShortWrites];
    /// After one direction has ended the other one goes on, and ends on its own.
    C02 read_after_write_shutdown: 0, orderly::read_after_write_shutdown, [RustLibP2pMuxer, LibP2pTransport, Netty, GoNet],
        needs: &[Need::HalfClose], is_swapped: true, hardships: &[PendingStorms];
    /// The end stays the end, however often it is asked for, and whatever the peer does afterwards.
    C03 eof_sticky: 0, orderly::eof_sticky, [Netty], is_swapped: true, hardships: &[PendingStorms];
    /// Writing to a peer that is gone fails within 64 MiB, as a broken pipe or a reset, and goes on failing.
    C04 write_after_peer_close: 0, broken::write_after_peer_close, [LibP2pTransport, RustLibP2pQuic, Turmoil],
        is_swapped: true;
    /// After a shutdown every write fails at once, and no byte of it arrives.
    C05 write_after_local_shutdown: 0, orderly::write_after_local_shutdown, [GoNet, Netty], is_swapped: true;
    /// An abort, which here is a local close while others wait, wakes the waiting read; the read and a waiting write
    /// then fail. (Dropping both halves leaves no task that could wait.)
    C06 local_close_unblocks: 0, broken::local_close_unblocks, [Nettest],
        needs: &[Need::Abort], is_swapped: true, hardships: &[PendingStorms];
    /// The peer of an abort reads an error, not an orderly end, and its writes fail; so too after a shutdown.
    C07 abort_is_reset: 1, broken::abort_is_reset, [Netty, LibP2pMuxer],
        needs: &[Need::Abort], is_swapped: true, hardships: &[PendingStorms];
    /// Who drops a channel with bytes unread never lets its peer believe that they arrived: the peer's write fails, and
    /// with the capability `abort` its read does too, without an orderly end before.
    C08 drop_with_unread: 1, broken::drop_with_unread, [Turmoil], is_swapped: true;
    /// All that was flushed before a close is read before the end, whichever of the reader and the close is first.
    C09 data_before_fin_delivered: 0, orderly::data_before_fin_delivered, [Netty, LibP2pIntegration],
        is_swapped: true, hardships: &[CoalescedWrites, PendingStorms];
    /// Closing twice is as good as once, and closing what is broken does not panic: shutdown, abort, flush and write in
    /// every order.
    C10 double_close: 0, broken::double_close, [GoNet, Netty], is_swapped: true;
    /// A peer that dies inside a frame, at any byte of it, gives its reader a truncated frame, never a whole one.
    C11 truncation_detect: 0, seen::truncation_detect, [Autobahn], hardships: &[ShortWrites];
    /// A connection of the library on top works, recovers when its channel and the listener are gone, and works again
    /// when there is a listener. (A channel has no flag of its own: its polls are what tells.)
    C12 is_active_transitions: 1, seen::is_active_transitions, [Own];
    /// A shutdown behind a full window waits for the peer or returns, but loses nothing; a drop returns at once, and
    /// then the peer reads all of it or an error.
    C13 linger_close: 2, orderly::linger_close, [Netty], is_swapped: true, hardships: &[CoalescedWrites];
}
