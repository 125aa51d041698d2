//! Dialers that dial while others of the same endpoint do: side by side, sharing what channels of one dialer share, and
//! none harmed by another that is dropped.

use std::io;
use std::net::SocketAddr;

use crate::support::*;
use listenrain::BoxFuture;
use listenrain_transports::tcp::Resolve;
use listenrain_transports::{ActiveStandby, Registry, Tcp};
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

const FORKS: usize = 8;

/// `dialer` and forks of it, [`FORKS`] in all.
fn forks(dialer: Box<dyn ChannelGenerator>) -> Vec<Box<dyn ChannelGenerator>> {
    let more: Vec<_> = (1..FORKS).map(|_| dialer.fork().expect("it can be forked")).collect();
    assert!(more.iter().all(|fork| fork.endpoint() == dialer.endpoint()));
    std::iter::once(dialer).chain(more).collect()
}

/// Dials with each at the same time, on one task.
async fn dial_all(dialers: &mut [Box<dyn ChannelGenerator>]) -> Vec<Channel> {
    let dials = dialers.iter_mut().map(|dialer| dialer.next());
    let dialled = watched(futures_util::future::join_all(dials)).await;
    dialled.into_iter().map(Result::unwrap).collect()
}

/// Echoes whatever comes on any channel.
fn echo(mut listener: Box<dyn ChannelGenerator>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok(mut far) = listener.next().await {
            tokio::spawn(async move {
                if let Ok(bytes) = read_to_end(&mut *far.read).await {
                    let _ = write_all(&mut *far.write, bytes).await;
                    let _ = shutdown(&mut *far.write).await;
                }
            });
        }
    })
}

async fn assert_each_works(channels: Vec<Channel>) {
    for (number, mut channel) in channels.into_iter().enumerate() {
        let text = Bytes::from(format!("channel {number}"));
        write_all(&mut *channel.write, text.clone()).await.unwrap();
        shutdown(&mut *channel.write).await.unwrap();
        assert_eq!(watched(read_to_end(&mut *channel.read)).await.unwrap(), text);
    }
}

/// A resolver that answers none of its callers until a given number of them has asked.
#[derive(Debug)]
struct Together {
    at: SocketAddr,
    barrier: Barrier,
}

impl Resolve for Together {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async {
            self.barrier.wait().await;
            Ok(vec![self.at])
        })
    }
}

/// Where `listener` listens, and the same by a name that a resolver has to look up.
fn by_name(listener: &dyn ChannelGenerator) -> (SocketAddr, Endpoint) {
    let at: SocketAddr = listener.endpoint().address().parse().unwrap();
    (at, listener.endpoint().clone().with_address(format!("localhost:{}", at.port())))
}

#[tokio::test]
async fn a_dial_that_is_dropped_at_any_point_harms_no_fork_of_its_dialer() {
    for transport in listenrain_transports::all().list() {
        println!("on {}", transport.scheme());
        let (listener, dialer) = both_ends(&**transport).await;
        let serving = echo(listener);
        let dial = |mut dialer: Box<dyn ChannelGenerator>| tokio::spawn(async move { dialer.next().await });
        let mut kept = Vec::new();
        for turns in 0..4 * FORKS {
            let fork = || dialer.fork().expect("it can be forked");
            let given_up = dial(fork());
            kept.push(dial(fork()));
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            given_up.abort();
        }
        let channels = watched(futures_util::future::join_all(kept)).await;
        assert_each_works(channels.into_iter().map(|dialled| dialled.unwrap().unwrap()).collect()).await;
        serving.abort();
    }
}

#[tokio::test]
async fn dials_that_wait_for_a_resolver_wait_at_the_same_time() {
    // Lanes dialled one after the other, so that sixteen of them took sixteen times as long.
    for is_listed in [false, true] {
        let plain = Tcp::default();
        let listener = plain.listen(&plain.scratch_endpoint()).await.unwrap();
        let (at, endpoint) = by_name(&*listener);
        let serving = echo(listener);
        let dialing = Tcp::default().with_resolver(Arc::new(Together { at, barrier: Barrier::new(FORKS) }));
        let dialer = if is_listed {
            let mut registry = Registry::new();
            registry.register(Arc::new(dialing)).unwrap();
            let list = Endpoint::list("ha", [&endpoint]).unwrap();
            ActiveStandby::new(registry).dialer(&list).unwrap()
        } else {
            dialing.dialer(&endpoint).unwrap()
        };
        println!("in a list: {is_listed}");
        let channels = dial_all(&mut forks(dialer)).await;
        assert_each_works(channels).await;
        serving.abort();
    }
}
