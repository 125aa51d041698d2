//! TCP while it is open.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use turmoil::net::{TcpListener, TcpStream};

use super::{FOR_EVER, MS, PORT, RunContext, steady};

#[test]
fn a_write_arrives_as_one_read_whatever_its_size() {
    // So cut and joined packets never show without a layer that cuts and joins.
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        let mut space = vec![0; 16 << 20];
        assert_eq!(stream.read(&mut space).await?, 8 << 20, "all of it");
        assert_eq!(stream.read(&mut space).await?, 1, "nothing of the one behind it");
        assert_eq!(stream.read(&mut space).await?, 2);
        Ok(())
    });
    sim.client("client", async {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        assert_eq!(stream.write(&vec![7; 8 << 20]).await?, 8 << 20);
        assert_eq!(stream.write(&[7; 1]).await?, 1);
        assert_eq!(stream.write(&[7; 2]).await?, 2);
        stream.read_u8().await.unwrap_err();
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_lost_segment_stalls_the_stream_for_ever_and_nobody_is_told() {
    // There is no retransmission: what looks like loss is a black hole, and only a health check finds it.
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        assert_eq!(stream.read_u8().await?, 1);
        assert!(timeout(FOR_EVER, stream.read_u8()).await.is_err(), "neither 3 nor an error");
        tokio::time::sleep(FOR_EVER / 2).await;
        Ok(())
    });
    sim.client("client", async {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        stream.write_u8(1).await?;
        tokio::time::sleep(10 * MS).await;
        turmoil::partition("client", "server");
        stream.write_u8(2).await?;
        turmoil::repair("client", "server");
        stream.write_u8(3).await?;
        assert!(timeout(FOR_EVER, stream.read_u8()).await.is_err(), "no reset either");
        stream.write_u8(4).await?;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn what_waits_unread_is_bounded_in_writes_and_not_in_bytes() {
    let mut sim = steady(MS).tcp_capacity(4).build();
    let context = RunContext::default();
    let full = context.clone();
    sim.client("server", async move {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        full.reached(1).await;
        let mut space = vec![0; 1 << 20];
        stream.read_exact(&mut space).await?;
        full.reached(2).await;
        Ok(())
    });
    sim.client("client", async move {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        for _ in 0..4 {
            assert_eq!(stream.try_write(&vec![0; 1 << 20])?, 1 << 20);
        }
        assert_eq!(stream.try_write(&[0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        context.reach(1);
        // One read on the other side makes room, without a message of its own and its latency.
        timeout(5 * MS, stream.write_all(&[0])).await??;
        context.reach(2);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn connecting_costs_one_latency_and_not_a_round_trip() {
    let mut sim = steady(50 * MS).build();
    sim.client("server", async {
        let _stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        tokio::time::sleep(1000 * MS).await;
        Ok(())
    });
    sim.client("client", async {
        let begun = Instant::now();
        let _stream = TcpStream::connect(("server", PORT)).await?;
        assert!((50..55).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
#[should_panic(expected = "server socket buffer full")]
fn more_connects_than_the_capacity_waiting_to_be_accepted_are_a_panic() {
    let mut sim = steady(MS).tcp_capacity(2).build();
    sim.host("server", || async {
        let _listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        std::future::pending().await
    });
    sim.client("client", async {
        let connects = [(); 3].map(|()| tokio::spawn(TcpStream::connect(("server", PORT))));
        for connect in connects {
            let _ = connect.await?;
        }
        Ok(())
    });
    let _ = sim.run();
}

#[test]
fn streams_are_counted_on_both_ends_until_both_halves_are_gone() {
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        assert_eq!(turmoil::established_tcp_stream_count(), 1);
        drop(stream);
        assert_eq!(turmoil::established_tcp_stream_count(), 0);
        Ok(())
    });
    sim.client("client", async {
        let stream = TcpStream::connect(("server", PORT)).await?;
        assert_eq!(turmoil::established_tcp_stream_count(), 1);
        assert_eq!(turmoil::established_tcp_stream_count_on("server"), 1);
        let (mut read, write) = stream.into_split();
        drop(write);
        assert_eq!(read.read(&mut [0]).await?, 0);
        assert_eq!(turmoil::established_tcp_stream_count(), 1, "half of it is left");
        drop(read);
        assert_eq!(turmoil::established_tcp_stream_count(), 0);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_connect_that_came_to_nothing_is_counted_for_ever() {
    let mut sim = steady(MS).build();
    sim.host("server", std::future::pending);
    sim.client("client", async {
        for count in 1..=3 {
            let error = TcpStream::connect(("server", PORT)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(turmoil::established_tcp_stream_count(), count);
        }
        turmoil::hold("client", "server");
        assert!(timeout(10 * MS, TcpStream::connect(("server", PORT))).await.is_err());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(turmoil::established_tcp_stream_count(), 4);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_connect_that_came_to_nothing_keeps_its_port_until_there_is_none() {
    // 16,384 failed dials of one host, by default.
    let mut sim = steady(MS).ephemeral_ports(50_000..=50_002).build();
    sim.host("server", std::future::pending);
    sim.client("client", async {
        for _ in 0..3 {
            TcpStream::connect(("server", PORT)).await.unwrap_err();
        }
        let fourth = tokio::spawn(TcpStream::connect(("server", PORT))).await;
        let panic = fourth.unwrap_err().into_panic();
        assert!(panic.downcast_ref::<String>().unwrap().contains("ports exhausted"));
        Ok(())
    });
    sim.run().unwrap();
}
