//! A thousand callers with 4 MiB each, all at once, on one connection over TCP with default limits.
//!
//! What it shows: every call is answered with its own bytes, and what client and server allocate, in one process, stays within
//! 512 MiB, although the callers ask for eight times as much. Nothing but the limits holds the callers back.
//!
//! ```text
//! cargo run -p listenrain-transports --example large
//! ```
//!
//! Last comes a control: with limits of 1 GiB the same callers need more than 512 MiB. Exit codes: 0 it holds, 1 it does
//! not.

#[path = "../../tests/integration/support/counted.rs"]
mod counted;

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{
    Client, ConnectionLimits, Protocol, RawBytes, Request, Router, Server, ServerLimits, Transport,
};
use listenrain_transports::Tcp;
use tokio::task::JoinSet;

use counted::{LIVE, PEAK};

const CALLERS: usize = 1000;
const PAYLOAD: usize = 4 << 20;
const BOUND: usize = 512 << 20;
/// The last caller waits for all the others: 4 GiB there and back, on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(600);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("DOES NOT HOLD: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let peak = allocated(ConnectionLimits::default(), ServerLimits::default()).await?;
    println!("default limits: all {CALLERS} calls answered, {} MiB at the peak", peak >> 20);
    if peak > BOUND {
        return Err(format!("{peak} bytes at the peak, allowed are {BOUND}").into());
    }
    let (mut client, mut server) = (ConnectionLimits::default(), ServerLimits::default());
    (client.bytes, client.reply_bytes) = (1 << 30, 1 << 30);
    (server.bytes, server.all_bytes) = (1 << 30, 1 << 30);
    let peak = allocated(client, server).await?;
    println!("control, limits of 1 GiB: all {CALLERS} calls answered, {} MiB at the peak", peak >> 20);
    if peak <= BOUND {
        return Err("the control needs no more than is allowed: the bound says nothing of the limits".into());
    }
    Ok(())
}

/// Most bytes that were allocated at once while all callers were answered. All send parts of one buffer, so that what they
/// own themselves is next to nothing.
async fn allocated(client: ConnectionLimits, server: ServerLimits) -> Result<usize> {
    let protocol = Protocol::builder("large", RawBytes).build()?;
    let echo = Router::new().fallback(|request: Request<Bytes>| async move { Ok(request.message) });
    let transport = Tcp::default();
    let listener = transport.listen(&"tcp://127.0.0.1:0".parse()?).await?;
    let server = Server::builder(protocol.clone(), echo).limits(server).listen(listener)?;
    let client = Client::builder(protocol).limits(client).dial(transport.dialer(server.endpoint())?)?;
    let buffer: Bytes = (0..PAYLOAD + CALLERS).map(|at| (at % 251) as u8).collect();
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    let mut calls = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, payload) = (client.clone(), buffer.slice(caller..caller + PAYLOAD));
        calls.spawn(async move {
            let reply = client.call_within(payload.clone(), TIMEOUT).await;
            reply.map(|reply| reply == payload)
        });
    }
    while let Some(answered) = calls.join_next().await {
        if !answered?.map_err(|error| format!("a call failed: {error}"))? {
            return Err("a reply has other bytes than its request".into());
        }
    }
    Ok(PEAK.load(Relaxed))
}
