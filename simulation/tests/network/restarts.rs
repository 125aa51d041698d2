//! QUIC hosts that come back from a crash.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use listenrain::Transport;
use listenrain_simulation::simulated::{self, SimulatedUdp};
use tokio::time::Instant;

use super::support::*;

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
