//! TCP.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

use super::{FOR_EVER, MS, PORT, steady};

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
        sleep(FOR_EVER / 2).await;
        Ok(())
    });
    sim.client("client", async {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        stream.write_u8(1).await?;
        sleep(10 * MS).await;
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

#[test]
fn a_writer_that_waits_for_room_is_not_woken_by_a_reset() {
    // Its reader is, so whoever has both must end both.
    let mut sim = steady(MS).tcp_capacity(1).build();
    sim.client("server", async {
        let stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        sleep(10 * MS).await;
        drop(stream);
        Ok(())
    });
    sim.client("client", async {
        let (mut read, mut write) = TcpStream::connect(("server", PORT)).await?.into_split();
        write.write_u8(1).await?;
        let (writing, reading) =
            tokio::join!(timeout(FOR_EVER, write.write_u8(2)), timeout(FOR_EVER, read.read_u8()));
        assert_eq!(reading?.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(writing.is_err(), "it waited for ever");
        Ok(())
    });
    sim.run().unwrap();
}
