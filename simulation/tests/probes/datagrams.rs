//! UDP.

use std::io::ErrorKind;
use std::time::UNIX_EPOCH;

use tokio::time::{sleep, timeout};
use turmoil::net::UdpSocket;

use super::{FOR_EVER, MS, PORT, steady};

/// What of the datagrams 0 to 99, sent at once, arrives when and in which order: whole milliseconds of simulated time, and
/// the datagram's number. Latencies are the simulator's defaults.
fn hundred_datagrams() -> Vec<(u128, u8)> {
    let mut sim = turmoil::Builder::new().rng_seed(1).epoch(UNIX_EPOCH).udp_capacity(1000).build();
    let (sender, receiver) = std::sync::mpsc::channel();
    sim.client("server", async move {
        let (socket, mut space) = (UdpSocket::bind(("0.0.0.0", PORT)).await?, [0; 16]);
        while timeout(1000 * MS, socket.recv_from(&mut space)).await.is_ok() {
            let now = turmoil::sim_elapsed().expect("it is on a host");
            assert_eq!(now.as_micros() % 1000, 0, "a step is 1 ms, and nothing comes between");
            sender.send((now.as_millis(), space[0]))?;
        }
        Ok(())
    });
    sim.client("client", async {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
        for number in 0..100 {
            socket.send_to(&[number], ("server", PORT)).await?;
        }
        Ok(())
    });
    sim.run().unwrap();
    drop(sim);
    receiver.into_iter().collect()
}

#[test]
fn datagrams_overtake_one_another_but_none_is_lost_or_comes_twice() {
    let mut numbers: Vec<_> = hundred_datagrams().into_iter().map(|(_, number)| number).collect();
    assert!(!numbers.is_sorted());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[test]
fn latency_is_drawn_in_whole_milliseconds_and_delivered_in_whole_steps() {
    // Between 1 ms and 1.999 ms there is nothing to draw from; and with steps of 10 ms all of it takes 10 ms.
    for (tick, takes) in [(MS, 1), (10 * MS, 10)] {
        let mut builder = steady(MS);
        let mut sim = builder.max_message_latency(2 * MS - MS / 1000).tick_duration(tick).build();
        sim.client("client", async move {
            let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
            for _ in 0..50 {
                let now = turmoil::sim_elapsed().expect("it is on a host").as_nanos();
                socket.send_to(&now.to_be_bytes(), ("server", PORT)).await?;
                sleep(tick).await;
            }
            Ok(())
        });
        sim.client("server", async move {
            let (socket, mut space) = (UdpSocket::bind(("0.0.0.0", PORT)).await?, [0; 16]);
            for _ in 0..50 {
                socket.recv_from(&mut space).await?;
                let taken =
                    turmoil::sim_elapsed().expect("it is on a host").as_nanos() - u128::from_be_bytes(space);
                assert_eq!(taken, takes * MS.as_nanos());
            }
            Ok(())
        });
        sim.run().unwrap();
    }
}

#[test]
fn a_queue_that_is_full_drops_what_comes_last() {
    let mut sim = steady(MS).udp_capacity(2).build();
    sim.client("server", async {
        let (socket, mut space) = (UdpSocket::bind(("0.0.0.0", PORT)).await?, [0; 16]);
        sleep(100 * MS).await;
        for number in 0..2 {
            socket.recv_from(&mut space).await?;
            assert_eq!(space[0], number);
        }
        assert!(timeout(FOR_EVER, socket.recv_from(&mut space)).await.is_err());
        Ok(())
    });
    sim.client("client", async {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
        for number in 0..5 {
            socket.send_to(&[number], ("server", PORT)).await?;
        }
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn nobody_says_that_a_port_is_closed_but_an_address_of_no_host_is_refused_at_once() {
    let mut sim = steady(MS).build();
    sim.host("server", std::future::pending);
    sim.client("client", async {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
        socket.connect(("server", PORT)).await?;
        for _ in 0..2 {
            socket.send_to(&[1], ("server", PORT)).await?;
        }
        assert!(timeout(FOR_EVER, socket.recv_from(&mut [0])).await.is_err());
        let error = socket.send_to(&[1], ("10.1.2.3", PORT)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let mut sim = steady(MS).build();
    sim.client("server", async {
        let (socket, mut space) = (UdpSocket::bind(("0.0.0.0", PORT)).await?, [0; 1]);
        socket.connect(("client", PORT)).await?;
        socket.recv_from(&mut space).await?;
        assert_eq!(space, [2]);
        Ok(())
    });
    sim.client("client", async {
        let (other, peer) =
            (UdpSocket::bind(("0.0.0.0", PORT + 1)).await?, UdpSocket::bind(("0.0.0.0", PORT)).await?);
        sleep(10 * MS).await;
        other.send_to(&[1], ("server", PORT)).await?;
        sleep(10 * MS).await;
        peer.send_to(&[2], ("server", PORT)).await?;
        Ok(())
    });
    sim.run().unwrap();
}
