//! The mistakes that a [`Model`](super::Model) can make, one at a time.

/// One mistake.
///
/// `LR01` to `LR16` are those of the original that crash, hang or lose something in normal operation; see
/// `docs/flaws.md`. The others are mistakes that the library was built to be safe from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Flaw {
    /// The writer's drain takes one packet off the queue, and writes that one for ever.
    LR01,
    /// The writer is parked while the reader has seen the end: what is sent next goes into the dead channel.
    LR02,
    /// Calls in flight are not told that their link is lost.
    LR03,
    /// After a failed redial nobody looks at deadlines any more.
    LR04,
    /// Each call that finds the connection down closes its queue later, and the second such close panics.
    LR05,
    /// The server's writer is parked while the reader has seen the end: the channel is never closed.
    LR06,
    /// Handlers go on to queue replies for a link that is gone, and block when the queue is full.
    LR07,
    /// A close waits for tasks that wait for traffic.
    LR08,
    /// A close waits for the goodbye of a writer that has left on an error.
    LR09,
    /// Waiting for room is outside the deadline.
    LR10,
    /// A drain keeps half of the queue.
    LR11,
    /// What arrives during a close is decoded and thrown away.
    LR12,
    /// A pool tells connections apart by their endpoint alone.
    LR13,
    /// A pool drops whatever is there under the endpoint, and does not close it.
    LR14,
    /// The channel that a failover leaves behind is not closed.
    LR15,
    /// A failed dial of the active endpoint is the answer: the standby is never tried.
    LR16,
    /// What was sent before its link was lost is sent again.
    Resends,
    /// An id is used again as soon as its call has ended.
    ReusesIds,
    /// There is no limit to what is in flight.
    NoLimit,
    /// Deadlines are looked at when something arrives.
    LooksOnTraffic,
    /// A call that is taken back keeps its room.
    KeepsRoom,
    /// Whatever is lost is said not to have been sent.
    SaysUnsent,
}

/// Which mistake is made, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faulty(pub(super) Option<Flaw>);

impl Faulty {
    pub(super) fn has(self, flaw: Flaw) -> bool {
        self.0 == Some(flaw)
    }
}
