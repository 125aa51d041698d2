//! The pool and the table of protocols: who shares a connection with whom.

use crate::support::*;

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn pooled(
    pool: &SharedConnections,
    net: &Net,
    at: &str,
    protocol: &ProtocolHandle<RawBytes>,
) -> Result<Client<RawBytes>, PoolError> {
    Client::pooled(pool, net, &endpoint(at), protocol, |builder| builder)
}

/// An empty pool, a registered protocol, and a place with a server of echoes.
fn at_an_echo() -> (SharedConnections, ProtocolHandle<RawBytes>, Net, Server) {
    let net = Net::new();
    let server = serve(&net, echo());
    (SharedConnections::default(), ProtocolTable::new().register(native()).unwrap(), net, server)
}

#[tokio::test(start_paused = true)]
async fn two_protocols_to_one_address_never_share_a_connection() {
    // LR13: the original's pool knew only the address, so the second protocol spoke over the first one's transport.
    let mut table = ProtocolTable::new();
    let first = table.register(native()).unwrap();
    let second = table.register(in_order()).unwrap();
    let (pool, net) = (SharedConnections::default(), Net::new());
    let mut peers = net.peers();
    let native = pooled(&pool, &net, "test://a", &first).unwrap();
    let mut peer = peers.next().await;
    let _call = start(&native, "native").await;
    assert_eq!(peer.expect(REQUEST).await.payload, b"native");
    let plain = pooled(&pool, &net, "test://a", &second).unwrap();
    let mut peer = peers.next().await;
    let _call = start(&plain, "plain").await;
    assert_eq!(peer.read_original().await.unwrap(), b"plain");
    let _same = pooled(&pool, &net, "test://a", &first).unwrap();
    let _other_options = pooled(&pool, &net, "test://a?x=1", &first).unwrap();
    settle().await;
    assert_eq!((net.dials(), pool.connections().len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn what_tells_trust_or_protocol_apart_keeps_connections_apart() {
    // LR13: whatever the key leaves out is shared: a table of protocols, a transport that trusts others.
    // Registrations of two tables have nothing in common but their place in them, and two transports of one scheme may
    // trust different peers.
    let [first, second] = [native(), native()].map(|native| ProtocolTable::new().register(native).unwrap());
    let (pool, nets) = (SharedConnections::default(), [Net::new(), Net::new()]);
    let _peers = nets.each_ref().map(|net| net.peers());
    let mut clients = Vec::new();
    for net in &nets {
        for protocol in [&first, &second] {
            clients.push(pooled(&pool, net, "test://a", protocol).unwrap());
            clients.push(pooled(&pool, &net.clone(), "test://a", &protocol.clone()).unwrap());
        }
    }
    settle().await;
    assert_eq!(pool.connections().len(), 4);
    assert_eq!(nets.map(|net| net.dials()), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_cannot_be_told_from_others_is_not_pooled() {
    let handle = ProtocolTable::new().register(native()).unwrap();
    let pool = SharedConnections::default();
    let anonymous = Net::new().without_id();
    let error = pooled(&pool, &anonymous, "test://a", &handle).unwrap_err();
    assert_eq!(error.to_string(), "connections of transport `test` cannot be pooled: it has no id");
    assert!(pool.connections().is_empty() && anonymous.dials() == 0);
}

#[tokio::test(start_paused = true)]
async fn one_dial_serves_all_who_ask_and_each_keeps_its_own_deadline() {
    // LR29: callers dialled one after another, ten seconds each, under one lock.
    let (pool, handle, net, _server) = at_an_echo();
    net.hang(true);
    let mut calls = Vec::new();
    for asked in 1..=64 {
        let client = pooled(&pool, &net, "test://a", &handle).unwrap();
        let within = ms(10 * asked);
        let call = async move { timed(client.call_within(Bytes::from("x"), within)).await };
        calls.push((within, tokio::spawn(call)));
    }
    tokio::time::sleep(ms(325)).await;
    net.hang(false);
    for (within, call) in calls {
        let (took, outcome) = call.await.unwrap();
        assert_eq!(outcome.is_ok(), within > ms(325), "{within:?}: {outcome:?}");
        assert!(took <= within + ms(1), "{within:?}: {took:?}");
    }
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn removing_an_old_generation_removes_nothing() {
    // LR14: `Drop(key)` of a broken transport evicted the healthy one that had taken its place.
    let (pool, net) = (SharedConnections::default(), Net::new());
    let _peers = net.peers();
    let handle = ProtocolTable::new().register(native()).unwrap();
    let key = PoolKey::new(TransportId::new(), endpoint("test://a"), handle.id());
    let mut generations = Vec::new();
    for _ in 0..2 {
        let source = connect(&net, native());
        let made = pool.get(
            &key,
            Box::new(|generation| {
                generations.push(generation);
                source.connection().clone()
            }),
        );
        made.unwrap();
        if generations.len() == 1 {
            assert!(pool.remove(&key, generations[0]).is_some());
        }
    }
    let [old, new]: [Generation; 2] = generations.try_into().unwrap();
    assert!(old != new && pool.remove(&key, old).is_none());
    assert_eq!(pool.connections().len(), 1);
    assert!(pool.remove(&key, new).is_some() && pool.connections().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_never_given() {
    let (pool, handle, net, _server) = at_an_echo();
    let first = pooled(&pool, &net, "test://a", &handle).unwrap();
    first.call(Bytes::new()).await.unwrap();
    pool.connections()[0].close(secs(1)).await;
    let second = pooled(&pool, &net, "test://a", &handle).unwrap();
    assert_eq!(second.call(Bytes::from("x")).await.unwrap(), "x");
    assert_eq!(net.dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_closes_a_pooled_client_lets_go_and_ends_it_for_nobody_else() {
    // What several share was ended by the first of them to be done with it.
    let (pool, handle, net, _server) = at_an_echo();
    let [first, second] = [(); 2].map(|()| pooled(&pool, &net, "test://a", &handle).unwrap());
    let clone = first.clone();
    first.call(Bytes::new()).await.unwrap();
    first.close().await;
    for let_go in [first, clone] {
        assert_fails!(let_go.call(Bytes::new()).await, CallError::Refused(Refusal::Closed));
        assert_fails!(let_go.one_way(Bytes::new()).await, CallError::Refused(Refusal::Closed));
    }
    assert_eq!(second.call(Bytes::from("x")).await.unwrap(), "x");
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_dialer_is_over_is_never_given_once_its_lanes_are_lost() {
    // Broken by a pool that only looks whether a connection is closed: it would give one that refuses for ever.
    let (pool, handle, net, _server) = at_an_echo();
    let two_lanes = || {
        let client = Client::pooled(&pool, &net, &endpoint("test://a"), &handle, |builder| builder.lanes(2));
        client.unwrap()
    };
    let first = two_lanes();
    // So long that its channels have lasted, and are dialled again at once.
    tokio::time::sleep(ms(200)).await;
    assert_eq!(net.dials(), 2);
    net.end_dialling(true);
    net.line(0).cut();
    settle().await;
    assert_eq!(first.call(Bytes::from("x")).await.unwrap(), "x", "one lane is left");
    // It dials again a little later, lest all who were cut off do so at once.
    tokio::time::sleep(ms(50)).await;
    two_lanes().call(Bytes::from("x")).await.unwrap();
    assert_eq!(net.dials(), 3, "it is the same connection");
    net.cut();
    tokio::time::sleep(ms(50)).await;
    assert_fails!(first.call(Bytes::from("x")).await, CallError::Refused(Refusal::Down { .. }));
    net.end_dialling(false);
    assert_eq!(two_lanes().call(Bytes::from("x")).await.unwrap(), "x", "a fresh connection");
    assert_eq!(pool.connections().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_pool_lets_unused_connections_go_and_refuses_while_all_are_used() {
    // LR29: the original's pool grew for ever.
    let handle = ProtocolTable::new().register(native()).unwrap();
    let (pool, net) = (SharedConnections::new(2), Net::new());
    let _peers = net.peers();
    let first = pooled(&pool, &net, "test://a", &handle).unwrap();
    let _second = pooled(&pool, &net, "test://b", &handle).unwrap();
    assert_fails!(pooled(&pool, &net, "test://c", &handle), PoolError::Full(_));
    drop(first);
    let _third = pooled(&pool, &net, "test://c", &handle).unwrap();
    settle().await;
    assert_eq!((pool.connections().len(), net.open_lines()), (2, 2));
}

#[test]
fn registered_protocols_are_typed_and_unique() {
    // LR25: a registry that was read while it grew, and indexes into it that nobody checked.
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    fn message_of<M: MessageCodec<Message = Bytes>>(_: &ProtocolHandle<M>) {}
    let mut table = ProtocolTable::new();
    let handle = table.register(native()).unwrap();
    is_shared(&handle);
    is_shared(handle.protocol());
    message_of(&handle);
    let taken = table.register(native()).unwrap_err();
    assert_eq!(taken, ProtocolError::Registered("native".to_owned()));
    let plain = Protocol::builder("plain", RawBytes).packets(OriginalPackets::default());
    let by_packet = plain.correlation(Correlation::by_packet()).build().unwrap_err();
    assert_eq!(by_packet, ProtocolError::NoPacketId("plain".to_owned()));
}
