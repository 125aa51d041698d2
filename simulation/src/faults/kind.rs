//! Kinds of faults.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// On which layer a fault happens: which networks can have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Family {
    /// To the bytes of a channel, on top of any transport. Every network has these.
    Stream,
    /// To a dial, on top of any transport. Every network has these.
    Dial,
    /// To a server's program, which ends in an orderly way for its operating system: its peers learn of it.
    Process,
    /// To a host, which loses its power: its peers learn nothing.
    Power,
    /// To the network between hosts.
    Network,
    /// To single datagrams.
    Datagram,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident = $name:literal, $family:ident, momentary $once:literal, amount $amount:expr;)*) => {
        /// What can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum FaultKind {
            $($(#[doc = $doc])* #[serde(rename = $name)] $kind,)*
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name in plans, flags and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// What it does, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$kind => concat!($($doc,)*).trim_ascii(),)* }
            }

            /// On which layer it happens.
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $(Self::$kind => Family::$family,)* }
            }

            /// Whether it happens once, at most, rather than for as long as it is on.
            #[must_use]
            pub const fn is_momentary(self) -> bool {
                match self { $(Self::$kind => $once,)* }
            }

            /// The unit of its amount; `None` where it has none.
            #[must_use]
            pub const fn amount(self) -> Option<&'static str> {
                match self { $(Self::$kind => $amount,)* }
            }
        }
    };
}

kinds! {
    /// A write takes and a read gives a few bytes at once, however many there are.
    Slice = "slice", Stream, momentary false, amount Some("bytes at most");
    /// Several writes arrive as one.
    Coalesce = "coalesce", Stream, momentary false, amount Some("bytes held back");
    /// Polls say pending although they need not, and wake their task again, at once or later.
    Storm = "storm", Stream, momentary false, amount Some("polls in 1000");
    /// Tasks that wait are woken for nothing.
    SpuriousWakes = "spurious-wakes", Stream, momentary false, amount Some("polls in 1000");
    /// Bytes take longer.
    Delay = "delay", Stream, momentary false, amount Some("ms");
    /// Bytes come no faster than its amount says.
    Bandwidth = "bandwidth", Stream, momentary false, amount Some("bytes/s");
    /// Bytes to the server are held up; those of the client's that it has handed over wait.
    StallToServer = "stall-to-server", Stream, momentary false, amount None;
    /// Bytes to the client are held up.
    StallToClient = "stall-to-client", Stream, momentary false, amount None;
    /// Bytes are held up both ways, and go on later.
    StallBoth = "stall-both", Stream, momentary false, amount None;
    /// The channel ends in an orderly way when `after_bytes` more bytes have gone to the client.
    Eof = "eof", Stream, momentary true, amount None;
    /// The channel is reset when `after_bytes` more bytes have gone to the server.
    Reset = "reset", Stream, momentary true, amount None;
    /// After `after_bytes` more bytes to the server the rest vanishes although it was taken; then the channel ends.
    Truncate = "truncate", Stream, momentary true, amount Some("ms until the end");
    /// A bit flips when `after_bytes` more bytes have gone to the server.
    CorruptToServer = "corrupt-to-server", Stream, momentary true, amount Some("is the bit");
    /// A bit flips when `after_bytes` more bytes have gone to the client.
    CorruptToClient = "corrupt-to-client", Stream, momentary true, amount Some("is the bit");
    /// Replies come twice.
    DuplicateReplies = "duplicate-replies", Stream, momentary false, amount Some("in 1000");
    /// Replies come in another order.
    ReorderReplies = "reorder-replies", Stream, momentary false, amount Some("held back at most");
    /// A dial is refused.
    DialRefused = "dial-refused", Dial, momentary false, amount None;
    /// A dial gets no answer until this is over.
    DialHung = "dial-hung", Dial, momentary false, amount None;
    /// A dial takes longer.
    DialSlow = "dial-slow", Dial, momentary false, amount Some("ms");
    /// A dial succeeds, and the channel is closed at once.
    DialClosed = "dial-closed", Dial, momentary false, amount None;
    /// A server's program is killed, and started again at the end: its peers see their channels end.
    Crash = "crash", Process, momentary false, amount None;
    /// A server's program is killed and started again, again and again.
    Bounce = "bounce", Process, momentary false, amount Some("ms a round");
    /// A server ends in an orderly way, and is started again at the end.
    Restart = "restart", Process, momentary false, amount None;
    /// A host goes dark, and comes back without its memory: its peers learn nothing until they ask.
    PowerLoss = "power-loss", Power, momentary false, amount None;
    /// Nothing passes between the client and a server.
    Partition = "partition", Network, momentary false, amount None;
    /// Nothing passes from the client to a server.
    PartitionToServer = "partition-to-server", Network, momentary false, amount None;
    /// Nothing passes from a server to the client.
    PartitionToClient = "partition-to-client", Network, momentary false, amount None;
    /// The network keeps everything, and delivers it later.
    Hold = "hold", Network, momentary false, amount None;
    /// The network takes longer.
    Latency = "latency", Network, momentary false, amount Some("ms at most");
    /// The network loses messages.
    Loss = "loss", Network, momentary false, amount Some("in 1000");
    /// The network is there and gone in turn.
    Flapping = "flapping", Network, momentary false, amount Some("ms a round");
    /// Datagrams are lost several in a row.
    BurstLoss = "burst-loss", Datagram, momentary false, amount Some("bursts in 1000");
    /// Datagrams come twice.
    DoubledDatagrams = "doubled-datagrams", Datagram, momentary false, amount Some("in 1000");
    /// A byte of a datagram is another.
    CorruptDatagrams = "corrupt-datagrams", Datagram, momentary false, amount Some("in 1000");
    /// Datagrams longer than its amount are lost.
    Mtu = "mtu", Datagram, momentary false, amount Some("bytes");
    /// Datagrams pass at a limited rate, wait for those before them, and are lost where too many wait.
    Bottleneck = "bottleneck", Datagram, momentary false, amount Some("bytes/s");
}

