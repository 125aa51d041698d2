//! One seed, one run.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use listenrain::Transport;
use listenrain_simulation::simulated::{self, Datagram, Fate, SimulatedUdp, Tamper};

use tokio::time::Instant;

use super::support::*;

/// When, from where, to where, how long.
type Passed = (Duration, SocketAddr, SocketAddr, usize);

/// Writes down what passes, of all hosts.
#[derive(Debug, Clone, Default)]
struct Record(Arc<Mutex<Vec<Passed>>>);

impl Tamper for Record {
    fn fate(&self, datagram: &Datagram) -> Fate {
        let now = turmoil::sim_elapsed().expect("it is sent by a host");
        let mut passed = self.0.lock().unwrap();
        passed.push((now, datagram.from, datagram.to, datagram.len));
        // Some trouble, so that timers of loss are among what must repeat.
        match passed.len() % 25 {
            7 => Fate::LOSE,
            13 => Fate::PASS.delay(Duration::from_millis(9)),
            19 => Fate::DOUBLE,
            _ => Fate::PASS,
        }
    }
}

/// What passes when calls of some sizes are made, two at a time: `seed` is the network's, `quic_seed` the transports'.
fn run(seed: u64, quic_seed: u64) -> Vec<Passed> {
    let recording = move || {
        let (record, mut sim) = (Record::default(), simulated::builder(seed).build());
        let recorded = record.clone();
        let udp = move |host| SimulatedUdp::on(host).with_tamper(Arc::new(record.clone()));
        let server_udp = udp.clone();
        sim.host("server", move || {
            let transport = quic(server_udp("server"), "server", quic_seed);
            async move {
                serve(&transport, &server_at("quic")).await.ended().await?;
                Ok(())
            }
        });
        sim.client("client", async move {
            let client = client(&quic(udp("client"), "client", quic_seed), &server_at("quic"));
            for size in [1, 1000, 40_000] {
                let (first, second) =
                    tokio::join!(echo(&client, pattern(size)), echo(&client, pattern(2 * size)));
                assert!(first? == pattern(size) && second? == pattern(2 * size));
            }
            client.close().await;
            Ok(())
        });
        sim.run().unwrap();
        drop(sim);
        recorded.0.lock().unwrap().clone()
    };
    // A thread of its own, so that nothing that a thread keeps can make two runs agree or differ.
    thread::spawn(recording).join().unwrap()
}

#[test]
fn one_seed_gives_the_same_datagrams_at_the_same_times() {
    let (first, again) = (run(1, 1), run(1, 1));
    assert!(first.len() > 100, "{}", first.len());
    for (number, pair) in first.iter().zip(&again).enumerate() {
        assert_eq!(pair.0, pair.1, "the first difference is at {number}");
    }
    assert_eq!(first.len(), again.len());
}

#[test]
fn another_seed_of_the_network_or_of_quic_gives_other_datagrams() {
    assert_ne!(run(1, 1), run(2, 1), "latencies differ");
    assert_ne!(run(1, 1), run(1, 2), "packet numbers that are skipped differ");
}

/// What a client that writes to a QUIC server which crashed and came back reads, and after how long. `seeds` gives the
/// server's seed by the number of the start.
fn after_a_crash(seeds: fn(u64) -> u64) -> (io::ErrorKind, Duration) {
    let (mut sim, notes, found) = (simulated::builder(3).build(), Notes::default(), Rc::new(Cell::new(None)));
    let starts = Cell::new(0);
    sim.host("server", move || {
        starts.set(starts.get() + 1);
        let transport = transport("quic", "server", seeds(starts.get()));
        async move {
            serve(&*transport, &server_at("quic")).await.ended().await?;
            Ok(())
        }
    });
    let (noting, finding) = (notes.clone(), found.clone());
    sim.client("client", async move {
        let transport = quic(SimulatedUdp::on("client"), "client", 0);
        let mut channel = transport.dialer(&server_at("quic"))?.next().await?;
        noting.add("connected");
        noting.wait_for("back").await;
        let begun = Instant::now();
        write_all(&mut *channel.write, pattern(10)).await?;
        let error = read(&mut *channel.read).await.unwrap_err();
        finding.set(Some((error.kind(), begun.elapsed())));
        Ok(())
    });
    step_until(&mut sim, || notes.has("connected"));
    sim.crash("server");
    step_for(&mut sim, Duration::from_secs(3));
    sim.bounce("server");
    step_for(&mut sim, Duration::from_secs(1));
    notes.add("back");
    sim.run().unwrap();
    found.get().expect("the client has run to its end")
}

/// So a host that shall behave like a real one needs another seed each time that it starts.
#[test]
fn a_server_that_comes_back_with_its_old_seed_resets_what_it_forgot_and_with_another_is_silent() {
    let (kind, after) = after_a_crash(|_| 1);
    assert_eq!(kind, io::ErrorKind::ConnectionReset);
    assert!(after < Duration::from_secs(1), "a round trip: {after:?}");
    let (kind, after) = after_a_crash(|start| start);
    assert_eq!(kind, io::ErrorKind::TimedOut);
    assert!(after > Duration::from_secs(20), "what was left of the idle timeout: {after:?}");
}
