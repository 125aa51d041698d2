//! A scenario for each flaw of the original that crashes, hangs or loses something in normal operation.
//!
//! The number in a name is the flaw's in `docs/flaws.md`, the rest what holds instead. The
//! faulty stacks of `simulation/tests/faulty` that have it show that its scenario would notice.

use std::time::Duration;

use super::Situation::{Fault, Seen};
use super::When::CallsInFlight as InFlight;
use super::client::{CLIENT_FULL, DOWN, DRAINED};
use super::server::{FULL, STANDBY};
use super::{ClientSetup, Load, Reach, Scenario, ServerSetup, When};
use crate::faults::FaultKind::*;

/// Every one, by number.
pub(super) fn flaws() -> Vec<Scenario> {
    [calls(), ends(), drains(), several()].into_iter().flatten().collect()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Calls that are made within `over`, and are answered at once.
fn quick(over: Duration) -> Load {
    Load { over, slow: 0, calls: (10, 40), ..Load::default() }
}

/// Calls that are made within `over`, and are answered after up to `slowest`.
fn slow(over: Duration, slowest: Duration) -> Load {
    let timeout = (ms(1500), ms(2000));
    Load { slow: 950, slowest, timeout, panics: 0, failures: 0, cancelled: 0, ..quick(over) }
}

/// Of what is told, and of deadlines.
fn calls() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "lr01-drain-writes-each-once",
            meaning: "a client that is closed writes each request that is queued once",
            faults: &[StallToServer, StallBoth],
            situations: &[Seen(DRAINED), Fault(StallToServer, InFlight)],
            load: Load { timeout: (ms(1500), ms(2000)), ..quick(ms(700)) },
            closes_at: Some(ms(600)),
            ..Scenario::default()
        },
        Scenario {
            name: "lr02-redials-without-traffic",
            meaning: "a client whose channel ends dials again at once, so that the next call is answered",
            faults: &[Eof, Crash],
            situations: &[Fault(Crash, InFlight), Fault(Eof, InFlight)],
            load: Load { slow: 400, ..quick(ms(500)) },
            ..Scenario::default()
        },
        Scenario {
            name: "lr03-a-lost-link-is-told",
            meaning: "callers in flight on a channel that is lost are told so at once",
            faults: &[Eof, Reset],
            situations: &[Fault(Eof, InFlight), Fault(Reset, InFlight)],
            load: slow(ms(1400), ms(900)),
            ..Scenario::default()
        },
        Scenario {
            name: "lr04-deadlines-outlive-a-failed-dial",
            meaning: "deadlines are kept whatever becomes of the connection",
            faults: &[Crash, DialRefused],
            situations: &[Fault(Crash, InFlight)],
            client: ClientSetup { down_after: 1000, ..ClientSetup::default() },
            load: Load { slow: 700, slowest: ms(250), timeout: (ms(100), ms(400)), ..quick(ms(1500)) },
            is_calm: false,
            ..Scenario::default()
        },
        Scenario {
            name: "lr05-two-closes-are-one",
            meaning: "many callers may find a connection down, and close it twice: nothing panics",
            faults: &[Crash],
            situations: &[Seen(DOWN)],
            client: ClientSetup { down_after: 1, ..ClientSetup::default() },
            load: Load { calls: (40, 80), ..quick(ms(1500)) },
            ..Scenario::default()
        },
    ]
}

