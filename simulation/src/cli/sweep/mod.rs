//! `sweep`, `replay` and `list`: runs with faults.

mod args;
mod batch;
mod choose;
mod list;
mod replay;
mod report;

pub(super) use self::args::{EXAMPLES, ListArgs, ReplayArgs, SweepArgs};
pub(super) use self::batch::sweep;
pub(super) use self::list::list;
pub(super) use self::replay::replay;

use super::exit::Exit;

/// What a flag that is gone answers.
fn removed(instead: &str) -> Exit {
    eprintln!("error: {instead}");
    Exit::Usage
}
