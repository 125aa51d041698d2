//! Runs with faults: the sweep and what it finds, the networks that it plays on, and the simulator below them.

mod faulty;
mod found;
mod hooks;
mod network;
mod noticed;
mod own_sweep;
mod probes;
mod real_time;
mod sweep;

use listenrain_simulation::allocations::AllocationCounter;

// Some mistakes of faulty stacks show in memory.
#[global_allocator]
static ALLOCATOR: AllocationCounter = AllocationCounter;
