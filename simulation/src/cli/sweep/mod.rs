//! `sweep`, `replay` and `list`: runs with faults.

mod args;
mod batch;
mod list;
mod replay;
mod report;

pub(super) use self::args::{EXAMPLES, ListArgs, ReplayArgs, SweepArgs};
pub(super) use self::batch::sweep;
pub(super) use self::list::list;
pub(super) use self::replay::replay;
