//! The load tool of ListenRain: reproduces the original's table, and measures any transport the same way.
//!
//! Start here: [`main_with`] is the whole program; give it a [`Registry`] with a transport of your own and your binary
//! is the tool.
//!
//! - `cli` says what can be typed, `plan` makes [`config::CellConfig`]s of it, `session` measures them one by one.
//! - `output` tries where the files go before that.
//! - `launch` starts a process for each cell; `cell` is that process's side, with the timed window.
//! - [`stack`] drives a transport: `bare` is the transport alone. [`meter`] counts, [`stamp`] checks every reply.
//! - `compare`, `check` and `search` measure several cells and say what follows, by `stats`. `workers` are several hosts.
//! - `tick` is what a cell tells meanwhile. `doctor` and `machine` say what it is measured on.
//! - [`scenario`] reads load from a file: phases, mixes, faults; on real transports and in the simulation.
//! - `report` shows, and `rerender` shows again what was measured before; [`original`] knows the original's benchmark message.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod cell;
mod check;
mod cli;
mod compare;
pub mod config;
mod descriptors;
mod doctor;
mod exit;
mod launch;
mod listing;
mod machine;
mod manual;
pub mod meter;
pub mod original;
mod output;
mod plan;
mod random;
mod registry;
mod report;
mod rerender;
pub mod scenario;
mod search;
mod serve;
mod session;
pub mod stack;
pub mod stamp;
mod stats;
mod tick;
mod workers;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use registry::Registry;

use crate::cli::{Cli, Command};
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::report::tables;

/// Runs the tool on this process's arguments, with what `registry` knows.
///
/// It starts this program again for each cell, so a program of your own calls this first thing in its `main`.
#[must_use]
pub fn main_with(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match cli.command.unwrap_or_else(|| Command::Table(Box::new(cli.table))) {
        Command::Table(args) => planned(plan::table(&args, &registry), |plan| {
            session::run(plan, &plan::repeat(&args.repeat, args.seed), &registry, &args.output, tables::table)
        }),
        Command::Run(args) if args.worker.rendezvous.is_some() => {
            planned(plan::run(&args, &registry), |plan| {
                let repeat = plan::repeat(&args.repeat, args.drive.seed);
                session::spread::run(plan, &repeat, &registry, &args.worker, &args.output)
            })
        }
        Command::Run(args) => planned(plan::run(&args, &registry), |plan| {
            session::run(
                plan,
                &plan::repeat(&args.repeat, args.drive.seed),
                &registry,
                &args.output,
                tables::cells,
            )
        }),
        Command::Compare(args) => compare::compare(&args, &registry).into(),
        Command::Aa(args) => compare::aa(&args, &registry).into(),
        Command::Check(args) => check::check(&args, &registry).into(),
        Command::Search(args) => search::search(&args, &registry).into(),
        Command::Scenario(args) => scenario::scenario(&args, &registry).into(),
        Command::Serve(args) => serve::serve(&args, &registry).into(),
        Command::Merge(args) => workers::merge_files(&args).into(),
        Command::Transports => {
            print!("{}", listing::listing(&registry));
            Exit::Well.into()
        }
        Command::Doctor(args) => doctor::doctor(&args).into(),
        Command::Report(args) => rerender::report(&args).into(),
        Command::Schema => {
            print!("{}", listenrain_results::json_schema());
            Exit::Well.into()
        }
        Command::Man(args) => manual::manual(&args).into(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "bench-cli", &mut std::io::stdout());
            Exit::Well.into()
        }
        Command::Cell { order } => cell::main(&order, &registry),
    }
}

fn planned(plan: Result<Vec<CellConfig>, String>, measure: impl FnOnce(&[CellConfig]) -> Exit) -> ExitCode {
    match plan {
        Ok(plan) => measure(&plan).into(),
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage.into()
        }
    }
}
