//! Drains servers under load, over every transport, and compares what callers were told with what handlers ran.
//!
//! What it shows: an orderly end loses no call that was taken, and tells nobody "maybe" of one that never ran. Each request
//! carries a number of its own, and the handlers count (`record.rs`). A generator that chooses the next server (`rounds.rs`)
//! takes the callers on.
//!
//! ```text
//! cargo run -p listenrain-transports --example drains -- [DRAINS [SCHEME...]]
//! ```
//!
//! Last comes a control: the packets of the original cannot say goodbye, and the same count notices it. Exit codes: 0 it
//! holds, 1 it does not, 2 wrong usage.

mod record;
mod rounds;

use std::process::ExitCode;
use std::sync::Arc;

use listenrain::{NativePackets, OriginalPackets, Protocol, RawBytes, Transport};

use record::Verdict;
use rounds::Failure;

const DRAINS: usize = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Ok(drains) = arguments.next().map_or(Ok(DRAINS), |text| text.parse()) else {
        eprintln!("usage: drains [DRAINS [SCHEME...]]");
        return ExitCode::from(2);
    };
    let schemes: Vec<_> = arguments.collect();
    let native = Protocol::builder("drained", RawBytes).packets(NativePackets::default()).build();
    let original = Protocol::builder("drained", RawBytes).packets(OriginalPackets::default()).build();
    let (Ok(native), Ok(original)) = (native, original) else { return ExitCode::FAILURE };
    let (registry, mut holds) = (listenrain_transports::all(), true);
    let wanted = |transport: &&Arc<dyn Transport>| {
        schemes.is_empty() || schemes.iter().any(|scheme| scheme == transport.scheme())
    };
    for transport in registry.list().filter(wanted) {
        holds &= match rounds::run(transport, &native, drains).await {
            Ok(verdict) => says(transport.scheme(), drains, &verdict),
            Err(Failure::CannotListen(error)) => {
                println!("{}: skipped, this machine cannot run it: {error}", transport.scheme());
                true
            }
            Err(Failure::Fault(why)) => {
                println!("{}: DOES NOT HOLD: {why}", transport.scheme());
                false
            }
        };
    }
    println!("exec: skipped, one process cannot both dial and listen at it");
    holds &= control(&original, drains).await;
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a verdict; whether it holds.
fn says(scheme: &str, drains: usize, verdict: &Verdict) -> bool {
    println!("{scheme}: {drains} drains, {verdict}");
    verdict.faults.iter().take(5).for_each(|fault| println!("    {fault}"));
    verdict.holds()
}

/// Callers of a protocol without goodbyes are told "maybe" of what was on its way. Were the count blind, it would be so here.
async fn control(original: &Protocol<RawBytes>, drains: usize) -> bool {
    let transport: Arc<dyn Transport> = Arc::new(listenrain_transports::Tcp::default());
    match rounds::run(&transport, original, drains).await {
        Ok(verdict) => {
            println!("control, tcp with the original's packets: {drains} drains, {verdict}");
            verdict.maybe > 0
        }
        Err(failure) => {
            println!("control: DOES NOT HOLD: {failure:?}");
            false
        }
    }
}
