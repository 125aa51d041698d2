//! Every double.

use std::sync::Arc;

use super::Double;
use super::flaw::Flaw;
use super::model::Model;

/// Every double: first those with a flaw of the original, by number.
#[must_use]
pub fn all() -> Vec<Double> {
    let mut all = of_the_original();
    all.extend(of_our_own());
    all.extend(super::flawed::all());
    all
}

fn double(
    (flaw, number, name): (Flaw, &'static str, &'static str),
    meaning: &'static str,
    (scenario, says): (&'static str, &'static str),
) -> Double {
    let stack = Arc::new(Model::with(name, flaw));
    Double { name, flaw: number, meaning, scenario, says, stack, sound: super::sound() }
}

fn of_the_original() -> Vec<Double> {
    vec![
        double(
            (Flaw::LR01, "LR01", "drain-repeats"),
            "A drain writes the first request of the queue for ever, and no other.",
            ("lr01-drain-writes-each-once", "call #, which ended as reply, was sent more than once: at […"),
        ),
        double(
            (Flaw::LR02, "LR02", "parked-writer"),
            "The writer waits for something to write while the channel has ended, and writes that into it.",
            ("lr02-redials-without-traffic", "call #, made when all was healed, ended as lost at #"),
        ),
        double(
            (Flaw::LR03, "LR03", "silent-loss"),
            "Callers in flight are not told that their link is lost.",
            ("lr03-a-lost-link-is-told", "call # was lost with its channel at #, its caller was told at #"),
        ),
        double(
            (Flaw::LR04, "LR04", "dead-timers"),
            "After a failed redial nobody looks at deadlines any more.",
            ("lr04-deadlines-outlive-a-failed-dial", "call # ended after #, its deadline was #"),
        ),
        double(
            (Flaw::LR05, "LR05", "two-closes"),
            "Each call that finds the connection down closes its queue, and the second close panics.",
            (
                "lr05-two-closes-are-one",
                "panicked: close of closed channel at simulation/src/doubles/line.rs:#",
            ),
        ),
        double(
            (Flaw::LR06, "LR06", "leaky-server"),
            "The server's writer waits for something to write while the channel has ended, and keeps it open.",
            ("lr06-a-lost-channel-is-closed", "server # has # channels open after its end"),
        ),
        double(
            (Flaw::LR07, "LR07", "stuck-handlers"),
            "Handlers queue their replies for a link that is gone, and wait for ever when the queue is full.",
            (
                "lr07-handlers-outlive-their-channel",
                "server # has InUse { requests: #, bytes: #, queued: # } in use after its end",
            ),
        ),
        double(
            (Flaw::LR08, "LR08", "idle-close-hangs"),
            "A close waits for tasks that wait for traffic.",
            ("lr08-an-idle-close-ends", "a close that was given # had not ended after #"),
        ),
        double(
            (Flaw::LR09, "LR09", "broken-close-hangs"),
            "A close waits for the goodbye of a writer that has left on an error.",
            ("lr09-a-broken-link-closes-too", "a close that was given # had not ended after #"),
        ),
        double(
            (Flaw::LR10, "LR10", "queue-is-free"),
            "The time that a call waits for room does not count.",
            ("lr10-the-deadline-covers-the-queue", "call # ended after #, its deadline was #"),
        ),
        double(
            (Flaw::LR11, "LR11", "drain-halves"),
            "A drain keeps half of the queue, and loses the rest.",
            (
                "lr11-a-drain-writes-all",
                "call # ended as lost, and nothing that went wrong then and there is why…",
            ),
        ),
        double(
            (Flaw::LR12, "LR12", "drain-deaf"),
            "A reply that arrives during a close is decoded and thrown away.",
            (
                "lr12-a-drain-takes-replies",
                "call # ended as lost, and nothing that went wrong then and there is why…",
            ),
        ),
        double(
            (Flaw::LR13, "LR13", "pool-mixes"),
            "A pool tells connections apart by their endpoint alone.",
            ("lr13-protocols-do-not-share", "the client has 2 channels open, not 4"),
        ),
        double(
            (Flaw::LR14, "LR14", "pool-evicts"),
            "A pool drops whatever is there under an endpoint, and does not close it.",
            ("lr14-a-late-drop-spares-the-fresh", "the client has 2 channels open, not 1"),
        ),
        double(
            (Flaw::LR15, "LR15", "failover-leaks"),
            "The channel that a failover leaves behind is not closed.",
            ("lr15-a-failover-closes-the-old", "the client has 2 channels open, not 1"),
        ),
        double(
            (Flaw::LR16, "LR16", "active-only"),
            "A failed dial of the active server is the answer: the standby is never tried.",
            ("lr16-the-standby-is-tried", "call #, made when all was healed, ended as refused at #"),
        ),
    ]
}

fn of_our_own() -> Vec<Double> {
    vec![
        double(
            (Flaw::Resends, "own", "resends"),
            "What was sent before its link was lost is sent again.",
            ("lr03-a-lost-link-is-told", "call #, which ended as reply, was sent more than once: at […"),
        ),
        double(
            (Flaw::SaysUnsent, "own", "says-unsent"),
            "Whatever is lost with its link is said not to have been sent.",
            ("lr03-a-lost-link-is-told", "call # ended as lost unsent, and was sent at #"),
        ),
        double(
            (Flaw::ReusesIds, "own", "reuses-ids"),
            "An id is used again as soon as its call has ended: a late reply reaches another caller.",
            ("lr10-the-deadline-covers-the-queue", "call # was given the reply to #"),
        ),
        double(
            (Flaw::NoLimit, "own", "no-limit"),
            "There is no limit to what a client has in flight.",
            (
                "lr10-the-deadline-covers-the-queue",
                "the client has InUse { requests: 5, bytes: #, queued: # } in use, at most 4 and 4194304 may be",
            ),
        ),
        double(
            (Flaw::LooksOnTraffic, "own", "looks-on-traffic"),
            "Deadlines are looked at when something arrives.",
            ("lr10-the-deadline-covers-the-queue", "call # ended after #, its deadline was #"),
        ),
        double(
            (Flaw::KeepsRoom, "own", "keeps-room"),
            "A call that is taken back keeps its room.",
            (
                "lr10-the-deadline-covers-the-queue",
                "the client has InUse { requests: #, bytes: #, queued: # } in use after its end",
            ),
        ),
    ]
}
