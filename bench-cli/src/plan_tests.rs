use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

fn planned(line: &str) -> Result<Vec<CellConfig>, String> {
    let words = ["bench-cli", "run"].into_iter().chain(line.split_whitespace());
    match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
        Some(Command::Run(args)) => run(&args, &Registry::standard()),
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
fn all_is_every_transport_of_single_endpoints() {
    let cells = planned("--transport all --stack bare").unwrap();
    let measured: Vec<_> = cells.iter().map(|cell| &*cell.transport).collect();
    let mut registered = Registry::standard().schemes().join(" ");
    assert!(registered.ends_with(" ha"), "{registered}");
    registered.truncate(registered.len() - " ha".len());
    assert_eq!(measured.join(" "), registered);
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
        ("--transport all,tcp", "all: stands alone"),
        ("--target tcp://h:1 --transport channel", "does not go with"),
        ("--stack smoke", "bare"),
        ("--target smoke", "no scheme"),
        ("--target smoke://x", "allowed: all, tcp"),
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
