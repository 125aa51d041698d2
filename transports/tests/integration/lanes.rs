//! Lanes: channels that share a connection, over QUIC and SCTP, on a network in memory with time paused. How many a
//! connection carries, how often one is made, and when another takes its place.

use std::collections::BTreeSet;

use crate::support::network::{Network, Seeded};
use crate::support::*;
use futures_util::future::join_all;
use listenrain_transports::{Quic, Sctp};
use tokio::time::{Instant, timeout};

/// One of the transports on a network of its own.
struct TestContext {
    network: Network,
    transport: Arc<dyn Transport>,
    /// The option that bounds the channels of a connection.
    limit: &'static str,
}

impl TestContext {
    fn each() -> [Self; 2] {
        let (network, other) = (Network::new(1), Network::new(1));
        let quic = Quic::default().with_udp(Arc::new(network.clone())).with_seed([7; 32]);
        let sctp = Sctp::default().with_udp(Arc::new(other.clone())).with_entropy(Seeded::new(7));
        [
            Self { network, transport: Arc::new(quic), limit: "streams" },
            Self { network: other, transport: Arc::new(sctp), limit: "lanes" },
        ]
    }

    fn endpoint(&self) -> Endpoint {
        let bare = Endpoint::new(self.transport.scheme(), "10.0.0.2:7000").unwrap();
        if self.limit == "streams" { bare.with_option("cert", "selfsigned") } else { bare }
    }

    /// A listener, and a dialer with the limit `most`.
    async fn both_ends(&self, most: &str) -> (Box<dyn ChannelGenerator>, Box<dyn ChannelGenerator>) {
        let listener = self.transport.listen(&self.endpoint()).await.unwrap();
        let limited = listener.endpoint().clone().with_option(self.limit, most);
        (listener, self.transport.dialer(&limited).unwrap())
    }
}

/// Accepts channels and keeps them.
fn keep_accepting(mut listener: Box<dyn ChannelGenerator>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut accepted = Vec::new();
        while let Ok(channel) = listener.next().await {
            accepted.push(channel);
        }
    })
}

fn forks(dialer: &dyn ChannelGenerator) -> Vec<Box<dyn ChannelGenerator>> {
    (0..8).map(|_| dialer.fork().unwrap()).collect()
}

/// Dials with each of `dialers` at the same time.
async fn dial_all(dialers: &mut [Box<dyn ChannelGenerator>]) -> Vec<Result<Channel, NextError>> {
    join_all(dialers.iter_mut().map(|dialer| dialer.next())).await
}

