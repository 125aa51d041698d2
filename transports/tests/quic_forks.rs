//! What dialers of QUIC share, over a network in memory, with time paused: a connection for their channels, made once, and
//! for as long as it is of use.

#[path = "support/network.rs"]
mod network;
mod support;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use listenrain::buffer::ReadBuffer;
use listenrain::{Channel, ChannelGenerator, Endpoint, NextError, Transport};
use listenrain_transports::Quic;
use listenrain_transports::quic::QuicOptions;
use network::Network;
use support::*;
use tokio::time::{Instant, sleep};

const DELAY: Duration = Duration::from_millis(10);

fn quic(network: &Network, options: QuicOptions) -> Quic {
    Quic::new(options).unwrap().with_udp(Arc::new(network.clone())).with_seed([7; 32])
}

fn endpoint() -> Endpoint {
    "quic://10.0.0.1:7?cert=selfsigned".parse().unwrap()
}

/// Dials with each of `dialers` at the same time.
async fn dial_all(dialers: &mut [Box<dyn ChannelGenerator>]) -> Vec<Result<Channel, NextError>> {
    futures_util::future::join_all(dialers.iter_mut().map(|dialer| dialer.next())).await
}

fn forks(dialer: Box<dyn ChannelGenerator>) -> Vec<Box<dyn ChannelGenerator>> {
    let more: Vec<_> = (1..8).map(|_| dialer.fork().unwrap()).collect();
    std::iter::once(dialer).chain(more).collect()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_is_made_anew_once_for_all_forks() {
    let network = Network::with_latency(DELAY);
    let quic = quic(&network, QuicOptions::default().idle_timeout(Duration::from_secs(5)));
    let (mut listener, dialer) = at(&quic, &endpoint()).await;
    let accepting = tokio::spawn(async move {
        let mut accepted = Vec::new();
        loop {
            accepted.push(listener.next().await.unwrap());
        }
    });
    let mut dialers = forks(dialer);
    let mut groups = Vec::new();
    for _ in 0..3 {
        let channels: Vec<_> = dial_all(&mut dialers).await.into_iter().map(Result::unwrap).collect();
        groups.push(channels[0].facts.group);
        assert!(channels.iter().all(|channel| channel.facts.group == channels[0].facts.group));
        assert_eq!(network.sockets(), 2, "the listener's and one connection's");
        network.cut(true);
        for mut channel in channels {
            read(&mut *channel.read, &mut ReadBuffer::default()).await.unwrap_err();
        }
        network.cut(false);
    }
    assert!(groups[0] != groups[1] && groups[1] != groups[2]);
    accepting.abort();
}

#[tokio::test(start_paused = true)]
async fn where_datagrams_vanish_forks_take_the_time_of_one_dial() {
    let network = Network::with_latency(DELAY);
    let quic = quic(&network, QuicOptions::default().connect_timeout(Duration::from_secs(4)));
    let listener = quic.listen(&endpoint()).await.unwrap();
    network.cut(true);
    let mut dialers = forks(quic.dialer(listener.endpoint()).unwrap());
    let begun = Instant::now();
    for dialled in dial_all(&mut dialers).await {
        assert_eq!(dialled.unwrap_err().kind, ErrorKind::TimedOut);
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn forks_make_as_many_connections_as_their_channels_need_and_no_more() {
    let network = Network::with_latency(DELAY);
    let quic = quic(&network, QuicOptions::default().streams(3));
    let (mut listener, dialer) = at(&quic, &endpoint()).await;
    let mut dialers = forks(dialer);
    let accepting = tokio::spawn(async move {
        let mut accepted = Vec::new();
        loop {
            accepted.push(listener.next().await.unwrap());
        }
    });
    let channels: Vec<_> = dial_all(&mut dialers).await.into_iter().map(Result::unwrap).collect();
    assert_eq!((channels.len(), network.sockets()), (8, 1 + 3));
    accepting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_limit_lags_is_waited_for() {
    // The peer's leave to open another channel takes a round trip, and the connection was thrown away meanwhile.
    let network = Network::with_latency(DELAY);
    let quic = quic(&network, QuicOptions::default().streams(1));
    let (mut listener, mut dialer) = at(&quic, &endpoint()).await;
    let mut channels = connect(&mut *listener, &mut *dialer).await;
    for _ in 0..5 {
        let group = channels.0.facts.group;
        drop(channels);
        channels = connect(&mut *listener, &mut *dialer).await;
        assert_eq!(channels.0.facts.group, group);
    }
    assert_eq!(network.sockets(), 2);
    // Where it does not come, since the peer keeps its end, another connection has to do.
    let (near, _far) = channels;
    let (group, begun) = (near.facts.group, Instant::now());
    drop(near);
    let (near, _far) = connect(&mut *listener, &mut *dialer).await;
    assert_ne!(near.facts.group, group);
    assert!(begun.elapsed() < Duration::from_millis(1200), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dialer_whose_connection_was_closed_as_unused_makes_another() {
    let network = Network::with_latency(DELAY);
    let short = QuicOptions::default().idle_timeout(Duration::from_secs(2));
    let quic = quic(&network, short.keepalive(Some(Duration::from_millis(500))));
    let mut listener = quic.listen(&endpoint()).await.unwrap();
    // It would keep the connection for an hour itself.
    let patient = listener.endpoint().clone().with_option("idle_timeout", "1h");
    let mut dialer = quic.dialer(&patient).unwrap();
    let mut groups = Vec::new();
    for _ in 0..3 {
        let (near, far) = connect(&mut *listener, &mut *dialer).await;
        groups.push(near.facts.group);
        // Used all the time, it stays.
        sleep(Duration::from_secs(10)).await;
        drop((near, far));
        sleep(Duration::from_secs(1)).await;
        let (near, far) = connect(&mut *listener, &mut *dialer).await;
        assert_eq!(groups.last(), Some(&near.facts.group));
        drop((near, far));
        sleep(Duration::from_secs(3)).await;
    }
    assert!(groups[0] != groups[1] && groups[1] != groups[2], "{groups:?}");
}
