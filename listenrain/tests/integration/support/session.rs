//! Hellos and goodbyes by hand.

use super::*;

/// The payload of a hello of this version of the protocol.
pub(crate) const OWN_HELLO: [u8; 10] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 1];

/// The payload of a goodbye.
pub(crate) fn goodbye(why: u8, requests: u64, one_ways: u64, stay_away_ms: u32) -> Vec<u8> {
    let mut bytes = vec![why, 0];
    bytes.extend(requests.to_be_bytes());
    bytes.extend(one_ways.to_be_bytes());
    bytes.extend(stay_away_ms.to_be_bytes());
    bytes
}

pub(crate) const DRAINING: u8 = 1;
pub(crate) const FULL: u8 = 2;
pub(crate) const NOT_ADMITTED: u8 = 3;
pub(crate) const VERSION: u8 = 4;
pub(crate) const AGE: u8 = 5;
pub(crate) const OVERLOADED: u8 = 6;

/// A peer that says hello to a server, and has its answer.
pub(crate) async fn greeted(net: &Net) -> Peer {
    let mut peer = Peer::new(net.raw().await);
    peer.send(HELLO, 0, OWN_HELLO).await;
    let answer = peer.read_any().await.unwrap();
    assert_eq!(
        (answer.kind, answer.flags, answer.id, &answer.payload[..]),
        (HELLO, ANSWER, 0, &OWN_HELLO[..])
    );
    peer
}

/// A router whose handlers wait until they are told to go on, and how many have begun.
pub(crate) fn held(go_on: &Arc<Notify>) -> (Router<RawBytes>, Arc<AtomicUsize>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let router = handling(&(Arc::clone(&begun), Arc::clone(go_on)), |(begun, go_on), request| async move {
        begun.fetch_add(1, SeqCst);
        go_on.notified().await;
        Ok(request.message)
    });
    (router, begun)
}
