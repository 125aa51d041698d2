//! Group G: requests and their replies, of clients and servers of the library.

mod lines;
mod lost;
mod matching;
mod outcomes;
mod peer;
mod retry;
mod sides;
mod strays;

use crate::conformance::case::Case;
use crate::conformance::case::Source::{Nng, Own, ZeroMq};
use crate::conformance::case::Threads;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "G01",
        "ids_match",
        0,
        "1, 10, 100 and 1,000 calls in flight at once each get their own reply: by an id in the packet, by one in the \
         message, and by order.",
        |bed| Box::pin(matching::ids_match(bed)),
    )
    .from(&[ZeroMq, Own])
    .swapped()
    .on(Threads::Two),
    Case::new(
        "G02",
        "out_of_order_replies",
        0,
        "Replies in reverse and in a seeded order reach their calls, by an id in the packet and by one in the message.",
        |bed| Box::pin(matching::out_of_order(bed)),
    )
    .from(&[ZeroMq])
    .swapped(),
    Case::new(
        "G03",
        "duplicate_reply",
        0,
        "A reply that comes again reaches nobody, also when the next call has the place of the one that it answers; each \
         call is told one outcome.",
        |bed| Box::pin(strays::duplicate_reply(bed)),
    )
    .from(&[ZeroMq])
    .swapped(),
    Case::new(
        "G04",
        "late_reply",
        0,
        "A reply whose call has timed out reaches nobody, before and after the reply to the next call; an id of the \
         user's own is not to be had again before it has come.",
        |bed| Box::pin(strays::late_reply(bed)),
    )
    .from(&[ZeroMq, Own])
    .swapped(),
    Case::new(
        "G05",
        "unknown_id",
        0,
        "Replies, errors and refusals with ids that nobody has reach nobody, and a request to a client is refused; the \
         channel goes on.",
        |bed| Box::pin(strays::unknown_id(bed)),
    )
    .from(&[ZeroMq, Nng])
    .swapped(),
    Case::new(
        "G06",
        "cancel",
        0,
        "A call that is taken back gives its room back at once; its handler is dropped, nothing is sent of one that was \
         only queued, and the server is told of one that was on its way.",
        |bed| Box::pin(outcomes::cancel(bed)),
    )
    .from(&[Nng])
    .swapped(),
    Case::new(
        "G07",
        "timeout_order",
        0,
        "Calls end at their own deadlines, in the order of these and not of the calls, none before its time.",
        |bed| Box::pin(outcomes::timeout_order(bed)),
    )
    .from(&[Own]),
    Case::new(
        "G08",
        "server_never_answers",
        0,
        "Calls that are never answered end at their deadlines and hold up no other on their channel; so do calls to a peer \
         that never reads, beside which closing ends too.",
        |bed| Box::pin(outcomes::never_answered(bed)),
    )
    .from(&[Nng, Own])
    .swapped(),
    Case::new(
        "G09",
        "handler_panic",
        0,
        "A handler that panics, before, at and after its first await, ends its own call and no other, and the channel goes \
         on.",
        |bed| Box::pin(outcomes::handler_panic(bed)),
    )
    .from(&[Own]),
    Case::new(
        "G10",
        "connection_lost",
        0,
        "When a channel is lost with many calls in flight, aborted or dropped by either side, each caller is told so at \
         once, and once; and what the server says later reaches nobody.",
        |bed| Box::pin(lost::connection_lost(bed)),
    )
    .from(&[Nng, Own])
    .swapped()
    .on(Threads::Two),
    Case::new(
        "G11",
        "reconnect",
        0,
        "After a server has gone, a dial has failed and it has come back, calls that were made meanwhile and new ones are \
         answered at the first try, and executed once.",
        |bed| Box::pin(lost::reconnect(bed)),
    )
    .from(&[Nng, ZeroMq]),
    Case::new(
        "G12",
        "resend",
        0,
        "Wherever a channel is lost on the way of two requests, what left as a whole is executed at most once and not sent \
         again; what did not is sent again, and answered.",
        |bed| Box::pin(retry::resend(bed)),
    )
    .from(&[Nng, Own])
    .swapped(),
    Case::new(
        "G13",
        "no_resend",
        0,
        "With resending off, what did not leave as a whole ends as lost and not sent, is not executed, and may be asked \
         again by its caller.",
        |bed| Box::pin(retry::no_resend(bed)),
    )
    .from(&[Nng, Own])
    .swapped(),
];
