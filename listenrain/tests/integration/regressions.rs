//! What once went wrong, and how.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn servers_that_share_a_protocols_executor_wake_each_others_channels() {
    // The first channel of each server had the same name to the shared budget, and only the last one was woken.
    let protocol = on(Spawned::new(1));
    let (router, mut begun) = gated();
    let nets = [Net::new(), Net::new(), Net::new()];
    let routers = [router, echo(), echo()];
    let _servers: Vec<_> = nets
        .iter()
        .zip(routers)
        .map(|(net, router)| net.serve(Server::builder(protocol.clone(), router)))
        .collect();
    let clients = nets.each_ref().map(|net| connect(net, native()));
    let first = start(&clients[0], "wait").await;
    let others = [start(&clients[1], "quick").await, start(&clients[2], "quick").await];
    let began = Instant::now();
    begun.recv().await.unwrap().1.notify_one();
    assert!(first.await.unwrap().is_ok());
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), "quick");
    }
    assert!(began.elapsed() < secs(1), "woken, not found at the next look");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_the_handlers_of_channels_that_are_gone() {
    // LR26: a drain said that it was complete while such handlers ran on, and nothing ever ended them.
    let (_net, server, mut peer) = served(serving(silent())).await;
    peer.send(REQUEST, 1, "asked").await;
    peer.send_bytes(b"no packet").await;
    settle().await;
    assert_eq!((server.connections(), server.counts().in_flight), (0, 1));
    let drained = server.drain(ms(500)).await;
    assert_eq!((drained.complete, drained.cut_off), (false, 1));
    assert_eq!(server.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn errors_reach_callers_whose_ids_are_in_the_message() {
    // LR30: the id was looked for in the error's own payload, which has none, and the call timed out.
    let id_of = |bytes: &[u8]| bytes.get(..4).map(<[u8]>::to_vec).ok_or_else(|| MessageError::new("short"));
    let protocol =
        Protocol::builder("ids", RawBytes).correlation(Correlation::by_message(id_of)).build().unwrap();
    let (_net, _server, client) =
        between(Server::builder(protocol.clone(), Router::new()), dialling(protocol)).await;
    for _ in 0..2 {
        assert_fails!(client.call("same id".into()).await, CallError::Failed(Failure::Remote(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_that_takes_a_while_is_awaited_after_the_peers_end() {
    // The channel was dropped inside its shutdown: a TLS peer would have taken that for an attack.
    let (mut near, far) = tokio::io::duplex(1024);
    let (ended, takes) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
    let ends = Arc::clone(&ended);
    let channel = hooked(far, move |part, cx| {
        if part == Part::Shutdown {
            let mut takes = takes.lock().unwrap();
            ready!(takes.get_or_insert_with(|| Box::pin(tokio::time::sleep(secs(1)))).as_mut().poll(cx));
            ends.fetch_add(1, SeqCst);
        }
        GO_ON
    });
    let _server = serving(echo()).listen(accepting(vec![channel])).unwrap();
    near.write_all(&Frame::new(REQUEST, 1, "last").bytes()).await.unwrap();
    near.shutdown().await.unwrap();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    assert_eq!((all.len(), ended.load(SeqCst)), (24, 1));
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_panics_ends_its_forwarding_with_an_error() {
    // The panic went up into the task that forwarded, and both channels were left to their drop.
    let ((mut near, first), (second, _far)) = (tokio::io::duplex(64), tokio::io::duplex(64));
    let [first, second] = [first, second].map(|io| Channel::from_io(io, ChannelFacts::new("test")));
    near.write_all(b"!").await.unwrap();
    assert_fails!(forward(first, second, Arc::new(Picky::default())).await, LinkError::Panic(_));
}
