//! Group H: what the library makes of channels that are lost: reconnecting, active/standby, the pool.

mod accounting;
mod backoff;
mod failover;
mod lost;
mod pool;
mod site;
mod tap;

use self::tap::Fate;
use crate::conformance::case::Case;
use crate::conformance::case::Source::{Nng, Own, ZeroMq};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "H01",
        "reconnect_after_reset",
        0,
        "A client whose channel is reset by its server dials again at once, without waiting for a call, and the next call \
         is answered.",
        |bed| Box::pin(lost::reconnect_after(bed, Fate::Reset)),
    )
    .from(&[Nng, ZeroMq]),
    Case::new(
        "H02",
        "reconnect_after_end",
        0,
        "The same when its server ends the channel in an orderly way.",
        |bed| Box::pin(lost::reconnect_after(bed, Fate::End)),
    )
    .from(&[Nng, ZeroMq]),
    Case::new(
        "H03",
        "reconnect_after_silence",
        0,
        "A client whose server says nothing any more, also no answer to a ping, gives the channel up and dials again: what \
         was called is told that it is lost, long before its own deadline, and the next call is answered.",
        |bed| Box::pin(lost::reconnect_after_silence(bed)),
    )
    .from(&[ZeroMq])
    .plain_only(),
    Case::new(
        "H04",
        "backoff_bounds",
        0,
        "Waits between failed dials double from the first to the cap, jitter takes at most half of one and makes them \
         differ, and after a channel that lasted they begin anew.",
        |bed| Box::pin(backoff::backoff_bounds(bed)),
    )
    .from(&[ZeroMq, Nng])
    .plain_only(),
    Case::new(
        "H05",
        "storm_limit",
        0,
        "However many call, nobody is dialled more often than the waits allow; calls are refused at once meanwhile, and \
         one dial answers all of them in the end.",
        |bed| Box::pin(backoff::storm_limit(bed)),
    )
    .from(&[Nng, Own])
    .plain_only(),
    Case::new(
        "H06",
        "failover_to_standby",
        0,
        "When the active server of a list dies, or was never alive, the first call after that is answered by the standby.",
        |bed| Box::pin(failover::failover_to_standby(bed)),
    )
    .from(&[Own]),
    Case::new(
        "H07",
        "standby_dead_too",
        0,
        "When both are dead, calls are refused at once by an error that names each; whichever comes back is used.",
        |bed| Box::pin(failover::standby_dead_too(bed)),
    )
    .from(&[Own])
    .plain_only(),
    Case::new(
        "H08",
        "active_returns",
        0,
        "A client that goes back eagerly does so when the active server returns, and no call is lost on the way, nor is a \
         channel left open.",
        |bed| Box::pin(failover::active_returns(bed)),
    )
    .from(&[Own])
    .plain_only(),
    Case::new(
        "H09",
        "flapping",
        0,
        "An active server that drops whatever it accepts is dialled no more often than its growing waits allow, and the \
         standby answers.",
        |bed| Box::pin(failover::flapping(bed)),
    )
    .from(&[Own])
    .plain_only(),
    Case::new(
        "H10",
        "pool_evicts",
        0,
        "A pool never gives a connection that is closed for all or down for good; one that a user lets go of goes on for \
         others, and one that is down for a while stays the only one, and works again.",
        |bed| Box::pin(pool::pool_evicts(bed)),
    )
    .from(&[Own])
    .plain_only(),
    Case::new(
        "H11",
        "failover_accounting",
        0,
        "Each of many calls that are under way when the active server dies has exactly one outcome, is executed at most \
         once, and never when it is told so; nothing is left in flight.",
        |bed| Box::pin(accounting::failover_accounting(bed)),
    )
    .from(&[Own]),
];
