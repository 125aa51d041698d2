//! TCP when it ends.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

use super::{FOR_EVER, MS, PORT, RunContext, steady};

#[test]
fn one_direction_ends_while_the_other_goes_on_and_ending_it_twice_is_an_error() {
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        stream.write_u8(1).await?;
        Ok(())
    });
    sim.client("client", async {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        stream.shutdown().await?;
        assert_eq!(stream.shutdown().await.unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(stream.write_u8(1).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(stream.read_u8().await?, 1);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn bytes_left_unread_reset_the_peer_who_may_still_read_what_came_before() {
    // A real system throws away what waits to be read when a reset comes.
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        stream.write_u8(7).await?;
        sleep(10 * MS).await;
        Ok(())
    });
    sim.client("client", async {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        stream.write_u8(1).await?;
        sleep(100 * MS).await;
        assert_eq!(stream.write_u8(2).await.unwrap_err().kind(), ErrorKind::BrokenPipe, "it knows already");
        assert_eq!(stream.read_u8().await?, 7);
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
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

#[test]
fn a_read_half_that_is_gone_answers_even_an_end_with_a_reset() {
    // A real socket closes when both halves are gone.
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let (mut read, write) = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0.into_split();
        drop(write);
        assert_eq!(read.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
    sim.client("client", async {
        let (read, _write) = TcpStream::connect(("server", PORT)).await?.into_split();
        drop(read);
        sleep(100 * MS).await;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn an_end_that_meets_a_socket_that_is_gone_may_cost_the_last_bytes() {
    // Both sides end in order, but nobody lingers: the reset that answers the second end overtakes the last bytes. A real
    // system delivers them.
    let mut sim = steady(MS).build();
    let context = RunContext::default();
    let (connected, ending) = (context.clone(), context.clone());
    sim.client("server", async move {
        let mut stream = TcpListener::bind(("0.0.0.0", PORT)).await?.accept().await?.0;
        connected.reached(2).await;
        stream.write_all(b"the last bytes").await?;
        drop(stream);
        connected.reach(3);
        // A host that is done would answer nothing.
        sleep(1000 * MS).await;
        Ok(())
    });
    sim.client("client", async move {
        let mut stream = TcpStream::connect(("server", PORT)).await?;
        ending.reach(1);
        ending.reached(4).await;
        stream.shutdown().await?;
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
    context.step_until(&mut sim, 1);
    sim.set_link_latency("client", "server", 100 * MS);
    context.reach(2);
    context.step_until(&mut sim, 3);
    sim.set_link_latency("client", "server", MS);
    context.reach(4);
    sim.run().unwrap();
}
