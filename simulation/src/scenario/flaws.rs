//! A scenario for each flaw of the original that crashes, hangs or loses something in normal operation.
//!
//! The number in a name is the flaw's in `docs/flaws.md`, the rest what holds instead. The
//! faulty stacks of `simulation/tests/faulty` that have it show that its scenario would notice.

use std::time::Duration;

use super::When::CallsInFlight as InFlight;
use super::client::{CLIENT_FULL, DOWN, DRAINED};
use super::server::{FULL, STANDBY};
use super::{ClientSetup, Load, Reach, Scenario, ServerSetup, Situation, When};
use crate::faults::FaultKind as K;

/// Every one, by number.
pub(super) fn flaws() -> Vec<Scenario> {
    vec![
        drain_writes_each_once(),
        redials_without_traffic(),
        lost_link_is_told(),
        deadlines_outlive_dials(),
        two_closes_are_one(),
        lost_channel_is_closed(),
        handlers_outlive_channels(),
        idle_close_ends(),
        close_of_a_broken_link_ends(),
        deadline_covers_the_queue(),
        drain_writes_all(),
        drain_takes_replies(),
        protocols_do_not_share(),
        late_drop_spares_the_fresh(),
        failover_closes_the_old(),
        standby_is_tried(),
    ]
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

fn drain_writes_each_once() -> Scenario {
    Scenario {
        faults: &[K::StallToServer, K::StallBoth],
        situations: &[Situation::Seen(DRAINED), Situation::Fault(K::StallToServer, InFlight)],
        load: Load { timeout: (ms(1500), ms(2000)), ..quick(ms(700)) },
        closes_at: Some(ms(600)),
        ..Scenario::quiet(
            "lr01-drain-writes-each-once",
            "a client that is closed writes each request that is queued once",
        )
    }
}

fn redials_without_traffic() -> Scenario {
    Scenario {
        faults: &[K::Eof, K::Crash],
        situations: &[Situation::Fault(K::Crash, InFlight), Situation::Fault(K::Eof, InFlight)],
        load: Load { slow: 400, ..quick(ms(500)) },
        ..Scenario::quiet(
            "lr02-redials-without-traffic",
            "a client whose channel ends dials again at once, so that the next call is answered",
        )
    }
}

fn lost_link_is_told() -> Scenario {
    Scenario {
        faults: &[K::Eof, K::Reset],
        situations: &[Situation::Fault(K::Eof, InFlight), Situation::Fault(K::Reset, InFlight)],
        load: slow(ms(1400), ms(900)),
        ..Scenario::quiet(
            "lr03-a-lost-link-is-told",
            "callers in flight on a channel that is lost are told so at once",
        )
    }
}

fn deadlines_outlive_dials() -> Scenario {
    Scenario {
        faults: &[K::Crash, K::DialRefused],
        situations: &[Situation::Fault(K::Crash, InFlight)],
        client: ClientSetup { down_after: 1000, ..ClientSetup::default() },
        load: Load { slow: 700, slowest: ms(250), timeout: (ms(100), ms(400)), ..quick(ms(1500)) },
        is_calm: false,
        ..Scenario::quiet(
            "lr04-deadlines-outlive-a-failed-dial",
            "deadlines are kept whatever becomes of the connection",
        )
    }
}

fn two_closes_are_one() -> Scenario {
    Scenario {
        faults: &[K::Crash],
        situations: &[Situation::Seen(DOWN)],
        client: ClientSetup { down_after: 1, ..ClientSetup::default() },
        load: Load { calls: (40, 80), ..quick(ms(1500)) },
        ..Scenario::quiet(
            "lr05-two-closes-are-one",
            "many callers may find a connection down, and close it twice: nothing panics",
        )
    }
}

fn lost_channel_is_closed() -> Scenario {
    Scenario {
        faults: &[K::Eof, K::Reset],
        situations: &[Situation::Fault(K::Eof, InFlight), Situation::Fault(K::Reset, InFlight)],
        load: quick(ms(1400)),
        ..Scenario::quiet(
            "lr06-a-lost-channel-is-closed",
            "a server closes each channel that its client has left, without waiting for something to write",
        )
    }
}

fn handlers_outlive_channels() -> Scenario {
    Scenario {
        faults: &[K::Eof, K::Reset],
        situations: &[Situation::Fault(K::Eof, InFlight), Situation::Fault(K::Reset, InFlight)],
        load: Load { calls: (40, 80), ..slow(ms(1000), ms(800)) },
        ..Scenario::quiet(
            "lr07-handlers-outlive-their-channel",
            "handlers whose channel is gone end, however many of them have something to reply",
        )
    }
}

fn idle_close_ends() -> Scenario {
    Scenario {
        load: Load { calls: (1, 10), ..quick(ms(300)) },
        ..Scenario::quiet("lr08-an-idle-close-ends", "a connection without traffic is closed at once")
    }
}

fn close_of_a_broken_link_ends() -> Scenario {
    Scenario {
        faults: &[K::Reset, K::Eof, K::Crash, K::DialRefused],
        situations: &[Situation::Seen(DRAINED), Situation::Fault(K::Eof, When::Draining)],
        load: slow(ms(800), ms(300)),
        closes_at: Some(ms(700)),
        ..Scenario::quiet(
            "lr09-a-broken-link-closes-too",
            "a close ends in time when the channel breaks before it or meanwhile",
        )
    }
}

fn deadline_covers_the_queue() -> Scenario {
    Scenario {
        faults: &[K::StallToServer, K::StallBoth],
        situations: &[Situation::Seen(CLIENT_FULL), Situation::Fault(K::StallToServer, InFlight)],
        client: ClientSetup { requests: 4, ..ClientSetup::default() },
        load: Load { calls: (40, 80), timeout: (ms(100), ms(300)), cancelled: 150, ..quick(ms(1500)) },
        // In a burst some wait for those before them until their time is up.
        is_calm: false,
        ..Scenario::quiet(
            "lr10-the-deadline-covers-the-queue",
            "the time that a call waits for room counts, and one that gives up leaves its room to others",
        )
    }
}

fn drain_writes_all() -> Scenario {
    Scenario {
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
        situations: &[Situation::Seen(DRAINED), Situation::Seen(FULL)],
        closes_at: Some(ms(200)),
        // Enough for a slow network.
        closes_within: ms(9000),
        ..Scenario::quiet(
            "lr11-a-drain-writes-all",
            "every request that is queued when a client is closed is answered",
        )
    }
}

fn drain_takes_replies() -> Scenario {
    Scenario {
        situations: &[Situation::Seen(DRAINED)],
        load: slow(ms(300), ms(400)),
        closes_at: Some(ms(400)),
        ..Scenario::quiet(
            "lr12-a-drain-takes-replies",
            "a reply that arrives while its client is being closed reaches its caller",
        )
    }
}

fn protocols_do_not_share() -> Scenario {
    Scenario {
        servers: 2,
        reach: Reach::Pool { protocols: 2 },
        load: quick(ms(500)),
        ..Scenario::quiet(
            "lr13-protocols-do-not-share",
            "a pool has a connection for each endpoint and protocol",
        )
    }
}

fn late_drop_spares_the_fresh() -> Scenario {
    Scenario {
        faults: &[K::Crash, K::DialRefused],
        situations: &[Situation::Seen(DOWN)],
        reach: Reach::Pool { protocols: 1 },
        client: ClientSetup { down_after: 1, ..ClientSetup::default() },
        load: Load { calls: (40, 80), ..quick(ms(1500)) },
        ..Scenario::quiet(
            "lr14-a-late-drop-spares-the-fresh",
            "dropping a connection that is down from its pool does not drop the one in its place",
        )
    }
}

fn failover_closes_the_old() -> Scenario {
    Scenario {
        servers: 2,
        reach: Reach::Standby,
        faults: &[K::Eof, K::Reset, K::Crash],
        situations: &[
            Situation::Fault(K::Eof, InFlight),
            Situation::Fault(K::Crash, InFlight),
            Situation::Seen(STANDBY),
        ],
        load: slow(ms(1400), ms(300)),
        ..Scenario::quiet(
            "lr15-a-failover-closes-the-old",
            "of the channels of a client with a standby one stays open, however often it has changed over",
        )
    }
}

fn standby_is_tried() -> Scenario {
    Scenario {
        servers: 2,
        reach: Reach::Standby,
        faults: &[K::Crash, K::DialRefused],
        one_may_stay_broken: true,
        situations: &[Situation::Seen(STANDBY)],
        load: quick(ms(600)),
        begins_at: ms(1450),
        ..Scenario::quiet(
            "lr16-the-standby-is-tried",
            "a client whose active server is down when it first dials has the standby answer",
        )
    }
}
