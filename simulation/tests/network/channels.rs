//! Channels of the simulated network, and their generators.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use listenrain::{Channel, Transport};
use listenrain_simulation::simulated::{self, SimulatedTcp};
use tokio::time::{Instant, sleep, timeout};
use turmoil::IpVersion;

use super::support::*;

/// Runs `serving` on the host `server` with what it accepts first, and `asking` on `client` with what it dialled. Each
/// host runs until both are done, since QUIC still has to deliver what was written and to acknowledge what was read.
fn between(
    scheme: &'static str,
    serving: impl AsyncFnOnce(Channel) + 'static,
    asking: impl AsyncFnOnce(Channel) + 'static,
) {
    let (mut sim, notes) = (simulated::builder(7).build(), Notes::default());
    let noting = notes.clone();
    sim.client("server", async move {
        let transport = transport(scheme, "server", 1);
        let mut listener = transport.listen(&server_at(scheme)).await?;
        serving(listener.next().await?).await;
        noting.add("served");
        noting.wait_for("asked").await;
        Ok(())
    });
    sim.client("client", async move {
        let transport = transport(scheme, "client", 2);
        asking(transport.dialer(&server_at(scheme))?.next().await?).await;
        notes.add("asked");
        notes.wait_for("served").await;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn one_direction_ends_while_the_other_goes_on() {
    for scheme in ["tcp", "quic"] {
        let serving = async move |mut channel: Channel| {
            let question = read_to_end(&mut *channel.read).await.unwrap();
            assert!(question == pattern(100_000));
            write_all(&mut *channel.write, pattern(200_000)).await.unwrap();
            shutdown(&mut *channel.write).await.unwrap();
            shutdown(&mut *channel.write).await.unwrap();
        };
        between(scheme, serving, async move |mut channel: Channel| {
            write_all(&mut *channel.write, pattern(100_000)).await.unwrap();
            shutdown(&mut *channel.write).await.unwrap();
            assert!(read_to_end(&mut *channel.read).await.unwrap() == pattern(200_000));
            assert!(read(&mut *channel.read).await.unwrap().is_empty(), "an end stays an end");
        });
    }
}

#[test]
fn both_sides_know_the_same_two_endpoints_by_the_names_of_their_hosts() {
    let mut sim = simulated::builder(7).build();
    sim.client("server", async {
        let listening = SimulatedTcp::on("server").listen(&at("tcp", "server:0")).await;
        let mut listener = listening?;
        let own = listener.endpoint().clone();
        assert!(own.address().starts_with("server:") && !own.address().ends_with(":0"), "{own}");
        let mut again = SimulatedTcp::on("server").listen(&server_at("tcp")).await?;
        let far = again.next().await?.facts;
        assert_eq!(far.local.as_ref(), Some(again.endpoint()));
        assert!(far.peer.unwrap().address().starts_with("client:"));
        assert!(timeout(Duration::from_secs(1), listener.next()).await.is_err(), "nobody dials it");
        Ok(())
    });
    sim.client("client", async {
        let near = SimulatedTcp::on("client").dialer(&server_at("tcp"))?.next().await?.facts;
        assert_eq!(near.peer, Some(server_at("tcp")));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn bytes_left_unread_reset_the_peer() {
    let serving = async move |mut channel: Channel| {
        // Two writes have come by then, and one read takes one of them.
        sleep(Duration::from_millis(500)).await;
        assert!(!read(&mut *channel.read).await.unwrap().is_empty());
    };
    between("tcp", serving, async move |mut channel: Channel| {
        write_all(&mut *channel.write, pattern(1000)).await.unwrap();
        write_all(&mut *channel.write, pattern(1000)).await.unwrap();
        let error = loop {
            match read(&mut *channel.read).await {
                Ok(bytes) => assert!(!bytes.is_empty(), "an end that is none"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn an_abort_wakes_the_local_reader_and_resets_only_for_bytes_left_unread() {
    let serving = async move |mut channel: Channel| {
        assert!(read_to_end(&mut *channel.read).await.unwrap().is_empty(), "nothing was left unread");
    };
    between("tcp", serving, async move |channel: Channel| {
        let Channel { mut read, mut write, .. } = channel;
        let reading = tokio::task::spawn_local(async move { super::support::read(&mut *read).await });
        sleep(Duration::from_millis(500)).await;
        assert!(!reading.is_finished());
        write.abort();
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionAborted);
        let wrote = write_all(&mut *write, pattern(1)).await;
        assert_eq!(wrote.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    });
    let serving = async move |mut channel: Channel| {
        write_all(&mut *channel.write, pattern(10)).await.unwrap();
        assert_eq!(read(&mut *channel.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    };
    between("tcp", serving, async move |mut channel: Channel| {
        sleep(Duration::from_millis(500)).await;
        channel.write.abort();
    });
}

#[test]
fn a_peer_that_does_not_read_makes_writing_wait_and_reading_lets_it_go_on() {
    let capacity = 4096;
    let serving = async move |mut channel: Channel| {
        sleep(Duration::from_secs(5)).await;
        assert_eq!(read_to_end(&mut *channel.read).await.unwrap().len(), capacity + 1);
    };
    between("tcp", serving, async move |mut channel: Channel| {
        let begun = Instant::now();
        for _ in 0..capacity {
            write_all(&mut *channel.write, pattern(1)).await.unwrap();
        }
        assert!(begun.elapsed().is_zero(), "these found room");
        write_all(&mut *channel.write, pattern(1)).await.unwrap();
        assert!(begun.elapsed() > Duration::from_secs(4), "this one did not: {:?}", begun.elapsed());
    });
}

/// The kind of the error that dialling `address` gives, and whether it is final.
async fn dialled(tcp: &SimulatedTcp, address: &str) -> (ErrorKind, bool) {
    let error = tcp.dialer(&at("tcp", address)).unwrap().next().await.unwrap_err();
    (error.kind, error.is_final)
}

#[test]
fn a_dial_that_comes_to_nothing_says_why() {
    let mut sim = simulated::builder(7).build();
    sim.host("server", std::future::pending);
    sim.client("client", async {
        let tcp = SimulatedTcp::on("client").connect_timeout(Duration::from_secs(3));
        assert_eq!(dialled(&tcp, "server:7000").await, (ErrorKind::ConnectionRefused, false));
        assert_eq!(dialled(&tcp, "nobody:7000").await, (ErrorKind::NotFound, false));
        assert_eq!(dialled(&tcp, "10.1.2.3:7000").await, (ErrorKind::ConnectionRefused, false));
        assert_eq!(dialled(&tcp, "server:0").await, (ErrorKind::InvalidInput, true));
        turmoil::hold("client", "server");
        let begun = Instant::now();
        assert_eq!(dialled(&tcp, "server:7000").await, (ErrorKind::TimedOut, false));
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn an_endpoint_that_is_none_of_tcps_is_refused_with_a_reason() {
    let tcp = SimulatedTcp::on("client");
    for (text, why) in [
        ("quic://server:7000", "is not for"),
        ("tcp://server", "no port"),
        ("tcp://server:+7", "port `+7`"),
        ("tcp://server:65536", "port `65536`"),
        ("tcp://:7000", "neither a name"),
        ("tcp://::1:7000", "neither a name"),
        ("tcp://[::1:7000", "neither a name"),
        ("tcp://[server]:7000", "neither a name"),
        ("tcp://server:7000?nodelay=true", "no option `nodelay`"),
    ] {
        let error = tcp.dialer(&text.parse().unwrap()).err().unwrap();
        assert!(error.why.contains(why), "{error}");
    }
    assert!(tcp.dialer(&"tcp://[fe80::1]:7000".parse().unwrap()).is_ok());
}

#[test]
fn a_port_is_taken_until_its_listener_is_dropped_and_only_a_hosts_own_address_can_be_bound() {
    let mut sim = simulated::builder(7).build();
    sim.host("other", std::future::pending);
    sim.client("server", async {
        let tcp = SimulatedTcp::on("server");
        let listen = async |address: &str| tcp.listen(&at("tcp", address)).await.map_err(|error| error.kind);
        let first = listen("0.0.0.0:7000").await.unwrap();
        assert_eq!(first.endpoint(), &server_at("tcp"), "as others reach it");
        assert_eq!(listen("server:7000").await.err(), Some(ErrorKind::AddrInUse));
        drop(first);
        listen("server:7000").await.unwrap();
        assert_eq!(listen("other:7000").await.err(), Some(ErrorKind::AddrNotAvailable));
        assert_eq!(listen("nobody:7000").await.err(), Some(ErrorKind::NotFound));
        assert_eq!(listen("[::]:7000").await.err(), Some(ErrorKind::AddrNotAvailable));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn asking_a_listener_and_giving_up_loses_no_connection() {
    let mut sim = simulated::builder(7).build();
    sim.client("server", async {
        let mut listener = SimulatedTcp::on("server").listen(&server_at("tcp")).await?;
        let mut accepted = Vec::new();
        while accepted.len() < 20 {
            // A connection comes every 5 ms or so, and each wait for it ends after 1 ms.
            if let Ok(channel) = timeout(Duration::from_millis(1), listener.next()).await {
                accepted.push(channel?);
            }
        }
        Ok(())
    });
    sim.client("client", async {
        let mut dialer = SimulatedTcp::on("client").dialer(&server_at("tcp"))?;
        for _ in 0..20 {
            dialer.next().await?;
        }
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_dial_that_is_given_up_reaches_nobody() {
    let mut sim = simulated::builder(7).build();
    sim.client("server", async {
        let mut listener = SimulatedTcp::on("server").listen(&server_at("tcp")).await?;
        let mut first = listener.next().await?;
        assert_eq!(read(&mut *first.read).await?, "the second dial");
        Ok(())
    });
    sim.client("client", async {
        let mut dialer = SimulatedTcp::on("client").dialer(&server_at("tcp"))?;
        turmoil::hold("client", "server");
        assert!(timeout(Duration::from_millis(10), dialer.next()).await.is_err());
        turmoil::release("client", "server");
        let mut channel = dialer.next().await?;
        write_all(&mut *channel.write, "the second dial".into()).await?;
        let _ = read_to_end(&mut *channel.read).await;
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn quic_dials_by_name_and_by_the_endpoint_that_a_listener_tells() {
    let mut sim = simulated::builder(7).build();
    sim.client("server", async {
        let transport = transport("quic", "server", 1);
        let mut listener = transport.listen(&server_at("quic")).await?;
        let own = turmoil::lookup("server");
        assert_eq!(listener.endpoint().address(), format!("{own}:{PORT}"));
        for _ in 0..2 {
            let facts = listener.next().await?.facts;
            assert_eq!(facts.local.as_ref(), Some(listener.endpoint()));
        }
        Ok(())
    });
    sim.client("client", async {
        let transport = transport("quic", "client", 2);
        let by_address = at("quic", &format!("{}:{PORT}", turmoil::lookup("server")));
        for endpoint in [server_at("quic"), by_address.clone()] {
            let mut dialer = transport.dialer(&endpoint)?;
            let channel = dialer.next().await?;
            assert_eq!(channel.facts.peer.unwrap().address(), by_address.address());
            assert_eq!(channel.facts.certificates.len(), 1);
        }
        let nobody = transport.dialer(&at("quic", "nobody:7000"))?.next().await.unwrap_err();
        assert_eq!((nobody.kind, nobody.is_final), (ErrorKind::NotFound, false));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_simulation_of_ipv6_carries_both_transports() {
    for scheme in ["tcp", "quic"] {
        let mut sim = simulated::builder(7).ip_version(IpVersion::V6).build();
        sim.host("server", move || async move {
            serve(&*transport(scheme, "server", 1), &server_at(scheme)).await.ended().await?;
            Ok(())
        });
        sim.client("client", async move {
            let by_address = SocketAddr::new(turmoil::lookup("server"), PORT).to_string();
            assert!(by_address.starts_with('['));
            for endpoint in [server_at(scheme), at(scheme, &by_address)] {
                let client = client(&*transport(scheme, "client", 2), &endpoint);
                assert!(echo(&client, pattern(3000)).await? == pattern(3000));
            }
            Ok(())
        });
        sim.run().unwrap();
    }
}
