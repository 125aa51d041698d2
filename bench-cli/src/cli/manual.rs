//! `bench-cli man` and `bench-cli completions`, made of the same texts as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::exit::failure;
use super::{Cli, Exit};
use crate::streams;

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  bench-cli man
  bench-cli man --dir man1    every page: bench-cli.1, bench-cli-run.1, …

Read one with `man -l man1/bench-cli-run.1`, or put the folder `man1` below one of `manpath`.";

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  bench-cli completions bash
  bench-cli completions zsh
  bench-cli completions fish
  bench-cli completions elvish
  bench-cli completions powershell

Where to put what is printed:
  bash        ~/.local/share/bash-completion/completions/bench-cli
  zsh         _bench-cli in a folder of $fpath, such as ~/.zfunc
  fish        ~/.config/fish/completions/bench-cli.fish
  elvish      at the end of ~/.config/elvish/rc.elv
  powershell  at the end of the file that $PROFILE names";

/// Where the pages go.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into DIR, which is made if need be, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Prints the page of the whole, or writes all pages.
pub(super) fn manual(args: &ManArgs) -> Exit {
    let command = Cli::command();
    let written = match &args.dir {
        Some(dir) => std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(command, dir))
            .map_err(|error| format!("--dir: cannot write into {}: {error}", dir.display())),
        None => page(command).and_then(|page| streams::print(&page)),
    };
    match written {
        Ok(()) => Exit::Well,
        Err(why) => failure(&why),
    }
}

/// The script for `shell`.
pub(super) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bench-cli", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn page(command: clap::Command) -> Result<Vec<u8>, String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| format!("cannot print: {error}"))?;
    Ok(page)
}
