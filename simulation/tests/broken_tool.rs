//! The tool with broken transports and a faulty stack, to see what the conformance kit and a sweep say of them:
//! `cargo run -p listenrain-simulation --example broken -- conformance --transport drops-a-byte --case B01`, or
//! `… replay --seed 0 --scenario lr03-a-lost-link-is-told --network memory`.

mod broken;
mod faulty;
mod hooks;

use std::process::ExitCode;

use listenrain_simulation::Tool;
use listenrain_simulation::allocations::AllocationCounter;
use listenrain_simulation::registry::Subjects;

use self::broken::fixtures::{SOUND, fixtures};

#[global_allocator]
static ALLOCATOR: AllocationCounter = AllocationCounter;

fn main() -> ExitCode {
    let sound =
        SOUND.into_iter().fold(Subjects::empty(), |registry, (name, _, make)| registry.with(name, make));
    let registry = fixtures().fold(sound, |registry, fixture| registry.with(fixture.name, fixture.make));
    let faulty = faulty::list::all().find(|faulty| faulty.name == "silent-loss");
    Tool::default().registry(registry).shared_stack(faulty.expect("it is in the list").stack()).main()
}