impl FaultKind {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether it counts bytes before it happens.
    #[must_use]
    pub const fn counts_bytes(self) -> bool {
        self.is_momentary()
    }

    /// Whether it ends channels, so that calls can be lost with them.
    #[must_use]
    pub const fn cuts(self) -> bool {
        matches!(
            self,
            Self::Eof | Self::Reset | Self::Truncate | Self::Crash | Self::Bounce | Self::PowerLoss
        )
    }

    /// Whether a channel can be lost by it with calls on it.
    #[must_use]
    pub const fn loses_links(self) -> bool {
        !self.spares_links()
            && !matches!(self, Self::Restart | Self::DialRefused | Self::DialHung | Self::DialSlow)
    }

    /// Whether the reply to what has left may come later than its caller waits, or never.
    #[must_use]
    pub const fn delays(self) -> bool {
        let only_dials = matches!(self, Self::DialRefused | Self::DialHung | Self::DialSlow);
        !self.is_harmless() && !only_dials && !matches!(self, Self::Restart)
    }

    /// Whether it may keep clients from having a channel.
    #[must_use]
    pub const fn keeps_away(self) -> bool {
        !self.spares_links()
    }

    /// How long after its end it is an excuse yet, since its parties have to find each other again, by looking three times
    /// in 600 ms whether their peer is there, with dials of a second at most, 200 ms apart. A server that says goodbye asks to
    /// be left alone for a second and a half at most.
    #[must_use]
    pub const fn recovery(self) -> Duration {
        Duration::from_millis(match self {
            // They are told at once.
            Self::Eof | Self::Reset | Self::DialRefused | Self::DialClosed => 500,
            // A dial may have begun while no server ran.
            Self::Crash | Self::Bounce => 1500,
            Self::Slice | Self::Delay | Self::Bandwidth | Self::Latency | Self::DoubledDatagrams => 500,
            // A packet whose length is spoilt may take three seconds.
            Self::CorruptToServer | Self::CorruptToClient => 4000,
            _ => 2000,
        })
    }

    /// Whether its amount is a share in 1000.
    #[must_use]
    pub fn is_share(self) -> bool {
        self.amount().is_some_and(|unit| unit.ends_with("in 1000"))
    }

    /// Whether it takes no link away, and holds none up for so long that a peer counts as gone.
    #[must_use]
    pub const fn spares_links(self) -> bool {
        self.is_harmless() || matches!(self, Self::Slice | Self::Delay | Self::DoubledDatagrams)
    }

    /// Whether it takes no call away and delays none for longer than its caller waits.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::Coalesce
                | Self::Storm
                | Self::SpuriousWakes
                | Self::DuplicateReplies
                | Self::ReorderReplies
        )
    }

    /// Whether bytes may come out other than they went in. Protocols without a checksum cannot tell.
    #[must_use]
    pub const fn corrupts(self) -> bool {
        matches!(self, Self::CorruptToServer | Self::CorruptToClient)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_says_what_it_means() {
        for kind in FaultKind::ALL {
            assert_eq!(FaultKind::named(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.name()));
            assert!(kind.meaning().ends_with('.'), "{kind}");
        }
    }
}
