//! Probes of the links between two hosts.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use turmoil::Sim;
use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use super::{FOR_EVER, MS, PORT, Progress, steady};

/// A server that answers each byte of each stream with the same byte.
fn echoing(sim: &mut Sim<'_>) {
    sim.host("server", || async {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let mut stream = listener.accept().await?.0;
            tokio::spawn(async move {
                while let Ok(byte) = stream.read_u8().await {
                    let _ = stream.write_u8(byte).await;
                }
            });
        }
    });
}

#[test]
fn connecting_across_a_partition_is_refused_at_once() {
    // Not after a timeout, as on a real path that is dead.
    let mut sim = steady(50 * MS).build();
    echoing(&mut sim);
    sim.client("client", async {
        turmoil::partition("client", "server");
        let begun = Instant::now();
        let error = TcpStream::connect(("server", PORT)).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::ConnectionRefused, Duration::ZERO));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn connecting_across_a_link_on_hold_waits_until_it_is_released() {
    let mut sim = steady(MS).build();
    echoing(&mut sim);
    sim.client("client", async {
        turmoil::hold("client", "server");
        let mut connecting = Box::pin(TcpStream::connect(("server", PORT)));
        assert!(timeout(FOR_EVER, &mut connecting).await.is_err());
        turmoil::release("client", "server");
        timeout(5 * MS, connecting).await??;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_partition_of_the_way_back_does_not_stop_connecting_and_one_of_the_way_there_does() {
    // The answer to a connect is no message.
    let mut sim = steady(MS).build();
    echoing(&mut sim);
    sim.client("client", async {
        turmoil::partition_oneway("server", "client");
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        stream.write_u8(1).await?;
        assert!(timeout(FOR_EVER, stream.read_u8()).await.is_err(), "its answer is lost");
        turmoil::repair_oneway("server", "client");
        turmoil::partition_oneway("client", "server");
        let error = TcpStream::connect(("server", PORT)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_partition_takes_what_is_on_its_way_and_repairing_it_brings_nothing_back() {
    let mut sim = steady(50 * MS).build();
    echoing(&mut sim);
    sim.client("client", async {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        stream.write_u8(1).await?;
        sleep(10 * MS).await;
        turmoil::partition("client", "server");
        turmoil::repair("client", "server");
        stream.write_u8(2).await?;
        assert!(timeout(FOR_EVER, stream.read_u8()).await.is_err(), "the stream has a gap for ever");
        let mut fresh = TcpStream::connect(("server", PORT)).await?;
        fresh.write_u8(3).await?;
        assert_eq!(fresh.read_u8().await?, 3, "a fresh one works");
        Ok(())
    });
    sim.run().unwrap();
}

/// Two hosts with a socket each, `there` and `back`; each sends what the other asks for and says what came.
async fn socket() -> turmoil::Result<UdpSocket> {
    Ok(UdpSocket::bind(("0.0.0.0", PORT)).await?)
}

/// The first byte of what comes within `time`, if anything does.
async fn heard(socket: &UdpSocket, time: Duration) -> Option<u8> {
    let mut space = [0; 16];
    timeout(time, socket.recv_from(&mut space)).await.ok().map(|_| space[0])
}

#[test]
fn a_hold_stops_both_directions_and_what_is_on_its_way() {
    let mut sim = steady(50 * MS).build();
    sim.client("server", async {
        let socket = socket().await?;
        socket.send_to(&[1], ("client", PORT)).await?;
        // In time, had it not been held.
        assert_eq!(heard(&socket, 500 * MS).await, None);
        socket.send_to(&[2], ("client", PORT)).await?;
        assert_eq!(heard(&socket, FOR_EVER).await, Some(7));
        Ok(())
    });
    sim.client("client", async {
        let socket = socket().await?;
        socket.send_to(&[7], ("server", PORT)).await?;
        sleep(10 * MS).await;
        turmoil::hold("client", "server");
        assert_eq!(heard(&socket, 1000 * MS).await, None);
        turmoil::release("client", "server");
        assert_eq!((heard(&socket, 10 * MS).await, heard(&socket, 10 * MS).await), (Some(1), Some(2)));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn repairing_a_link_on_hold_leaves_what_was_held_where_it_is() {
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let socket = socket().await?;
        assert_eq!(heard(&socket, FOR_EVER).await, Some(2));
        assert_eq!(heard(&socket, FOR_EVER / 2).await, None);
        Ok(())
    });
    sim.client("client", async {
        let socket = socket().await?;
        turmoil::hold("client", "server");
        socket.send_to(&[1], ("server", PORT)).await?;
        turmoil::repair("client", "server");
        socket.send_to(&[2], ("server", PORT)).await?;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_failure_takes_what_is_on_its_way_in_both_directions() {
    // So it is no loss of single messages: one roll of the dice costs a whole window of both sides.
    let mut sim = steady(50 * MS).build();
    let progress = Progress::default();
    let (there, back) = (progress.clone(), progress.clone());
    sim.client("server", async move {
        let socket = socket().await?;
        socket.send_to(&[1], ("client", PORT)).await?;
        there.reached(2).await;
        assert_eq!(heard(&socket, 500 * MS).await, None);
        Ok(())
    });
    sim.client("client", async move {
        let socket = socket().await?;
        socket.send_to(&[2], ("server", PORT)).await?;
        back.reach(1);
        back.reached(2).await;
        socket.send_to(&[3], ("server", PORT)).await?;
        assert_eq!(heard(&socket, 500 * MS).await, None);
        Ok(())
    });
    progress.step_until(&mut sim, 1);
    sim.set_link_fail_rate("client", "server", 1.0);
    progress.reach(2);
    sim.run().unwrap();
}

#[test]
fn a_link_that_failed_is_repaired_by_the_next_message_by_default() {
    let mut sim = steady(MS).fail_rate(1.0).build();
    sim.client("server", async {
        let socket = socket().await?;
        for number in [2, 4, 6] {
            assert_eq!(heard(&socket, FOR_EVER).await, Some(number), "each second one fails the link anew");
        }
        Ok(())
    });
    sim.client("client", async {
        let socket = socket().await?;
        for number in 1..=6 {
            socket.send_to(&[number], ("server", PORT)).await?;
            sleep(10 * MS).await;
        }
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn loopback_knows_neither_faults_nor_latency() {
    // So every party needs a host of its own.
    let mut sim = steady(50 * MS).fail_rate(1.0).build();
    sim.client("client", async {
        let (socket, listener) = (socket().await?, TcpListener::bind(("0.0.0.0", PORT)).await?);
        for target in ["127.0.0.1", "client"] {
            let begun = Instant::now();
            socket.send_to(&[1], (target, PORT)).await?;
            assert_eq!(heard(&socket, FOR_EVER).await, Some(1));
            let (near, far) = tokio::join!(TcpStream::connect((target, PORT)), listener.accept());
            near?.write_u8(2).await?;
            assert_eq!(far?.0.read_u8().await?, 2);
            assert!(begun.elapsed() < 10 * MS, "{:?}", begun.elapsed());
        }
        Ok(())
    });
    sim.run().unwrap();
}
