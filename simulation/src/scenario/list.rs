//! Every scenario.

use std::sync::Arc;
use std::time::Duration;

use super::Situation::{Fault, Seen};
use super::When::{CallsInFlight, Dialing, Draining, InPacket};
use super::{
    ClientSetup, Extra, Load, Reach, Scenario, ServerSetup, client, flaws, forwarder, hostile, promises,
    server,
};
use crate::context;
use crate::faults::FaultKind::*;

/// Every scenario, in order.
#[must_use]
pub fn all() -> Vec<Arc<Scenario>> {
    let groups = [
        whole_links(),
        lost_links(),
        many_servers(),
        limits(),
        strangers(),
        promises::promises(),
        flaws::flaws(),
    ];
    groups.into_iter().flatten().map(Arc::new).collect()
}

/// The scenario of this name.
#[must_use]
pub fn named(name: &str) -> Option<Arc<Scenario>> {
    all().into_iter().find(|scenario| scenario.name == name)
}

/// What a link may do without being lost.
fn whole_links() -> Vec<Scenario> {
    let steady = Scenario {
        faults: &[
            Slice,
            Coalesce,
            Storm,
            SpuriousWakes,
            Delay,
            Bandwidth,
            DuplicateReplies,
            ReorderReplies,
            Latency,
            DoubledDatagrams,
            Mtu,
            Bottleneck,
        ],
        ..Scenario::quiet("steady-load", "a mixed load over a link that is odd, slow, and never lost")
    };
    let large = Scenario {
        faults: &[Slice, Coalesce, Storm, Delay, Bandwidth, Reset, Eof, BurstLoss],
        situations: &[Fault(Reset, InPacket), Fault(Eof, InPacket)],
        load: Load { largest: (700 << 10, 1 << 20), large: 120, calls: (10, 30), ..Load::default() },
        ..Scenario::quiet("large-among-small", "requests and replies of a mebibyte between small ones")
    };
    let slow_reader = Scenario {
        faults: &[Bandwidth, StallToClient, Slice, Bottleneck, Hold],
        load: Load { largest: (1 << 10, 256 << 10), large: 300, ..Load::default() },
        // A network that swaps packets may be too slow for so much.
        is_calm: false,
        ..Scenario::quiet("slow-reader", "large replies to a client that takes them slowly or not at all")
    };
    let corruption = Scenario {
        faults: &[CorruptToServer, CorruptToClient, Slice, CorruptDatagrams],
        situations: &[Fault(CorruptToServer, CallsInFlight), Fault(CorruptToClient, CallsInFlight)],
        ..Scenario::quiet("corruption", "bits that flip on their way, in headers and in payloads")
    };
    vec![steady, large, slow_reader, corruption]
}

/// Links that are lost, in every way there is, and come back.
fn lost_links() -> Vec<Scenario> {
    let link_loss = Scenario {
        faults: &[Reset, Eof, Truncate, Crash, DialRefused, DialSlow, DialClosed, Slice, Delay],
        situations: &[
            Fault(Reset, CallsInFlight),
            Fault(Eof, CallsInFlight),
            Fault(Truncate, CallsInFlight),
            Fault(Crash, CallsInFlight),
            Fault(Reset, InPacket),
            Fault(Truncate, InPacket),
        ],
        load: Load::busy(),
        ..Scenario::quiet("link-loss", "the link is lost with calls in flight, and dialled again")
    };
    let flapping = Scenario {
        faults: &[Bounce, Flapping, DialHung, DialClosed, DialRefused],
        situations: &[Fault(Bounce, CallsInFlight)],
        load: Load::busy(),
        ..Scenario::quiet("flapping", "a server or a network that is there and gone in turn")
    };
    let half_open = Scenario {
        faults: &[
            PowerLoss,
            Partition,
            PartitionToServer,
            PartitionToClient,
            StallToServer,
            StallToClient,
            StallBoth,
            Hold,
        ],
        situations: &[Fault(PowerLoss, CallsInFlight)],
        load: Load::busy(),
        ..Scenario::quiet("half-open", "a peer that is gone without a word, one way or both")
    };
    let lossy = Scenario {
        faults: &[Loss, BurstLoss, CorruptDatagrams, DoubledDatagrams, Latency, Mtu],
        load: Load::busy(),
        ..Scenario::quiet("lossy-network", "a network that loses, doubles, swaps and spoils what it carries")
    };
    let lanes = Scenario {
        faults: &[Reset, Eof, DialHung, DialRefused, DialSlow],
        most_faults: 8,
        situations: &[Fault(Reset, CallsInFlight), Fault(Reset, Dialing), Seen(context::LANE_DEAD)],
        client: ClientSetup { lanes: 4, ..ClientSetup::default() },
        load: Load::busy(),
        ..Scenario::quiet("lanes", "four lanes of which one is lost, and cannot be dialled for a while")
    };
    let drain = Scenario {
        faults: &[Reset, Eof, Crash, StallBoth, Slice, Delay, Storm],
        situations: &[Seen(client::DRAINED), Fault(Reset, Draining), Fault(Crash, Draining)],
        closes_at: Some(Duration::from_millis(700)),
        load: Load {
            slow: 500,
            slowest: Duration::from_millis(700),
            timeout: (Duration::from_secs(1), Duration::from_secs(2)),
            ..Load::default()
        },
        ..Scenario::quiet("drain", "a client that is closed under load, with calls in flight")
    };
    vec![link_loss, flapping, half_open, lossy, lanes, drain]
}

