//! A forwarding plane: packets from one channel to another, without decoding the message and without copying the
//! payload.
//!
//! What it shows: [`listenrain::forward::forward`] below a loop that accepts, dials and counts (`plane.rs`). Only the
//! framing is known here, so it carries every protocol that uses it.
//!
//! ```text
//! cargo run -p listenrain-transports --example forward                     client, forwarder and server in one process
//! cargo run -p listenrain-transports --example forward -- LISTEN UPSTREAM [native|original]
//! ```
//!
//! LISTEN and UPSTREAM are endpoints, such as `tcp://127.0.0.1:7000`; they may be of different transports. Exit codes:
//! 0 well, 1 it failed, 2 wrong usage.

mod plane;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use listenrain::{
    Client, Command, Endpoint, NativePackets, OriginalPackets, PacketCodec, Protocol, RawBytes, Router,
    Server, Transport,
};
use listenrain_transports::Tcp;

use plane::Plane;

const HELP: &str = "\
usage: forward                                      a demo: client, forwarder and server in one process
       forward LISTEN UPSTREAM [native|original]    just the forwarder, until ctrl-c

LISTEN and UPSTREAM are endpoints, such as tcp://127.0.0.1:7000; the last word is the framing, default native";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &words[..] {
        [] => demo().await,
        [listen, upstream] | [listen, upstream, "native"] => {
            carry(listen, upstream, Arc::new(NativePackets::default())).await
        }
        [listen, upstream, "original"] => carry(listen, upstream, Arc::new(OriginalPackets::default())).await,
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

/// Carries packets between two endpoints until ctrl-c.
async fn carry(listen: &str, upstream: &str, codec: Arc<dyn PacketCodec>) -> Result<(), Box<dyn Error>> {
    let registry = listenrain_transports::all();
    let (listen, upstream): (Endpoint, Endpoint) = (listen.parse()?, upstream.parse()?);
    let (from, to) = (registry.for_endpoint(&listen)?, registry.for_endpoint(&upstream)?);
    // An upstream that cannot be understood is told now, not at the first channel.
    to.dialer(&upstream)?;
    let plane = Plane::start(from.listen(&listen).await?, Arc::clone(to), upstream, codec);
    println!("forwarding {} to {}", plane.endpoint(), plane.upstream());
    tokio::signal::ctrl_c().await?;
    println!("{}", plane.finish(Duration::from_secs(5)).await);
    Ok(())
}

/// A client calls a server through a forwarder.
async fn demo() -> Result<(), Box<dyn Error>> {
    const CALLS: usize = 1000;
    let tcp: Arc<dyn Transport> = Arc::new(Tcp::default());
    let protocol = Protocol::builder("echo", RawBytes).build()?;

    let router = Router::new().on(Command(0), |request| async move { Ok(request.message) });
    let server =
        Server::builder(protocol.clone(), router).listen(tcp.listen(&tcp.scratch_endpoint()).await?)?;

    let listener = tcp.listen(&tcp.scratch_endpoint()).await?;
    let codec = Arc::clone(protocol.packets());
    let plane = Plane::start(listener, Arc::clone(&tcp), server.endpoint().clone(), codec);
    println!("client -> {} -> {}", plane.endpoint(), plane.upstream());

    let client = Client::builder(protocol).dial(tcp.dialer(plane.endpoint())?)?;
    for _ in 0..CALLS {
        client.call(vec![7; 4096].into()).await?;
    }
    client.close().await;

    println!("{CALLS} calls of 4 KiB answered");
    println!("{}", plane.finish(Duration::from_secs(5)).await);
    server.drain(Duration::from_secs(5)).await;
    Ok(())
}

/// The error and what it came from, on one line.
fn explain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
