//! `bench-cli man` and `bench-cli completions`.

use std::path::PathBuf;

use clap::Args;

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
