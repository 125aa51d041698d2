//! One seed, one run.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use listenrain_simulation::network::{self, Datagram, Fate, SimulatedUdp, Tamper};

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
        let (record, mut sim) = (Record::default(), network::builder(seed).build());
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
        let passed = recorded.0.lock().unwrap().clone();
        passed
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
