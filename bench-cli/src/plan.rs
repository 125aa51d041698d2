//! From what was typed to the cells that are measured, in their order.

use std::time::Duration;

use listenrain::Endpoint;
use listenrain_results::original;

use crate::cli::units::size_text;
use crate::cli::{DriveArgs, RepeatArgs, RunArgs, TableArgs};
use crate::config::{CellConfig, Placement, ProtocolChoice};
use crate::descriptors;
use crate::registry::Registry;
use crate::session::Repeat;
use crate::stack::Stack;

/// The window of the table: 64 MiB, so that its last row holds 16 payloads and not 1,000.
const TABLE_WINDOW: usize = 64 << 20;

/// The stack that the others are measured by.
const BARE: &str = "bare";

/// The original's rows, each on every transport and stack: those of one row follow one another, so that they share the
/// machine's mood.
///
/// # Errors
///
/// A text for the user that says what is allowed.
pub(crate) fn table(args: &TableArgs, registry: &Registry) -> Result<Vec<CellConfig>, String> {
    once("--transport", &args.transport)?;
    let transports = transports(&args.transport, registry)?;
    let mut cells = Vec::new();
    for row in &original::ROWS {
        for transport in &transports {
            for stack in registry.stacks() {
                cells.push(CellConfig {
                    transport: transport.clone(),
                    stack: stack.name().to_owned(),
                    runtime: args.runtime,
                    protocol: stack.protocols()[0],
                    parallel: row.parallel,
                    payload: row.payload_bytes as usize,
                    warmup: args.warmup,
                    duration: args.duration,
                    lanes: 1,
                    connections: 1,
                    window: TABLE_WINDOW,
                    ..CellConfig::default()
                });
            }
        }
    }
    cells.iter().try_for_each(|cell| measurable(cell, registry))?;
    Ok(cells)
}

/// Every combination of the lists, stacks innermost.
///
/// # Errors
///
/// A text for the user that says what is allowed.
pub(crate) fn run(args: &RunArgs, registry: &Registry) -> Result<Vec<CellConfig>, String> {
    all_once(args)?;
    let drive = &args.drive;
    driven(drive, &args.parallel)?;
    let transports = match &args.target {
        Some(target) => vec![targets(target, &args.transport, registry)?],
        None => transports(&args.transport, registry)?,
    };
    let stacks = stacks(args, registry)?;
    via(args, &stacks)?;
    let options = options(&args.set, &transports, registry)?;
    let mut cells = Vec::new();
    for transport in &transports {
        let own = options.iter().filter(|(scheme, ..)| scheme == transport);
        let own: Vec<_> = own.map(|(_, name, value)| (name.clone(), value.clone())).collect();
        for (placement, runtime) in pairs(&args.placement, &args.runtime) {
            for (payload, parallel) in pairs(&args.payload, &args.parallel) {
                for (stack, protocol) in spoken(&stacks, &args.protocol)? {
                    cells.push(CellConfig {
                        transport: transport.clone(),
                        stack,
                        runtime,
                        protocol,
                        parallel,
                        payload,
                        warmup: drive.warmup,
                        duration: drive.duration,
                        lanes: drive.lanes,
                        connections: drive.connections,
                        window: drive.window,
                        options: own.clone(),
                        target: args.target.clone(),
                        via: args.via.clone(),
                        placement,
                        pins: drive.pin.clone().unwrap_or_default(),
                        open: drive.open(),
                        stalls: drive.inject_stall.clone(),
                        is_worker: false,
                        scenario: None,
                        phase: None,
                    });
                }
            }
        }
    }
    cells.iter().try_for_each(|cell| measurable(cell, registry))?;
    Ok(cells)
}

/// Every combination of both lists, the second innermost.
fn pairs<A: Clone, B: Clone>(outer: &[A], inner: &[B]) -> Vec<(A, B)> {
    outer.iter().flat_map(|one| inner.iter().map(|other| (one.clone(), other.clone()))).collect()
}

/// What of the drive cannot be, whatever the cell.
fn driven(drive: &DriveArgs, parallel: &[u64]) -> Result<(), String> {
    let channels = drive.connections * drive.lanes;
    if drive.rate.is_some() {
        return match parallel {
            [1] => Ok(()),
            _ => Err("--parallel does not go with --rate: an open loop has no callers that wait".to_owned()),
        };
    }
    match parallel.iter().find(|parallel| **parallel < channels) {
        Some(parallel) => Err(format!(
            "--parallel {parallel} is fewer than --connections x --lanes = {channels}: some would stay idle"
        )),
        None => Ok(()),
    }
}

