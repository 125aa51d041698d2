//! The plan: the cells that the arguments ask for, in their order.

use std::sync::Arc;
use std::time::Duration;

use listenrain::Transport;
use listenrain_results::original;

use super::drive::{CellsArgs, DriveArgs};
use super::planned::{Planned, unfit};
use super::run::TableArgs;
use super::selection::{endpoint, once, options, protocol, stack, targets, transports};
use crate::cell::with_options;
use crate::drive::{Registry, Stack};
use crate::load::{CellConfig, Placement, ProtocolChoice};
use crate::units::size_text;

/// The window of the table: 64 MiB, so that its last row holds 16 payloads and not 1,000.
const TABLE_WINDOW: usize = 64 << 20;

/// The stack that the others are measured by.
const BARE: &str = "bare";

/// The original's rows, each on every transport and stack: those of one row follow one another, so that they share the
/// machine's drift.
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
            for stack in registry.stacks().iter().filter(|stack| stack.is_in_table()) {
                cells.push(CellConfig {
                    transport: transport.clone(),
                    stack: stack.name().to_owned(),
                    runtime: args.runtime,
                    protocol: stack.protocols()[0],
                    parallel: row.parallel,
                    payload: row.payload_bytes as usize,
                    warmup: args.warmup,
                    duration: args.duration,
                    window: TABLE_WINDOW,
                    ..CellConfig::default()
                });
            }
        }
    }
    cells.iter().try_for_each(|cell| measurable(cell, registry))?;
    Ok(cells)
}

/// Every combination of the lists, stacks innermost; without those that a stack leaves out.
///
/// # Errors
///
/// A text for the user that says what is allowed.
pub(crate) fn cells(
    args: &CellsArgs,
    target: Option<&String>,
    via: Option<&String>,
    registry: &Registry,
) -> Result<Planned, String> {
    all_once(args)?;
    let drive = &args.drive;
    driven(drive, &args.parallel)?;
    let transports = match target {
        Some(target) => vec![targets(target, &args.transport, registry)?],
        None => transports(&args.transport, registry)?,
    };
    let stacks = stacks(&args.stack, target.or(via).is_some(), registry)?;
    forwarded(target, via, &stacks)?;
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
                        target: target.cloned(),
                        via: via.cloned(),
                        placement,
                        pins: drive.pin.clone().unwrap_or_default(),
                        open: drive.open(),
                        stalls: drive.inject_stall.clone(),
                        ..CellConfig::default()
                    });
                }
            }
        }
    }
    Planned::of(cells, registry)
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
    if let Some(unfit) = unfit(cell, registry) {
        return Err(unfit.to_string());
    }
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
    let ends = if cell.target.is_none() && cell.placement == Placement::Same { 2 } else { 1 };
    cell.ensure_descriptors(ends)?;
    if let Some(stall) = cell.stalls.iter().find(|stall| stall.at + stall.length > *duration) {
        return Err(format!(
            "--inject-stall {stall} ends after --duration {duration:?}: its end would not be seen"
        ));
    }
    let (is_split, is_elsewhere) = (cell.placement == Placement::Split, cell.target.is_some());
    let between = |known: &&Arc<dyn Transport>| known.capabilities().between_processes;
    if is_split && registry.transport(&cell.transport).is_some_and(|known| !between(&known)) {
        let others: Vec<_> = registry.transports().filter(between).map(|known| known.scheme()).collect();
        return Err(format!(
            "--placement split: {} lives inside one process; those that do not: {}",
            cell.transport,
            others.join(", ")
        ));
    }
    if let Some(target) = &cell.target {
        let (endpoint, known) = endpoint("--target", target, registry)?;
        let dialer = known.dialer(&with_options(endpoint, cell));
        dialer.map_err(|error| format!("--target: {error}"))?;
    }
    let refused = [
        (
            !cell.stalls.is_empty() && is_elsewhere,
            "--inject-stall does not go with --target: it is the server that stalls, and that one is elsewhere",
        ),
        (
            is_split && is_elsewhere,
            "--placement split does not go with --target: that server is elsewhere already",
        ),
        (
            is_split && cell.via.is_some(),
            "--placement split does not go with --via: the forwarder stands in the server's process",
        ),
        (
            !cell.pins.server.is_empty() && !is_split,
            "--pin server=… needs --placement split: in one process both ends share its processors",
        ),
    ];
    match refused.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, why)) => Err(why.to_owned()),
        None => Ok(()),
    }
}

