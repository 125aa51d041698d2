//! Group G: requests and their replies, of clients and servers of the library.
//!
//! How calls end is tested in `listenrain/tests`. What stays here is what a transport can break in them: that the loss of
//! a channel is noticed on both sides, and that the next dial leads to a channel that works.

mod dial_log;
mod lines;
mod lost;
mod matching;
mod sides;

pub(super) use self::dial_log::DialLog;
pub(super) use self::sides::native;

use crate::conformance::case::Threads;
use crate::conformance::case::cases;
use crate::faults::Hardship::{OneByteReads, PendingStorms, ShortWrites};

cases! {
    /// 1, 10, 100 and 1,000 calls in flight at once each get their own reply: by an id in the packet, by one in the
    /// message, and by order.
    G01 ids_match: 0, matching::ids_match, [ZeroMq, Own],
        is_swapped: true, runtime: Threads::Two, only: &["tcp"], hardships: &[OneByteReads, PendingStorms];
    /// Replies in reverse and in a seeded order reach their calls, by an id in the packet and by one in the message.
    G02 out_of_order_replies: 0, matching::out_of_order, [ZeroMq], is_swapped: true, only: &["tcp"];
    /// When a channel is lost with many calls in flight, aborted or dropped by either side, each caller is told so at
    /// once, and once; and what the server says later reaches no caller.
    G10 connection_lost: 0, lost::connection_lost, [Nng, Own],
        is_swapped: true, runtime: Threads::Two, hardships: &[ShortWrites, PendingStorms];
    /// After a server has gone, a dial has failed and it has come back, calls that were made meanwhile and new ones are
    /// answered at the first try, and executed once.
    G11 reconnect: 0, lost::reconnect, [Nng, ZeroMq];
}
