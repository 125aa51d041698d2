//! Scenarios of hostile peers, server ends and parts that users write.

use std::time::Duration;

use super::Situation::{Fault, Seen};
use super::When::CallsInFlight;
use super::{ClientSetup, Extra, Load, Reach, Runs, Scenario, ServerSetup, client, guests, server};
use crate::context;
use crate::faults::FaultKind::*;
use crate::stack::runs::SITUATIONS;

/// Every one.
pub(super) fn promises() -> Vec<Scenario> {
    [shares(), ends(), members(), parts()].into_iter().flatten().collect()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Calls that may wait a second, so that a peer that is not served waits for something else than its turn.
fn patient() -> Load {
    Load { timeout: (ms(1000), ms(2000)), ..Load::default() }
}

/// No peer takes another's share.
fn shares() -> Vec<Scenario> {
    let deaf_clients = Scenario {
        name: "deaf-clients",
        meaning: "a client beside several that ask for more and more, and read nothing",
        extra: Extra::DeafClients(5),
        faults: &[Slice, Storm],
        situations: &[guests::DEAF],
        server: ServerSetup { handlers: 8, requests: 32, all: (64, 2 << 20), ..ServerSetup::default() },
        load: patient(),
        ..Scenario::default()
    };
    let shared_room = Scenario {
        faults: &[Slice, Coalesce, Storm, Delay],
        situations: &[Seen(server::SHORT)],
        client: ClientSetup { lanes: 4, ..ClientSetup::default() },
        server: ServerSetup { all: (64, 160 << 10), ..ServerSetup::default() },
        load: Load { largest: (80 << 10, 4 << 10), large: 500, slow: 300, ..patient() },
        ..Scenario::quiet("shared-room", "channels that wait inside a packet for room that another one frees")
    };
    let full_server = Scenario {
        extra: Extra::Guests(3),
        faults: &[Slice, Storm],
        situations: &[guests::GUEST, Seen(client::TURNED_AWAY)],
        client: ClientSetup { down_after: 2, ..ClientSetup::default() },
        server: ServerSetup { connections: 3, ..ServerSetup::default() },
        load: Load::busy(),
        begins_at: ms(60),
        ..Scenario::quiet("full-server", "a server at its limit of channels, which others leave one day")
    };
    vec![deaf_clients, shared_room, full_server]
}

/// Orderly ends lose nothing.
fn ends() -> Vec<Scenario> {
    let restart = Scenario {
        faults: &[Restart, Slice, Storm, Delay],
        most_faults: 3,
        situations: &[Fault(Restart, CallsInFlight)],
        client: ClientSetup { lanes: 2, ..ClientSetup::default() },
        load: Load::busy(),
        ..Scenario::quiet("restart", "a server that is drained under load, and starts again")
    };
    let rolling = Scenario {
        name: "rolling-restart",
        meaning: "an active and a standby server, one of which is drained under load",
        servers: 2,
        reach: Reach::Standby,
        faults: &[Restart, Slice, Reset],
        most_faults: 3,
        situations: &[Fault(Restart, CallsInFlight), Seen(context::FAILED_OVER)],
        load: Load::busy(),
        ..Scenario::default()
    };
    let old_channels = Scenario {
        faults: &[Slice, Storm, SpuriousWakes],
        situations: &[client::AGED],
        client: ClientSetup { lanes: 2, ..ClientSetup::default() },
        server: ServerSetup { max_age: Some(ms(1000)), ..ServerSetup::default() },
        load: Load::busy(),
        ..Scenario::quiet("old-channels", "channels that their server ends at a largest age")
    };
    let endless = Scenario {
        name: "endless-handlers",
        meaning: "handlers that would never end, but for the deadlines of their calls",
        faults: &[Slice, Storm, Reset],
        situations: &[Seen(server::ENDLESS)],
        load: Load { endless: 200, ..Load::default() },
        ..Scenario::default()
    };
    vec![restart, rolling, old_channels, endless]
}

/// Members of a list are judged by what they answer.
fn members() -> Vec<Scenario> {
    vec![Scenario {
        servers: 2,
        reach: Reach::Standby,
        one_may_stay_broken: true,
        faults: &[StallBoth, StallToClient, StallToServer],
        situations: &[Fault(StallBoth, CallsInFlight), Seen(context::FAILED_OVER)],
        load: Load::busy(),
        ..Scenario::quiet("silent-member", "a server of two that accepts, and then says nothing")
    }]
}

/// Parts that users write, and what users send.
fn parts() -> Vec<Scenario> {
    let executors = Scenario {
        name: "executors",
        meaning: "handlers and callbacks on every executor, also on ones that lose some",
        faults: &[Slice, Storm, Reset],
        situations: &SITUATIONS,
        client: ClientSetup { runs: Runs::Any, ..ClientSetup::default() },
        server: ServerSetup { runs: Runs::Any, ..ServerSetup::default() },
        load: Load { machines: 400, slow: 150, slowest: ms(20), ..patient() },
        ..Scenario::default()
    };
    let panics = Scenario {
        faults: &[Slice, Storm, Reset],
        situations: &[Seen(client::PANIC_THERE), Seen(client::PANIC_HERE)],
        load: Load { panics: 100, failures: 100, spoiling: 150, ..Load::default() },
        ..Scenario::quiet("panics", "handlers and codecs that panic, each of which costs its own call")
    };
    let too_large = Scenario {
        faults: &[Slice, Coalesce, Storm, Delay],
        situations: &[Seen(client::TOO_LARGE)],
        server: ServerSetup { largest: 16 << 10, ..ServerSetup::default() },
        load: Load { largest: (64 << 10, 4 << 10), large: 150, ..patient() },
        ..Scenario::quiet("too-large", "requests larger than their server allows, among others")
    };
    vec![executors, panics, too_large]
}
