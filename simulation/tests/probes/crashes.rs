//! Probes of crashed hosts.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use turmoil::Sim;
use turmoil::net::{TcpListener, TcpStream};

use super::{FOR_EVER, MS, PORT, Progress, steady, step_for};

/// A simulation whose `server` accepts streams and keeps them, unread.
fn with_server() -> Sim<'static> {
    let mut sim = steady(MS).build();
    sim.host("server", || async {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        let mut streams = Vec::new();
        loop {
            streams.push(listener.accept().await?);
        }
    });
    sim
}

#[test]
fn a_crash_looks_like_an_orderly_end_to_the_peer_and_with_bytes_left_unread_like_a_reset() {
    for unread in [false, true] {
        let (mut sim, progress) = (with_server(), Progress::default());
        let noting = progress.clone();
        sim.client("client", async move {
            let mut stream = TcpStream::connect(("server", PORT)).await?;
            if unread {
                stream.write_u8(1).await?;
                tokio::time::sleep(10 * MS).await;
            }
            noting.reach(1);
            let read = stream.read(&mut [0]).await.map_err(|error| error.kind());
            assert_eq!(read, if unread { Err(ErrorKind::ConnectionReset) } else { Ok(0) });
            Ok(())
        });
        progress.step_until(&mut sim, 1);
        sim.crash("server");
        sim.run().unwrap();
    }
}

#[test]
fn a_power_loss_is_a_crash_behind_a_partition_and_what_the_peer_says_next_is_answered_with_a_reset() {
    let (mut sim, progress) = (with_server(), Progress::default());
    let noting = progress.clone();
    sim.client("client", async move {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        noting.reach(1);
        noting.reached(2).await;
        assert!(timeout(FOR_EVER, stream.read_u8()).await.is_err(), "nobody told it");
        stream.write_u8(1).await?;
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(stream.write_u8(1).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        TcpStream::connect(("server", PORT)).await?;
        Ok(())
    });
    progress.step_until(&mut sim, 1);
    sim.partition("client", "server");
    sim.crash("server");
    step_for(&mut sim, 1000 * MS);
    sim.bounce("server");
    sim.repair("client", "server");
    progress.reach(2);
    sim.run().unwrap();
}

#[test]
fn connecting_to_a_host_that_is_down_waits_until_it_is_back_and_is_refused_then() {
    // Nothing is delivered to a host that does not run, not even to be refused. When it is back all of that comes at once,
    // before its software has bound anything.
    let (mut sim, progress) = (with_server(), Progress::default());
    let noting = progress.clone();
    sim.client("client", async move {
        let connecting = tokio::spawn(TcpStream::connect(("server", PORT)));
        tokio::time::sleep(FOR_EVER).await;
        assert!(!connecting.is_finished());
        noting.reach(1);
        assert_eq!(connecting.await?.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        TcpStream::connect(("server", PORT)).await?;
        Ok(())
    });
    sim.crash("server");
    progress.step_until(&mut sim, 1);
    sim.bounce("server");
    sim.run().unwrap();
}
