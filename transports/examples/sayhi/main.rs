//! Says hi: the example of the original, wire-compatible with it in both directions.
//!
//! What it shows: a wire format of one's own (`protocol.rs`), a server with a handler, and a client that calls in the
//! three ways that there are: awaiting the reply, blocking a plain thread for it, and handing it to a state machine
//! (`sides.rs`).
//!
//! ```text
//! cargo run -p listenrain-transports --example sayhi                      both sides, on a free port
//! cargo run -p listenrain-transports --example sayhi -- server [ADDR]     until ctrl-c
//! cargo run -p listenrain-transports --example sayhi -- client [ADDR]
//! ```
//!
//! ADDR is `host:port` or `tcp://host:port`, by default the original's port on this host. Exit codes: 0 well, 1 it failed, 2 wrong usage.

mod protocol;
mod sides;

use std::error::Error;
use std::process::ExitCode;

use listenrain::Transport;
use listenrain_transports::Tcp;

const HELP: &str = "\
usage: sayhi                  both sides in one process, on a free port
       sayhi server [ADDR]    serves until ctrl-c
       sayhi client [ADDR]    says hi to a server
ADDR is host:port or tcp://host:port; default 127.0.0.1:8899";

const DEFAULT_ADDR: &str = "127.0.0.1:8899";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &words[..] {
        [] => both().await,
        ["server"] => server(DEFAULT_ADDR).await,
        ["server", address] => server(address).await,
        ["client"] => client(DEFAULT_ADDR).await,
        ["client", address] => client(address).await,
        ["-h" | "--help" | "help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn both() -> Result<(), Box<dyn Error>> {
    let server = sides::serve(&Tcp::default().scratch_endpoint(), print_request).await?;
    println!("server: listening at {}", server.endpoint());
    client(server.endpoint().address()).await?;
    server.drain(protocol::TIMEOUT).await;
    Ok(())
}

async fn server(address: &str) -> Result<(), Box<dyn Error>> {
    let server = sides::serve(&sides::endpoint(address)?, print_request).await?;
    println!("server: listening at {}", server.endpoint());
    tokio::select! {
        biased;
        ended = server.ended() => ended?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    server.drain(protocol::TIMEOUT).await;
    Ok(())
}

async fn client(address: &str) -> Result<(), Box<dyn Error>> {
    for (way, reply) in sides::greet(&sides::endpoint(address)?).await? {
        println!("client: {way}: {reply}");
    }
    Ok(())
}

fn print_request(name: &str) {
    println!("server: {name} says hi");
}

/// The error and what it came from, on one line.
fn explain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
