//! Fates of datagrams, as a tamper decides them.

use std::future::poll_fn;
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use listenrain_simulation::simulated::udp::MOST_DELAYED;
use listenrain_simulation::simulated::{self, Datagram, Fate, SimulatedUdp, Tamper};
use listenrain_transports::udp::{AsyncUdpSocket, BindUdp, RecvMeta, Transmit, UdpBinding};
use tokio::time::{Instant, sleep, timeout};

use super::support::*;

/// The fate of each datagram by its number.
#[derive(Debug)]
struct Numbered {
    fate: fn(usize) -> Fate,
    seen: AtomicUsize,
}

fn numbered(fate: fn(usize) -> Fate) -> Arc<Numbered> {
    Arc::new(Numbered { fate, seen: AtomicUsize::new(0) })
}

impl Tamper for Numbered {
    fn fate(&self, datagram: &Datagram) -> Fate {
        assert!(datagram.len > 0 && datagram.from != datagram.to);
        (self.fate)(self.seen.fetch_add(1, Ordering::Relaxed))
    }
}

async fn receiver() -> Arc<dyn AsyncUdpSocket> {
    let any = SocketAddr::from(([0, 0, 0, 0], PORT));
    SimulatedUdp::on("server").bind(&UdpBinding::at(any)).await.unwrap()
}

async fn sender(fate: fn(usize) -> Fate) -> (Arc<dyn AsyncUdpSocket>, SocketAddr) {
    let to = SocketAddr::new(turmoil::lookup("server"), PORT);
    let udp = SimulatedUdp::on("client").with_tamper(numbered(fate));
    (udp.bind(&UdpBinding::towards(to)).await.unwrap(), to)
}

fn send(from: &Arc<dyn AsyncUdpSocket>, destination: SocketAddr, contents: &[u8]) {
    let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
    from.try_send(&transmit).unwrap();
}

/// All datagrams until a second passes without any, each with its time.
async fn received(at: &Arc<dyn AsyncUdpSocket>) -> Vec<(Duration, Vec<u8>)> {
    let (begun, mut all) = (Instant::now(), Vec::new());
    loop {
        let mut space = vec![[0; 2000]; 3];
        let mut meta = [RecvMeta::default(); 3];
        let receiving = poll_fn(|cx| {
            let mut bufs: Vec<_> = space.iter_mut().map(|space| IoSliceMut::new(space)).collect();
            at.poll_recv(cx, &mut bufs, &mut meta)
        });
        let Ok(count) = timeout(Duration::from_secs(1), receiving).await else { return all };
        for (space, meta) in space.iter().zip(meta).take(count.unwrap()) {
            assert_eq!((meta.stride, meta.addr.ip()), (meta.len, turmoil::lookup("client")));
            all.push((begun.elapsed(), space[..meta.len].to_vec()));
        }
    }
}