/// A value that stands in its list twice would be measured twice.
fn all_once(args: &CellsArgs) -> Result<(), String> {
    once("--transport", &args.transport)?;
    once("--stack", &args.stack)?;
    once("--protocol", &args.protocol)?;
    once("--runtime", &args.runtime)?;
    once("--placement", &args.placement)?;
    once("--parallel", &args.parallel)?;
    once("--payload", args.payload.iter().map(|bytes| size_text(*bytes as u64)))?;
    once("--set", args.set.iter().map(|text| text.split_once('=').map_or(text.as_str(), |(key, _)| key)))
}

/// A forwarder stands before a server of this process, and carries packets: a stack without them has none.
fn forwarded(target: Option<&String>, via: Option<&String>, stacks: &[&dyn Stack]) -> Result<(), String> {
    if via.is_none() {
        return Ok(());
    }
    if target.is_some() {
        return Err("--via forward does not go with --target: it forwards to a server of its own".to_owned());
    }
    match stacks.iter().find(|stack| !stack.forwards()) {
        Some(stack) => Err(format!("--via forward: stack {} has no packets to forward", stack.name())),
        None => Ok(()),
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
fn stacks<'a>(
    asked: &[String],
    is_alone: bool,
    registry: &'a Registry,
) -> Result<Vec<&'a dyn Stack>, String> {
    if !asked.is_empty() {
        return asked.iter().map(|name| stack(Some(name), registry)).collect();
    }
    let default = stack(None, registry)?;
    let bare = registry.stack(BARE).filter(|_| !is_alone && default.name() != BARE).map(|bare| &**bare);
    Ok([default].into_iter().chain(bare).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn planned(line: &str) -> Result<Vec<CellConfig>, String> {
        let words = ["bench-cli", "run"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Some(Command::Run(args)) => {
                cells(&args.cells, args.target.as_ref(), args.via.as_ref(), &Registry::standard())
                    .map(|plan| plan.cells)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_combination_of_the_lists_is_a_cell() {
        let cells =
            planned("--stack bare --parallel 1,16 --payload 4KiB,4MiB --runtime current,multi:2").unwrap();
        assert_eq!(cells.len(), 8);
        assert_eq!((cells[0].parallel, cells[1].parallel), (1, 16));
        assert_eq!((cells[1].payload, cells[2].payload), (4096, 4 << 20));
    }

    #[test]
    fn unless_told_otherwise_a_cell_stands_beside_its_bare() {
        let stacks = |line| planned(line).unwrap().into_iter().map(|cell| cell.stack).collect::<Vec<_>>();
        assert_eq!(stacks(""), ["listenrain", "bare"]);
        for line in ["--target tcp://h:1", "--via forward", "--stack listenrain"] {
            assert_eq!(stacks(line), ["listenrain"], "{line}");
        }
    }

    #[test]
    fn a_stack_without_packets_is_measured_once_whatever_the_protocols() {
        let cells = planned("--stack bare --protocol native,original").unwrap();
        assert_eq!((cells.len(), cells[0].protocol), (1, ProtocolChoice::Stream));
    }

    #[test]
    fn the_window_bounds_what_is_outstanding() {
        let cells = planned("--parallel 1000 --payload 4MiB").unwrap();
        assert_eq!(cells[0].outstanding(), 16);
        assert_eq!(planned("--payload 4MiB --window 1MiB").unwrap()[0].outstanding(), 1);
        assert_eq!(planned("--parallel 7").unwrap()[0].outstanding(), 7);
    }

    #[test]
    fn what_cannot_be_measured_is_refused_with_what_is_allowed() {
        for (line, says) in [
            ("--transport smoke", "allowed: all, tcp"),
            // Or one cell would be measured twice under two spellings.
            ("--transport tcp,TCP", "allowed: all, tcp"),
            ("--transport all,tcp", "all: stands alone"),
            ("--target tcp://h:1 --transport channel", "does not go with"),
            ("--stack smoke", "bare"),
            ("--target smoke", "no scheme"),
            ("--target smoke://x", "no transport has scheme `smoke`; there are: tcp"),
            ("--target tcp://localhost", "endpoint `tcp://localhost`: has no port; write it like"),
            ("--target tcp://localhost:1/path", "endpoint `tcp://localhost:1/path`: port `1/path` must be"),
            ("--target tcp://me@localhost:1", "host `me@localhost` is neither a name nor an address"),
            ("--target tcp://h:1?smoke=1", "no option"),
            ("--set nodelay", "SCHEME.NAME=VALUE"),
            ("--set unix.x=1", "not measured"),
            ("--set tcp.nodelay=perhaps", "true, false"),
            ("--set tcp.smoke=1", "no option"),
            ("--connections 4", "fewer than"),
            ("--duration 1s --warmup 1s", "three windows of"),
            ("--duration 300ms", "make it 1s 30ms or longer"),
            ("--transport tcp,channel,tcp", "--transport tcp: given twice"),
            ("--stack bare,bare", "--stack bare: given twice"),
            ("--protocol native,native", "--protocol native: given twice"),
            ("--runtime multi:2,multi:2", "--runtime multi:2: given twice"),
            ("--parallel 1,16,1", "--parallel 1: given twice"),
            ("--payload 4KiB,4096B", "--payload 4KiB: given twice"),
            ("--set tcp.nodelay=true --set tcp.nodelay=false", "--set tcp.nodelay: given twice"),
            ("--via forward --stack bare", "no packets to forward"),
            ("--via forward --stack floor", "no packets to forward"),
            ("--stack in-place --target tcp://h:1", "it has no server"),
            ("--via magic", "possible values: forward"),
        ] {
            let error = planned(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn the_table_is_the_originals_rows_in_their_order() {
        let args = Cli::try_parse_from(["bench-cli"]).unwrap().table;
        let cells = table(&args, &Registry::standard()).unwrap();
        assert!(cells.iter().all(|cell| cell.transport == "tcp"));
        assert!(cells.iter().all(|cell| ["listenrain", "bare"].contains(&&*cell.stack)));
        let rows: Vec<_> = cells.iter().filter(|cell| cell.stack == "bare").collect();
        assert_eq!(rows.len(), 12);
        for (cell, row) in rows.iter().zip(&original::ROWS) {
            assert_eq!((cell.parallel, cell.payload as u64), (row.parallel, row.payload_bytes));
        }
        let all: std::time::Duration = cells.iter().map(|cell| cell.warmup + cell.duration).sum();
        assert!(all.as_secs() <= 150, "under three minutes with both stacks");
    }

    #[test]
    fn the_table_of_several_transports_has_each_row_of_all_of_them_together() {
        let line = ["bench-cli", "table", "--transport", "channel,tcp"];
        let Some(Command::Table(args)) = Cli::try_parse_from(line).unwrap().command else { panic!("table") };
        let cells = table(&args, &Registry::standard()).unwrap();
        let first: Vec<_> = cells.iter().take(4).map(|cell| (&*cell.transport, cell.parallel)).collect();
        assert_eq!((first, cells.len()), (vec![("channel", 1), ("channel", 1), ("tcp", 1), ("tcp", 1)], 48));
    }
}
