//! A drain tells everybody who is connected, also those whom the server has not accepted yet.

use std::io::{Read, Write};

use crate::support::calls::*;
use crate::support::*;
use listenrain_transports::Tcp;

const PEERS: usize = 300;

/// A hello, by the native packets.
fn hello() -> Vec<u8> {
    let mut hello = vec![0x4C, 8, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    hello.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    hello
}

/// Whether a goodbye comes before the end.
fn is_told(mut peer: &std::net::TcpStream) -> bool {
    let mut all = Vec::new();
    let _ = peer.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = peer.read_to_end(&mut all);
    all.windows(2).any(|two| two == [0x4C, 9])
}

#[tokio::test]
async fn all_of_a_listeners_queue_are_told_of_a_drain() {
    let transport = Tcp::default();
    let server = serve(&transport, &transport.scratch_endpoint()).await;
    let address = server.endpoint().address().to_owned();
    // No await: the server has no turn meanwhile.
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut peer = std::net::TcpStream::connect(&*address).unwrap();
        peer.write_all(&hello()).unwrap();
        peers.push(peer);
    }
    let drained = watched(server.drain(Duration::from_secs(10))).await;
    let told = tokio::task::spawn_blocking(move || peers.iter().filter(|peer| is_told(peer)).count());
    assert_eq!(told.await.unwrap(), PEERS, "{drained:?}");
}
