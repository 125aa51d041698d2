//! The server's process: prints its counters when asked on its standard input, and ends with it.

use std::sync::atomic::Ordering::Relaxed;

use listenrain::{Protocol, RawBytes, Request, Router, Server, Transport};
use listenrain_transports::{Tcp, Tls};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::counted::{LIVE, PEAK};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub(crate) fn protocol() -> Result<Protocol<RawBytes>> {
    Ok(Protocol::builder("beside hostile peers", RawBytes).build()?)
}

/// Serves over TCP and over TLS, everything at its default.
pub(crate) async fn serve() -> Result<()> {
    let echo = || Router::new().fallback(|request: Request<_>| async move { Ok(request.message) });
    let tcp = Tcp::default().listen(&"tcp://127.0.0.1:0".parse()?).await?;
    let tls = Tls::default().listen(&"tls://127.0.0.1:0?cert=selfsigned".parse()?).await?;
    let servers = [
        Server::builder(protocol()?, echo()).listen(tcp)?,
        Server::builder(protocol()?, echo()).listen(tls)?,
    ];
    println!("{} {}", servers[0].endpoint().address(), servers[1].endpoint().address());
    let mut asked = BufReader::new(stdin()).lines();
    while asked.next_line().await?.is_some() {
        let counts = servers[0].counts();
        let (live, peak) = (LIVE.load(Relaxed), PEAK.load(Relaxed));
        println!(
            "{live} {peak} {} {} {}",
            counts.in_flight_bytes,
            counts.in_flight,
            servers[0].connections()
        );
    }
    Ok(())
}