/// What of a cell can be told to be impossible before anything is started.
///
/// # Errors
///
/// A text for the user that says what to change.
pub(crate) fn measurable(cell: &CellConfig, registry: &Registry) -> Result<(), String> {
    let CellConfig { warmup, duration, .. } = cell;
    let least = *warmup + 3 * cell.window_length();
    if *duration < least {
        // Rounded up, so that what is advised is enough.
        let text = |time: Duration| {
            humantime::format_duration(Duration::from_millis(time.as_micros().div_ceil(1000) as u64))
        };
        return Err(format!(
            "--duration {} is shorter than --warmup {} and three windows of {}: make it {} or longer, or the warm-up shorter",
            text(*duration),
            text(*warmup),
            text(cell.window_length()),
            text(least)
        ));
    }
    if let Some(stall) = cell.stalls.iter().find(|stall| stall.at + stall.length > *duration) {
        return Err(format!(
            "--inject-stall {:?}@{:?} ends after --duration {duration:?}: nobody would see its end",
            stall.length, stall.at
        ));
    }
    if !cell.stalls.is_empty() && cell.target.is_some() {
        return Err("--inject-stall does not go with --target: it is the server that stalls, and that one is elsewhere".to_owned());
    }
    let ends = if cell.target.is_none() && cell.placement == Placement::Same { 2 } else { 1 };
    descriptors::ensure(descriptors::needed(cell, ends))?;
    let placed = cell.placement == Placement::Split;
    if placed && cell.target.is_some() {
        return Err(
            "--placement split does not go with --target: that server is elsewhere already".to_owned()
        );
    }
    if placed && cell.via.is_some() {
        return Err("--placement split does not go with --via: the forwarder stands in the server's process"
            .to_owned());
    }
    if !cell.pins.server.is_empty() && !placed {
        return Err("--pin server=… needs --placement split: in one process both ends share its processors"
            .to_owned());
    }
    let between =
        registry.transport(&cell.transport).is_none_or(|known| known.capabilities().between_processes);
    if placed && !between {
        let named: Vec<_> = registry
            .transports()
            .iter()
            .filter(|known| known.capabilities().between_processes)
            .map(|known| known.scheme())
            .collect();
        return Err(format!(
            "--placement split: {} lives inside one process; those that do not: {}",
            cell.transport,
            named.join(", ")
        ));
    }
    Ok(())
}

/// How often each cell is launched.
pub(crate) fn repeat(args: &RepeatArgs, seed: u64) -> Repeat {
    let least = if args.until.is_some() { Repeat::FEWEST } else { 1 };
    let launches = args.launches.max(least);
    let most = if args.until.is_some() { args.max_launches.max(launches) } else { launches };
    Repeat { launches, until: args.until, most, seed }
}

/// A value that stands in its list twice would be measured twice.
fn all_once(args: &RunArgs) -> Result<(), String> {
    once("--transport", &args.transport)?;
    once("--stack", &args.stack)?;
    once("--protocol", &args.protocol)?;
    once("--runtime", &args.runtime)?;
    once("--placement", &args.placement)?;
    once("--parallel", &args.parallel)?;
    once("--payload", args.payload.iter().map(|bytes| size_text(*bytes as u64)))?;
    once("--set", args.set.iter().map(|text| text.split_once('=').map_or(text.as_str(), |(key, _)| key)))
}

fn once(flag: &str, values: impl IntoIterator<Item = impl ToString>) -> Result<(), String> {
    let mut seen = Vec::new();
    for value in values {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err(format!("{flag} {value}: given twice"));
        }
        seen.push(value);
    }
    Ok(())
}

/// A forwarder stands before a server of this process, and carries packets: a stack without them has none.
fn via(args: &RunArgs, stacks: &[&dyn Stack]) -> Result<(), String> {
    if args.via.is_none() {
        return Ok(());
    }
    if args.target.is_some() {
        return Err("--via forward does not go with --target: it forwards to a server of its own".to_owned());
    }
    match stacks.iter().find(|stack| !stack.forwards()) {
        Some(stack) => Err(format!("--via forward: stack {} has no packets to forward", stack.name())),
        None => Ok(()),
    }
}

/// The stack of that name, or the default.
///
/// # Errors
///
/// A text for the user that says what is allowed.
pub(crate) fn stack<'a>(name: Option<&str>, registry: &'a Registry) -> Result<&'a dyn Stack, String> {
    let Some(name) = name else {
        return registry
            .stacks()
            .first()
            .map(|stack| &**stack)
            .ok_or_else(|| "no stack is built in".to_owned());
    };
    let names: Vec<_> = registry.stacks().iter().map(|stack| stack.name()).collect();
    let found = registry.stack(name).map(|stack| &**stack);
    found.ok_or_else(|| format!("--stack {name}: unknown; allowed: {}", names.join(", ")))
}

