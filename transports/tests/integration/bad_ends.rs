//! Bad ends over TCP, as a peer sees them: a reset, never an orderly end, which
//! would make it take what has come for all there is.

use std::io::Error;

use crate::support::calls::*;
use crate::support::*;
use listenrain_transports::Tcp;

/// A native packet of `kind` with this payload, for call 1.
fn packet(kind: u8, payload: &[u8]) -> Bytes {
    let mut bytes = vec![0x4C, kind, 0, 0];
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes.into()
}

/// Reads until the end, which must be an error; says after how many bytes.
async fn bad_end(channel: &mut Channel) -> (usize, Error) {
    let (mut into, mut total) = (ReadBuffer::default(), 0);
    loop {
        match watched(read(&mut *channel.read, &mut into)).await {
            Ok(0) => panic!("an orderly end after {total} bytes"),
            Ok(count) => total += count,
            Err(error) => return (total, error),
        }
        let len = into.len();
        into.skip(len);
    }
}

#[tokio::test]
async fn bytes_that_are_no_packet_are_answered_by_a_reset() {
    // Everything has been read, so that dropping the channel alone would be an orderly end.
    let tcp = Tcp::default();
    let server = serve(&tcp, &tcp.scratch_endpoint()).await;
    let mut peer = watched(tcp.dialer(server.endpoint()).unwrap().next()).await.unwrap();
    write_all(&mut *peer.write, vec![0xff; 20].into()).await.unwrap();
    let (count, error) = bad_end(&mut peer).await;
    assert_eq!((count, error.kind()), (0, ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_packet_that_is_cut_by_a_close_ends_in_a_reset() {
    // The peer must not take half of a reply for all that there is, however the rest came to be missing.
    let tcp = Tcp::default();
    let server = serve(&tcp, &tcp.scratch_endpoint()).await;
    let mut peer = watched(tcp.dialer(server.endpoint()).unwrap().next()).await.unwrap();
    // More than the system takes of a reply that nobody reads.
    let payload = vec![7; 32 << 20];
    watched(write_all(&mut *peer.write, packet(1, &payload))).await.unwrap();
    until(|| server.counts().sent_bytes > 0).await;
    watched(server.drain(Duration::ZERO)).await;
    let (count, error) = bad_end(&mut peer).await;
    assert!(count < payload.len(), "{count}");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