#[tokio::test(start_paused = true)]
async fn dials_share_a_connection_until_it_carries_as_many_as_either_side_lets_it() {
    for is_dialers in [true, false] {
        for context in TestContext::each() {
            let limited = context.endpoint().with_option(context.limit, "3");
            let (mut listener, mut dialer) = if is_dialers {
                context.both_ends("3").await
            } else {
                let listener = context.transport.listen(&limited).await.unwrap();
                let all = listener.endpoint().clone().with_option(context.limit, "100");
                (listener, context.transport.dialer(&all).unwrap())
            };
            let mut ends = Vec::new();
            for _ in 0..4 {
                ends.push(connect(&mut *listener, &mut *dialer).await);
            }
            let groups: Vec<_> = ends.iter().map(|(near, far)| [near.facts.group, far.facts.group]).collect();
            assert!(groups[0] == groups[1] && groups[1] == groups[2], "{groups:?}");
            assert!((0..2).all(|side| groups[3][side] != groups[0][side]), "{groups:?}");
            let locals: BTreeSet<_> =
                ends.iter().map(|(near, _)| near.facts.local.as_ref().unwrap().to_string()).collect();
            assert_eq!(locals.len(), ends.len(), "no two channels have the same two ends: {locals:?}");
            for (index, (near, far)) in ends.iter_mut().enumerate() {
                write_all(&mut *near.write, vec![index as u8].into()).await.unwrap();
                assert_eq!(read_exactly(&mut *far.read, 1).await.unwrap(), vec![index as u8]);
            }
            assert_eq!(context.network.sockets(), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_over_makes_room_for_another_and_is_waited_for() {
    // The last words about a lane take a round trip, and another connection was made meanwhile.
    for context in TestContext::each() {
        let (mut listener, mut dialer) = context.both_ends("1").await;
        let mut groups = BTreeSet::new();
        for round in 0..100u8 {
            let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
            groups.insert(near.facts.group);
            write_all(&mut *near.write, vec![round; 3].into()).await.unwrap();
            match round % 4 {
                0 => shutdown(&mut *near.write).await.unwrap(),
                1 => near.write.abort(),
                2 => drop(read_exactly(&mut *far.read, 3).await.unwrap()),
                _ => {}
            }
            drop(near);
            if round % 4 == 0 {
                assert_eq!(read_to_end(&mut *far.read).await.unwrap(), vec![round; 3]);
            }
        }
        assert_eq!((groups.len(), context.network.sockets()), (1, 2), "on {}", context.transport.scheme());
    }
}

#[tokio::test(start_paused = true)]
async fn forks_make_as_many_connections_as_their_channels_need_and_no_more() {
    for context in TestContext::each() {
        let (listener, dialer) = context.both_ends("3").await;
        let accepting = keep_accepting(listener);
        let channels = dial_all(&mut forks(&*dialer)).await;
        let groups: BTreeSet<_> =
            channels.iter().map(|channel| channel.as_ref().unwrap().facts.group).collect();
        assert_eq!((groups.len(), context.network.sockets()), (3, 1 + 3));
        accepting.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn where_datagrams_vanish_forks_take_the_time_of_one_dial() {
    for context in TestContext::each() {
        let listener = context.transport.listen(&context.endpoint()).await.unwrap();
        let hasty = listener.endpoint().clone().with_option("connect_timeout", "4s");
        context.network.cut(true);
        let mut dialers = forks(&*context.transport.dialer(&hasty).unwrap());
        let begun = Instant::now();
        for dialled in dial_all(&mut dialers).await {
            assert_eq!(dialled.unwrap_err().kind, ErrorKind::TimedOut);
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_is_made_anew_once_for_all_forks() {
    for context in TestContext::each() {
        let (listener, dialer) = context.both_ends("100").await;
        let accepting = keep_accepting(listener);
        let mut dialers = forks(&*dialer);
        let mut groups = BTreeSet::new();
        for round in 1..=3 {
            let channels: Vec<_> = dial_all(&mut dialers).await.into_iter().map(Result::unwrap).collect();
            groups.extend(channels.iter().map(|channel| channel.facts.group));
            assert_eq!(
                (groups.len(), context.network.sockets()),
                (round, 2),
                "the listener's and one connection's"
            );
            context.network.cut(true);
            for mut channel in channels {
                read(&mut *channel.read, &mut ReadBuffer::default()).await.unwrap_err();
            }
            context.network.cut(false);
        }
        accepting.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_is_not_answered_is_no_reason_to_try_the_same_connection_again() {
    // Whoever is less patient than the dialer would be given the dead one each time, until it counts as lost.
    for limit in [1, 11] {
        for context in TestContext::each() {
            let (mut listener, mut dialer) = context.both_ends("100").await;
            let (near, _far) = connect(&mut *listener, &mut *dialer).await;
            context.network.cut(true);
            let dialled = timeout(Duration::from_secs(limit), dialer.next()).await;
            assert!(dialled.map_or(limit == 1, |dialled| dialled.unwrap_err().kind == ErrorKind::TimedOut));
            context.network.cut(false);
            let fresh = dialer.next().await.unwrap();
            assert_ne!(fresh.facts.group, near.facts.group);
        }
    }
}