#[test]
fn each_fate_is_carried_out() {
    let mut sim = simulated::builder(1).build();
    sim.client("server", async {
        let arrived = received(&receiver().await).await;
        let what: Vec<_> = arrived.iter().map(|(_, bytes)| &bytes[..]).collect();
        let expected: [&[u8]; 6] =
            [b"passed", b"double", b"double", b"\x63orrupt", b"end flip\x84", b"delayed"];
        assert_eq!(what, expected);
        let (before, delayed) = (arrived[4].0, arrived[5].0);
        assert_eq!(delayed - before, Duration::from_millis(500), "on top of the latency of all");
        Ok(())
    });
    sim.client("client", async {
        let (socket, to) = sender(|number| match number {
            0 => Fate::PASS,
            1 => Fate::LOSE,
            2 => Fate::DOUBLE,
            3 => Fate::PASS.corrupt(0, 0x20),
            // Its ninth byte, counted from the start again.
            4 => Fate::PASS.corrupt(9 + 8, 0x80),
            _ => Fate::PASS.delay(Duration::from_millis(500)),
        })
        .await;
        sleep(Duration::from_millis(10)).await;
        for contents in ["passed", "lost", "double", "Corrupt", "end flip\u{4}", "delayed"] {
            send(&socket, to, contents.as_bytes());
        }
        sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    sim.set_link_latency("client", "server", Duration::from_millis(5));
    sim.run().unwrap();
}

#[test]
fn a_delayed_datagram_dies_with_its_socket_and_so_does_its_task() {
    let mut sim = simulated::builder(1).build();
    sim.client("server", async {
        assert!(received(&receiver().await).await.is_empty());
        Ok(())
    });
    sim.client("client", async {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let (socket, to) = sender(|_| Fate::DOUBLE.delay(Duration::from_millis(100))).await;
        send(&socket, to, b"too late");
        assert_eq!(tasks(), before + 2);
        let at = socket.local_addr()?;
        drop(socket);
        // The address is free at once, whatever still has to be cleared away.
        SimulatedUdp::on("client").bind(&UdpBinding::at(at)).await?;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(tasks(), before);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn no_more_datagrams_are_delayed_at_once_than_the_limit() {
    let mut sim = simulated::builder(1).udp_capacity(2 * MOST_DELAYED).build();
    sim.client("server", async {
        assert_eq!(received(&receiver().await).await.len(), MOST_DELAYED + 1);
        Ok(())
    });
    sim.client("client", async {
        let (socket, to) = sender(|_| Fate::PASS.delay(Duration::from_millis(100))).await;
        for _ in 0..MOST_DELAYED + 10 {
            send(&socket, to, b"?");
        }
        sleep(Duration::from_millis(200)).await;
        // There is room again.
        send(&socket, to, b"!");
        sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    sim.run().unwrap();
}

/// Echoes 200 kB over QUIC whose datagrams, of both directions, have `fate`.
fn quic_survives(fate: fn(usize) -> Fate) {
    let mut sim = simulated::builder(2).build();
    sim.host("server", move || async move {
        let udp = SimulatedUdp::on("server").with_tamper(numbered(fate));
        serve(&quic(udp, "server", 1), &server_at("quic")).await.ended().await?;
        Ok(())
    });
    sim.client("client", async move {
        let tamper = numbered(fate);
        let udp = SimulatedUdp::on("client").with_tamper(tamper.clone());
        let client = client(&quic(udp, "client", 2), &server_at("quic"));
        for _ in 0..4 {
            assert!(echo(&client, pattern(50_000)).await? == pattern(50_000));
        }
        assert_eq!(client.counts().reconnects, 0, "one connection survives it");
        assert!(tamper.seen.load(Ordering::Relaxed) > 100);
        Ok(())
    });
    sim.set_link_latency("client", "server", Duration::from_millis(5));
    sim.run().unwrap();
}

#[test]
fn quic_survives_datagrams_that_are_corrupted_doubled_lost_or_overtaken() {
    quic_survives(|number| match number % 10 {
        9 => Fate::PASS.corrupt(number, 1 << (number % 8)),
        _ => Fate::PASS,
    });
    quic_survives(|_| Fate::DOUBLE);
    quic_survives(|number| if number % 10 == 9 { Fate::LOSE } else { Fate::PASS });
    quic_survives(|number| match number % 7 {
        6 => Fate::PASS.delay(Duration::from_millis(20)),
        3 => Fate::DOUBLE.delay(Duration::from_millis(3)),
        _ => Fate::PASS,
    });
}

/// A version of quinn panicked where acknowledgements came out of order, which the simulator's latencies do all the time.
/// Such a path is slow, too: what is overtaken by three datagrams counts as lost, and the window shrinks to nearly nothing.
#[test]
fn quic_survives_a_path_on_which_nearly_every_datagram_overtakes_another() {
    for seed in 10..15 {
        let mut sim = simulated::builder(seed).build();
        sim.host("server", move || async move {
            serve(&*transport("quic", "server", 1), &server_at("quic")).await.ended().await?;
            Ok(())
        });
        sim.client("client", async move {
            let client = client(&*transport("quic", "client", 0), &server_at("quic"));
            for size in [1, 3000, 30_000] {
                assert!(echo(&client, pattern(size)).await? == pattern(size), "{size}");
            }
            assert_eq!(client.counts().reconnects, 0);
            Ok(())
        });
        sim.run().unwrap();
    }
}