/// Of servers, and of ends in good time.
fn ends() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "lr06-a-lost-channel-is-closed",
            meaning: "a server closes each channel that its client has left, without waiting for something to write",
            faults: &[Eof, Reset],
            situations: &[Fault(Eof, InFlight), Fault(Reset, InFlight)],
            load: quick(ms(1400)),
            ..Scenario::default()
        },
        Scenario {
            name: "lr07-handlers-outlive-their-channel",
            meaning: "handlers whose channel is gone end, however many of them have something to reply",
            faults: &[Eof, Reset],
            situations: &[Fault(Eof, InFlight), Fault(Reset, InFlight)],
            load: Load { calls: (40, 80), ..slow(ms(1000), ms(800)) },
            ..Scenario::default()
        },
        Scenario {
            load: Load { calls: (1, 10), ..quick(ms(300)) },
            ..Scenario::quiet("lr08-an-idle-close-ends", "a connection without traffic is closed at once")
        },
        Scenario {
            name: "lr09-a-broken-link-closes-too",
            meaning: "a close ends in time when the channel breaks before it or meanwhile",
            faults: &[Reset, Eof, Crash, DialRefused],
            situations: &[Seen(DRAINED), Fault(Eof, When::Draining)],
            load: slow(ms(800), ms(300)),
            closes_at: Some(ms(700)),
            ..Scenario::default()
        },
        Scenario {
            name: "lr10-the-deadline-covers-the-queue",
            meaning: "the time that a call waits for room counts, and one that gives up leaves its room to others",
            faults: &[StallToServer, StallBoth],
            situations: &[Seen(CLIENT_FULL), Fault(StallToServer, InFlight)],
            client: ClientSetup { requests: 4, ..ClientSetup::default() },
            load: Load { calls: (40, 80), timeout: (ms(100), ms(300)), cancelled: 150, ..quick(ms(1500)) },
            // In a burst some wait for those before them until their time is up.
            is_calm: false,
            ..Scenario::default()
        },
    ]
}

/// Of drains.
fn drains() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "lr11-a-drain-writes-all",
            meaning: "every request that is queued when a client is closed is answered",
            // A server that is busy: more than fits into a channel waits at the client until it is closed.
            server: ServerSetup { requests: 2, ..ServerSetup::default() },
            client: ClientSetup { bytes: 16 << 20, ..ClientSetup::default() },
            load: Load {
                calls: (20, 24),
                largest: (160 << 10, 1 << 10),
                large: 900,
                one_way: 0,
                timeout: (ms(10_000), ms(12_000)),
                ..slow(ms(150), ms(120))
            },
            situations: &[Seen(DRAINED), Seen(FULL)],
            closes_at: Some(ms(200)),
            // Enough for a slow network.
            closes_within: ms(9000),
            ..Scenario::default()
        },
        Scenario {
            name: "lr12-a-drain-takes-replies",
            meaning: "a reply that arrives while its client is being closed reaches its caller",
            situations: &[Seen(DRAINED)],
            load: slow(ms(300), ms(400)),
            closes_at: Some(ms(400)),
            ..Scenario::default()
        },
    ]
}

/// Of pools and lists.
fn several() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "lr13-protocols-do-not-share",
            meaning: "a pool has a connection for each endpoint and protocol",
            servers: 2,
            reach: Reach::Pool { protocols: 2 },
            load: quick(ms(500)),
            ..Scenario::default()
        },
        Scenario {
            name: "lr14-a-late-drop-spares-the-fresh",
            meaning: "dropping a connection that is down from its pool does not drop the one in its place",
            faults: &[Crash, DialRefused],
            situations: &[Seen(DOWN)],
            reach: Reach::Pool { protocols: 1 },
            client: ClientSetup { down_after: 1, ..ClientSetup::default() },
            load: Load { calls: (40, 80), ..quick(ms(1500)) },
            ..Scenario::default()
        },
        Scenario {
            name: "lr15-a-failover-closes-the-old",
            meaning: "of the channels of a client with a standby one stays open, however often it has changed over",
            servers: 2,
            reach: Reach::Standby,
            faults: &[Eof, Reset, Crash],
            situations: &[Fault(Eof, InFlight), Fault(Crash, InFlight), Seen(STANDBY)],
            load: slow(ms(1400), ms(300)),
            ..Scenario::default()
        },
        Scenario {
            name: "lr16-the-standby-is-tried",
            meaning: "a client whose active server is down when it first dials has the standby answer",
            servers: 2,
            reach: Reach::Standby,
            faults: &[Crash, DialRefused],
            one_may_stay_broken: true,
            situations: &[Seen(STANDBY)],
            load: quick(ms(600)),
            begins_at: ms(1450),
            ..Scenario::default()
        },
    ]
}