/// The protocol asked for, if `stack` speaks it, or its own.
pub(crate) fn protocol(asked: Option<ProtocolChoice>, stack: &dyn Stack) -> Result<ProtocolChoice, String> {
    let spoken = stack.protocols();
    match asked {
        // A stack without packets takes whatever protocol the others are measured with.
        Some(asked) if spoken != [ProtocolChoice::Stream] => {
            let names: Vec<_> = spoken.iter().map(ToString::to_string).collect();
            let unknown = || format!("--protocol {asked}: {} speaks {}", stack.name(), names.join(", "));
            spoken.contains(&asked).then_some(asked).ok_or_else(unknown)
        }
        _ => Ok(spoken[0]),
    }
}

/// Each stack with each protocol that it is to speak; one without packets once only.
fn spoken(stacks: &[&dyn Stack], asked: &[ProtocolChoice]) -> Result<Vec<(String, ProtocolChoice)>, String> {
    let mut spoken = Vec::new();
    for stack in stacks {
        let asked: Vec<_> =
            if asked.is_empty() { vec![None] } else { asked.iter().copied().map(Some).collect() };
        for asked in asked {
            let pair = (stack.name().to_owned(), protocol(asked, *stack)?);
            if !spoken.contains(&pair) {
                spoken.push(pair);
            }
        }
    }
    Ok(spoken)
}

/// Those asked for; else the default beside `bare`, where that can be driven too.
fn stacks<'a>(args: &RunArgs, registry: &'a Registry) -> Result<Vec<&'a dyn Stack>, String> {
    if !args.stack.is_empty() {
        return args.stack.iter().map(|name| stack(Some(name), registry)).collect();
    }
    let default = stack(None, registry)?;
    let alone = args.target.is_some() || args.via.is_some() || default.name() == BARE;
    let bare = registry.stack(BARE).filter(|_| !alone).map(|bare| &**bare);
    Ok([default].into_iter().chain(bare).collect())
}

/// The schemes asked for, of which `all` is every transport of single endpoints: a list is its members, which are
/// measured by themselves.
pub(crate) fn transports(asked: &[String], registry: &Registry) -> Result<Vec<String>, String> {
    match asked {
        [] => Ok(vec![default_transport(registry)?]),
        [all] if all == "all" => {
            let singles = registry.transports().iter().filter(|known| !known.scratch_endpoint().is_list());
            Ok(singles.map(|known| known.scheme().to_owned()).collect())
        }
        some => some.iter().map(|scheme| known_transport(scheme, registry)).collect(),
    }
}

/// The scheme of a live server's endpoint.
fn targets(target: &str, asked: &[String], registry: &Registry) -> Result<String, String> {
    let endpoint: Endpoint = target.parse().map_err(|error| format!("--target: {error}"))?;
    let scheme = known_transport(endpoint.scheme(), registry)?;
    match asked.iter().find(|other| **other != scheme) {
        Some(other) => Err(format!("--transport {other} does not go with --target {target}")),
        None => Ok(scheme),
    }
}

fn default_transport(registry: &Registry) -> Result<String, String> {
    let first = registry.schemes().first().map(|scheme| (*scheme).to_owned());
    first.ok_or_else(|| "no transport is registered".to_owned())
}

fn known_transport(scheme: &str, registry: &Registry) -> Result<String, String> {
    let allowed = || {
        let alone = if scheme == "all" { "stands alone" } else { "unknown" };
        format!("transport {scheme}: {alone}; allowed: all, {}", registry.schemes().join(", "))
    };
    registry.transport(scheme).map(|known| known.scheme().to_owned()).ok_or_else(allowed)
}

type SchemeOption = (String, String, String);

/// What `--set` says: scheme, name, value, each tried on its transport before anything runs.
fn options(set: &[String], transports: &[String], registry: &Registry) -> Result<Vec<SchemeOption>, String> {
    let mut options = Vec::new();
    for text in set {
        let parts = text.split_once('=').and_then(|(key, value)| Some((key.split_once('.')?, value)));
        let Some(((scheme, name), value)) = parts else {
            return Err(format!("--set {text}: write it as SCHEME.NAME=VALUE, such as tcp.nodelay=false"));
        };
        if !transports.iter().any(|transport| transport == scheme) {
            return Err(format!("--set {text}: {scheme} is not measured; it is {}", transports.join(", ")));
        }
        if let Some(known) = registry.transport(scheme) {
            let endpoint = known.scratch_endpoint().with_option(name, value);
            known.dialer(&endpoint).map_err(|error| format!("--set {text}: {}", error.why))?;
        }
        options.push((scheme.to_owned(), name.to_owned(), value.to_owned()));
    }
    Ok(options)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
