//! The tool with the transports of this repository.

use std::process::ExitCode;

use listenrain_simulation::allocations::AllocationCounter;
use listenrain_simulation::registry::Subjects;

#[global_allocator]
static ALLOCATOR: AllocationCounter = AllocationCounter;

fn main() -> ExitCode {
    listenrain_simulation::main_with(Subjects::ours())
}
