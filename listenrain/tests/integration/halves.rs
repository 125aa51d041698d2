//! Calls of a channel's halves by a link and by a forwarding: again where they are interrupted, a reset at a bad end,
//! and patience at a good one.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn what_is_interrupted_is_called_again() {
    for part in [Part::Read, Part::Write, Part::Flush, Part::Shutdown] {
        let net = Net::new();
        let server = serve(&net, echo());
        let dialer = hooked_dialer(&net, move || {
            let mut calls = 0;
            move |called: Part, _: &mut Context<'_>| {
                calls += usize::from(called == part);
                let interrupts = called == part && calls % 2 == 1;
                if interrupts { Poll::Ready(Err(io::ErrorKind::Interrupted.into())) } else { GO_ON }
            }
        });
        let client = dialling(native()).dial(dialer).unwrap();
        for _ in 0..10 {
            assert_eq!(client.call(Bytes::from("x")).await.unwrap(), "x", "{part:?}");
        }
        let (took, ()) = timed(client.close()).await;
        settle().await;
        assert!(took < ms(10) && server.connections() == 0, "{part:?}: {took:?}");
        assert_eq!((server.counts().accepted, client.counts().reconnects), (1, 0), "{part:?}");
    }
}

/// A peer of a server of echoes whose channel holds `capacity` bytes, and how often the channel is reset.
fn echoing(capacity: usize) -> (Peer, Server, Arc<AtomicUsize>) {
    let (peer, channel, resets) = counted(capacity);
    (peer, serving(echo()).listen(accepting(vec![channel])).unwrap(), resets)
}

/// The far end of a channel that holds `capacity` bytes, and how often its near end is reset.
fn counted(capacity: usize) -> (Peer, Channel, Arc<AtomicUsize>) {
    let (near, far) = tokio::io::duplex(capacity);
    let resets = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&resets);
    let channel = hooked(near, move |part, _| {
        count.fetch_add(usize::from(part == Part::Abort), SeqCst);
        GO_ON
    });
    (Peer::new(far), channel, resets)
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_reset_where_it_ends_badly_or_inside_a_packet_and_only_there() {
    // The peer would take what it has got for all that there was.
    let (mut peer, _server, resets) = echoing(64);
    peer.send_bytes(&[0xff; 20]).await;
    settle().await;
    assert_eq!(resets.load(SeqCst), 1, "what came was no packet");

    let (mut peer, server, resets) = echoing(64);
    peer.send(REQUEST, 1, [1; 1000]).await;
    settle().await;
    assert_eq!(resets.load(SeqCst), 0);
    drop(server);
    settle().await;
    assert_eq!(resets.load(SeqCst), 1, "its answer is cut");

    let (mut peer, server, resets) = echoing(64);
    peer.send(REQUEST, 1, "x").await;
    peer.expect(REPLY).await;
    peer.io.shutdown().await.unwrap();
    settle().await;
    assert_eq!((server.connections(), resets.load(SeqCst)), (0, 0), "the peer has ended it");
}

#[tokio::test(start_paused = true)]
async fn a_forwarding_that_fails_resets_both_of_its_channels() {
    for is_bad in [true, false] {
        let (mut first, near, first_resets) = counted(4096);
        let (mut second, far, second_resets) = counted(4096);
        let forwarding = tokio::spawn(forward(near, far, Arc::new(NativePackets::default())));
        first.send(REQUEST, 1, "x").await;
        second.expect(REQUEST).await;
        if is_bad {
            first.send_bytes(&[0xff; 20]).await;
        } else {
            first.io.shutdown().await.unwrap();
            second.io.shutdown().await.unwrap();
        }
        assert_eq!(forwarding.await.unwrap().is_err(), is_bad);
        let expected = usize::from(is_bad);
        assert_eq!((first_resets.load(SeqCst), second_resets.load(SeqCst)), (expected, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_ends_reads_on_for_a_second_until_its_peer_ends_too() {
    // A socket that is closed with bytes unread is reset, and takes along what the peer has yet to read.
    let (mut peer, server, resets) = echoing(4096);
    // Long enough for its hello to be no longer on its way.
    tokio::time::sleep(secs(2)).await;
    let draining = tokio::spawn(async move { (timed(server.drain(secs(10))).await, server) });
    assert_eq!(peer.io.read(&mut [0; 1]).await.unwrap(), 0, "it has ended its writing");
    for _ in 0..9 {
        tokio::time::sleep(ms(100)).await;
        peer.send(PING, 1, "").await;
    }
    tokio::time::sleep(ms(200)).await;
    assert!(peer.io.write_all(b"x").await.is_err(), "and reads no longer than a second");
    let ((took, drained), _server) = draining.await.unwrap();
    assert!(drained.complete && took >= secs(1) && took <= ms(1010), "{took:?}");
    assert_eq!(resets.load(SeqCst), 0);
}
