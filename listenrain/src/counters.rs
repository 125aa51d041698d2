//! Counters of a connection or server.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Live counters.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)* }

        /// A snapshot of what was counted since the start. Cheap: a few loads.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)*
            /// Requests in flight now.
            pub in_flight: u64,
            /// Bytes of requests in flight now.
            pub in_flight_bytes: u64,
            /// Packets that wait to be written now.
            pub queued: u64,
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Counts {
                Counts { $($name: self.$name.load(Relaxed),)* ..Counts::default() }
            }
        }
    };
}

counters! {
    /// Packets handed to a channel.
    sent,
    /// Packets received.
    received,
    /// Bytes handed to a channel.
    sent_bytes,
    /// Bytes received.
    received_bytes,
    /// Writes to a channel.
    writes,
    /// Calls whose deadline passed.
    timeouts,
    /// Channels opened after the first.
    reconnects,
    /// Dials that failed, and channels that were refused as a whole: full, not admitted, another version.
    failed_dials,
    /// Replies to calls that had ended, and replies without a call.
    late_replies,
    /// Replies dropped since too many bytes of them were not taken by their callers.
    dropped_replies,
    /// Packets and messages that could not be decoded.
    decode_errors,
    /// Calls and requests refused.
    refused,
    /// One-way messages dropped at a limit or at an end.
    dropped_one_ways,
    /// Panics caught in user code.
    panics,
    /// Requests answered with an error.
    errors,
    /// Requests that ended without any answer, since the protocol cannot express one or the link was gone.
    unanswered,
    /// Requests answered, with a reply or an error.
    answered,
    /// Requests that ended at their deadline on a server, and calls that did before they left.
    expired,
    /// One-way messages that were handed to a channel whose peer then said goodbye without having taken them.
    untaken_one_ways,
    /// Channels given up for a peer that was silent, took too long for a packet, or took nothing of what was to be written.
    given_up,
    /// Channels ended at their largest age, on a server.
    aged,
    /// Channels accepted and not turned away as they came, on a server.
    accepted,
    /// Channels turned away at a limit, not admitted, or ended to make way for another, on a server.
    turned_away,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(crate) fn count_by(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Relaxed);
}
