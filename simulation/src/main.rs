//! The tool with the transports of this repository.

use std::process::ExitCode;

use listenrain_simulation::gauge::Counted;
use listenrain_simulation::lineup::Lineup;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn main() -> ExitCode {
    listenrain_simulation::main_with(Lineup::ours())
}