/// More than one server.
fn many_servers() -> Vec<Scenario> {
    let failover = Scenario {
        servers: 2,
        reach: Reach::Standby,
        one_may_stay_broken: true,
        faults: &[Crash, Bounce, PowerLoss, Partition, Reset, Eof, DialRefused, DialHung],
        situations: &[
            Fault(Crash, CallsInFlight),
            Fault(Reset, InPacket),
            Seen(context::FAILED_OVER),
            Seen(context::FAILED_BACK),
        ],
        load: Load::busy(),
        ..Scenario::quiet("failover", "an active and a standby server, either of which is lost")
    };
    let both_down = Scenario {
        servers: 2,
        reach: Reach::Standby,
        faults: &[Crash, Bounce, PowerLoss],
        situations: &[Seen(context::ALL_DOWN)],
        client: ClientSetup { down_after: 2, ..ClientSetup::default() },
        load: Load::busy(),
        ..Scenario::quiet("both-down", "every server is down, and comes back")
    };
    let churn = Scenario {
        name: "pool-churn",
        meaning: "a pool asked for each call, over servers and protocols that come and go",
        servers: 3,
        reach: Reach::Pool { protocols: 2 },
        faults: &[Reset, Eof, Crash, Bounce, DialRefused, DialSlow, DialClosed, Partition, Restart],
        situations: &[Fault(Crash, CallsInFlight), Fault(Reset, CallsInFlight)],
        load: Load::busy(),
        ..Scenario::default()
    };
    let forwarder = Scenario {
        name: "forwarder",
        meaning: "a forwarder between a client and its server, with faults on both sides",
        extra: Extra::Forwarder,
        faults: &[Reset, Eof, Slice, Delay, Storm, Crash],
        situations: &[forwarder::FORWARDED],
        load: Load::busy(),
        ..Scenario::default()
    };
    vec![failover, both_down, churn, forwarder]
}

/// Limits that are reached.
fn limits() -> Vec<Scenario> {
    let slow_handler = Scenario {
        faults: &[Reset, Crash, StallToServer, Slice],
        situations: &[Seen(server::FULL)],
        server: ServerSetup { requests: 6, ..ServerSetup::default() },
        load: Load { slow: 700, slowest: Duration::from_millis(700), ..Load::default() },
        is_calm: false,
        ..Scenario::quiet("slow-handler", "handlers that are slower than their callers, and a small limit")
    };
    let overload = Scenario {
        faults: &[Reset, Slice, Bandwidth, Crash],
        situations: &[Seen(server::FULL), Seen(client::CLIENT_FULL), Seen(client::REFUSED)],
        server: ServerSetup { requests: 4, bytes: 8 << 10, refuses: true, ..ServerSetup::default() },
        client: ClientSetup { requests: 12, bytes: 16 << 10, ..ClientSetup::default() },
        load: Load {
            calls: (80, 200),
            bursts: 900,
            slow: 500,
            over: Duration::from_millis(1000),
            ..Load::default()
        },
        is_calm: false,
        ..Scenario::quiet("overload", "more than either side admits, in bursts")
    };
    let storms = Scenario {
        faults: &[Delay, StallToClient, StallToServer, Storm, Reset, Hold],
        situations: &[Seen(client::MANY_TIMEOUTS)],
        load: Load {
            calls: (80, 200),
            timeout: (Duration::from_millis(1), Duration::from_millis(40)),
            bursts: 800,
            slow: 400,
            slowest: Duration::from_millis(60),
            cancelled: 200,
            ..Load::default()
        },
        is_calm: false,
        ..Scenario::quiet("deadline-storms", "many deadlines that pass together, and calls taken back")
    };
    vec![slow_handler, overload, storms]
}

/// Peers that do not speak the protocol.
fn strangers() -> Vec<Scenario> {
    let server = Scenario {
        name: "hostile-server",
        meaning: "a server that answers with garbage, claims, strays or not at all",
        extra: Extra::HostileServers,
        faults: &[Slice, Storm, Latency],
        situations: &hostile::ABUSES,
        ..Scenario::default()
    };
    let client = Scenario {
        extra: Extra::HostileClient,
        faults: &[Slice, Reset, Crash, Latency],
        situations: &hostile::ABUSES,
        ..Scenario::quiet("hostile-client", "a client of good manners beside one of bad ones")
    };
    vec![server, client]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::faults::FaultKind;
    use crate::network;

    #[test]
    fn names_are_unique_every_kind_of_fault_is_somewhere_and_every_scenario_is_played() {
        let all = super::all();
        let names: BTreeSet<_> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
        let used: BTreeSet<_> = all.iter().flat_map(|scenario| scenario.faults.iter().copied()).collect();
        let missing: Vec<_> = FaultKind::ALL.iter().filter(|kind| !used.contains(kind)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        for scenario in all {
            let is_played = network::all().iter().any(|network| scenario.applies_to(&**network));
            assert!(is_played, "no network plays {}", scenario.name);
        }
    }

    #[test]
    fn a_situation_of_a_fault_needs_the_fault() {
        for scenario in all() {
            for situation in scenario.situations {
                if let Fault(kind, _) = situation {
                    assert!(scenario.faults.contains(kind), "{}: {situation}", scenario.name);
                }
            }
        }
    }
}
