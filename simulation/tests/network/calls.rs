//! What a user of the library sees: each promise over TCP and over QUIC.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use listenrain_simulation::simulated;
use tokio::time::{Instant, sleep};
use turmoil::Sim;

use super::support::*;

/// A simulation with one server of `scheme`, which draws other randomness each time that it starts.
fn with_server(scheme: &'static str, seed: u64) -> Sim<'static> {
    let mut sim = simulated::builder(seed).build();
    let starts = Rc::new(Cell::new(0));
    sim.host("server", move || {
        starts.set(starts.get() + 1);
        let transport = transport(scheme, "server", starts.get());
        async move {
            serve(&*transport, &server_at(scheme)).await.ended().await?;
            Ok(())
        }
    });
    sim
}

fn calls_of_every_size_are_answered(scheme: &'static str) {
    let mut sim = with_server(scheme, 1);
    sim.client("client", async move {
        let client = client(&*transport(scheme, "client", 0), &server_at(scheme));
        for size in [0, 1, 4096, 1 << 20, 3 << 20] {
            assert!(echo(&client, pattern(size)).await? == pattern(size), "{size}");
        }
        client.close().await;
        Ok(())
    });
    // A path that reorders everything is one on which QUIC takes a minute for a mebibyte.
    sim.set_link_latency("client", "server", Duration::from_millis(10));
    sim.run().unwrap();
}

#[test]
fn calls_of_every_size_are_answered_over_tcp() {
    calls_of_every_size_are_answered("tcp");
}

#[test]
fn calls_of_every_size_are_answered_over_quic() {
    calls_of_every_size_are_answered("quic");
}

fn many_calls_at_once_each_get_their_own_reply(scheme: &'static str) {
    let mut sim = with_server(scheme, 2);
    sim.client("client", async move {
        let client = client(&*transport(scheme, "client", 0), &server_at(scheme));
        let call = |size| {
            let client = client.clone();
            tokio::spawn(async move { echo(&client, pattern(size)).await })
        };
        let calls: Vec<_> = (0..100).map(|number| call(number * 97)).collect();
        for (number, call) in calls.into_iter().enumerate() {
            assert!(call.await?? == pattern(number * 97), "{number}");
        }
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn many_calls_at_once_each_get_their_own_reply_over_tcp() {
    many_calls_at_once_each_get_their_own_reply("tcp");
}

#[test]
fn many_calls_at_once_each_get_their_own_reply_over_quic() {
    many_calls_at_once_each_get_their_own_reply("quic");
}

fn a_server_that_crashes_and_comes_back_is_dialled_again(scheme: &'static str) {
    let (mut sim, notes) = (with_server(scheme, 3), Notes::default());
    let noting = notes.clone();
    sim.client("client", async move {
        let client = client(&*transport(scheme, "client", 0), &server_at(scheme));
        until_answered(&client).await;
        noting.add("answered");
        noting.wait_for("back").await;
        until_answered(&client).await;
        assert!(client.counts().reconnects > 0, "{:?}", client.counts());
        Ok(())
    });
    step_until(&mut sim, || notes.has("answered"));
    sim.crash("server");
    step_for(&mut sim, Duration::from_secs(3));
    sim.bounce("server");
    notes.add("back");
    sim.run().unwrap();
}

#[test]
fn a_server_that_crashes_and_comes_back_is_dialled_again_over_tcp() {
    a_server_that_crashes_and_comes_back_is_dialled_again("tcp");
}

#[test]
fn a_server_that_crashes_and_comes_back_is_dialled_again_over_quic() {
    a_server_that_crashes_and_comes_back_is_dialled_again("quic");
}

/// The health check looks every second, and gives up at the third look that finds silence.
fn a_path_that_is_cut_is_noticed_though_nobody_calls(scheme: &'static str) {
    let mut sim = with_server(scheme, 4);
    sim.client("client", async move {
        let client = client(&*transport(scheme, "client", 0), &server_at(scheme));
        until_answered(&client).await;
        let mut state = client.connection().watch();
        state.mark_unchanged();
        turmoil::partition("client", "server");
        let cut = Instant::now();
        state.changed().await?;
        let noticed = cut.elapsed().as_secs_f64();
        assert!((2.0..=4.5).contains(&noticed), "{noticed}");
        sleep(Duration::from_secs(10)).await;
        turmoil::repair("client", "server");
        until_answered(&client).await;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_path_that_is_cut_is_noticed_though_nobody_calls_over_tcp() {
    a_path_that_is_cut_is_noticed_though_nobody_calls("tcp");
}

#[test]
fn a_path_that_is_cut_is_noticed_though_nobody_calls_over_quic() {
    a_path_that_is_cut_is_noticed_though_nobody_calls("quic");
}

/// A version of quinn panicked where acknowledgements came out of order, which the simulator's latencies do all the time.
/// Such a path is slow, too: what is overtaken by three datagrams counts as lost, and the window shrinks to nearly nothing.
#[test]
fn quic_survives_a_path_on_which_nearly_every_datagram_overtakes_another() {
    for seed in 10..15 {
        let mut sim = with_server("quic", seed);
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
