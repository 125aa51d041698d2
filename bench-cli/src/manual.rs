//! The manual pages, made of the same texts as `--help`.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::{Cli, ManArgs};
use crate::exit::Exit;

/// Prints the page of the whole, or writes all pages.
pub(crate) fn manual(args: &ManArgs) -> Exit {
    let command = Cli::command();
    let written = match &args.dir {
        Some(dir) => std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(command, dir))
            .map_err(|error| format!("--dir: cannot write into {}: {error}", dir.display())),
        None => print(command).map_err(|error| format!("cannot print: {error}")),
    };
    match written {
        Ok(()) => Exit::Well,
        Err(why) => {
            eprintln!("error: {why}");
            Exit::RowFailed
        }
    }
}

/// A reader that has had enough, such as `head`, is no failure.
fn print(command: clap::Command) -> io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    match io::stdout().write_all(&page) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
