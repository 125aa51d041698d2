//! A good client beside fifty peers that each do one hostile thing, at one server with its defaults.
//!
//! What it shows: the good client is answered, and the server's memory stays within a bound that follows from its limits.
//! Server (`serving.rs`) and hostile peers (`peers.rs`) are processes of their own; the server counts what it allocates.
//!
//! ```text
//! cargo run -p listenrain-transports --example hostile
//! ```
//!
//! Exit codes: 0 it holds, 1 it does not.

mod bound;
#[path = "../../tests/integration/support/counted.rs"]
mod counted;
mod good;
mod peers;
mod serving;

use std::process::ExitCode;

/// Worker threads of each process.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match &words[..] {
                ["serve"] => serving::serve().await,
                ["attack", tcp, tls] => peers::attack(tcp, tls).await,
                _ => good::beside_hostile_peers().await,
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("DOES NOT HOLD: {why}");
            ExitCode::FAILURE
        }
    }
}
