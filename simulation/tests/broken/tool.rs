//! The tool with broken transports and a faulty stack, to see what the conformance kit and a sweep say of them:
//! `cargo run -p listenrain-simulation --example broken -- conformance --transport drops-a-byte --case B01`, or
//! `… replay --seed 0 --scenario lr03-a-lost-link-is-told --world memory`.

#[path = "mod.rs"]
mod broken;
#[path = "../faulty/mod.rs"]
mod faulty;

use std::process::ExitCode;

use listenrain_simulation::Tool;
use listenrain_simulation::gauge::Counted;
use listenrain_simulation::lineup::Lineup;

use self::broken::fixtures::{SOUND, fixtures};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn main() -> ExitCode {
    let sound = SOUND.into_iter().fold(Lineup::empty(), |lineup, (name, make)| lineup.with(name, make));
    let lineup = fixtures().fold(sound, |lineup, fixture| lineup.with(fixture.name, fixture.make));
    let faulty = faulty::list::all().find(|faulty| faulty.name == "silent-loss");
    Tool::default().lineup(lineup).shared_stack(faulty.expect("it is in the list").stack()).main()
}
