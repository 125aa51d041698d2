//! Settings of a cell by name: two cells with the same settings are the same cell.

use listenrain_results::Cell;

/// A setting and a cell's value of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Cell) -> String,
    /// Whether workers share it out among them, rather than having it in common.
    pub(crate) is_shared_out: bool,
    /// Whether a cell's name may have it, beside transport, stack, load and payload.
    pub(crate) is_in_names: bool,
}

const fn setting(name: &'static str, of: fn(&Cell) -> String) -> Setting {
    Setting { name, of, is_shared_out: false, is_in_names: false }
}

const fn named(name: &'static str, of: fn(&Cell) -> String) -> Setting {
    Setting { is_in_names: true, ..setting(name, of) }
}

const fn shared_out(name: &'static str, of: fn(&Cell) -> String) -> Setting {
    Setting { is_shared_out: true, ..setting(name, of) }
}

/// Those that names may have come in the order of CSV's columns.
pub(crate) const SETTINGS: [Setting; 22] = [
    setting("transport", |cell| cell.transport.clone()),
    setting("stack", |cell| cell.stack.clone()),
    named("protocol", |cell| cell.protocol.clone()),
    named("runtime", |cell| cell.runtime.clone()),
    named("placement", |cell| cell.placement.clone()),
    named("pin", |cell| cell.pin.clone()),
    named("lanes", |cell| cell.lanes.to_string()),
    Setting { is_in_names: true, ..shared_out("connections", |cell| cell.connections.to_string()) },
    named("options", |cell| cell.options.join(" ")),
    named("target", |cell| cell.target.clone().unwrap_or_default()),
    named("via", |cell| cell.via.clone().unwrap_or_default()),
    named("scenario", |cell| cell.scenario.clone().unwrap_or_default()),
    named("phase", |cell| cell.phase.clone().unwrap_or_default()),
    shared_out("parallel", |cell| cell.parallel.to_string()),
    setting("payload", |cell| cell.payload_bytes.to_string()),
    shared_out("rate", |cell| match &cell.open_loop {
        Some(open) => format!("{} {}/s", open.arrivals, open.rate),
        None => "closed loop".to_owned(),
    }),
    shared_out("max-in-flight", |cell| {
        cell.open_loop.as_ref().map_or(0, |open| open.max_in_flight).to_string()
    }),
    setting("pacer", |cell| cell.open_loop.as_ref().map(|open| open.pacer.clone()).unwrap_or_default()),
    setting("warmup", |cell| format!("{:.2} s", cell.warmup_s)),
    shared_out("window", |cell| cell.window_bytes.to_string()),
    setting("inject-stall", |cell| cell.stalls.join(" ")),
    setting("simulation", |cell| cell.simulated.map(|seed| seed.to_string()).unwrap_or_default()),
];

/// The load in a few words: requests outstanding of a closed loop, rate of an open one.
pub(crate) fn load(cell: &Cell) -> String {
    match &cell.open_loop {
        Some(open) => format!("{}/s", open.rate),
        None => cell.parallel.to_string(),
    }
}
