//! Every plug point of `listenrain`, implemented outside it: one small file each, and here a client and a server that
//! run on nothing else.

mod connections;
mod executor;
mod in_flight;
mod messages;
mod packets;
mod queue;
mod state_machine;
mod timers;
mod transport;
mod used;

use std::sync::Mutex;
use std::time::Duration;

use listenrain::{
    CallError, Client, ConnectionPool, Correlation, Endpoint, Generation, IdState, PoolError, PoolKey,
    Protocol, ProtocolHandle, ProtocolTable, Refusal, Router, Server, Transport,
};
use tokio::sync::mpsc;

use connections::Listed;
use executor::OwnThread;
use in_flight::Ordered;
use messages::{Droplet, Drops, ECHO, KEEP, NOTE, id_of};
use packets::TaggedPackets;
use queue::SmallFirst;
use state_machine::Told;
use timers::Coarse;
use transport::Pipes;
use used::Used;

use crate::support::{WATCHDOG, watched};

fn protocol(used: &Used) -> Protocol<Drops> {
    let (table, queue, timers) = (used.clone(), used.clone(), used.clone());
    Protocol::builder("plugged", Drops(used.clone()))
        .packets(TaggedPackets::new(used))
        .correlation(Correlation::by_message_with(id_of, move || Ordered::new(&table)))
        .queue(move || SmallFirst::new(&queue))
        .timers(move || Coarse::new(&timers))
        .handlers(OwnThread::new("handlers run", used))
        .callbacks(OwnThread::new("callbacks run", used))
        .build()
        .unwrap()
}

/// A server that echoes, keeps what it shall keep unanswered, and passes one-way notes on.
async fn serve(protocol: &Protocol<Drops>, pipes: &Pipes) -> (Server, mpsc::UnboundedReceiver<Droplet>) {
    let (notes, noted) = mpsc::unbounded_channel();
    let kept = Mutex::new(Vec::new());
    let router = Router::new()
        .on(ECHO, |request| async move { Ok(request.message) })
        .respond(KEEP, move |_, responder| {
            kept.lock().unwrap().push(responder);
            async {}
        })
        .respond(NOTE, move |request, _| {
            let _ = notes.send(request.message);
            async {}
        });
    let listener = pipes.listen(&pipes.scratch_endpoint()).await.unwrap();
    let server = Server::builder(protocol.clone(), router).listen(listener);
    (server.unwrap(), noted)
}

fn pooled(
    pool: &Listed,
    pipes: &Pipes,
    endpoint: &Endpoint,
    handle: &ProtocolHandle<Drops>,
) -> Result<Client<Drops>, PoolError> {
    Client::pooled(pool, pipes, endpoint, handle, |options| options.max_requests(64))
}

#[tokio::test]
async fn a_client_and_a_server_run_on_plug_ins_alone() {
    let used = Used::default();
    watched(run_on_plug_ins(&used)).await;
    let all = "packets decoded, packets encoded, buffers lent, buffers given back, messages encoded, messages decoded, \
               packets queued, handlers run, callbacks run, state machines told, calls put, calls taken, \
               channels dialled, channels accepted, deadlines added, deadlines expired";
    for what in all.split(", ") {
        assert!(used.count(what) > 0, "{what}: never");
    }
    assert_eq!((used.count("connections asked for"), used.count("connections made")), (2, 1));
}

async fn run_on_plug_ins(used: &Used) {
    let protocol = protocol(used);
    let handle = ProtocolTable::new().register(protocol.clone()).unwrap();
    let pipes = Pipes::new(used);
    let (server, mut noted) = serve(&protocol, &pipes).await;
    let pool = Listed::new(used);
    let client = pooled(&pool, &pipes, server.endpoint(), &handle).unwrap();
    let same = pooled(&pool, &pipes, server.endpoint(), &handle).unwrap();

    let small = Droplet::new(1, ECHO, "drip");
    assert_eq!(client.call(small.clone()).await.unwrap(), small);
    // Long enough for a buffer of the codec's own pool, on both sides.
    let large = Droplet::new(2, ECHO, vec![b'd'; 300_000]);
    assert_eq!(same.call(large.clone()).await.unwrap(), large);

    let (machine, told) = Told::new(used);
    client.send(Droplet::new(3, ECHO, "drop"), machine).await;
    assert_eq!(told.await.unwrap().unwrap().text, "drop");

    client.one_way(Droplet::new(4, NOTE, "drizzle")).await.unwrap();
    assert_eq!(noted.recv().await.unwrap().text, "drizzle");

    let (waiting, told) = Told::new(used);
    client.send_within(Droplet::new(5, KEEP, ""), Duration::from_millis(40), waiting).await;
    let twice = client.call(Droplet::new(5, KEEP, "")).await.unwrap_err();
    let state = |error| match error {
        CallError::Refused(Refusal::DuplicateId { state, .. }) => Some(state),
        _ => None,
    };
    assert_eq!(state(twice), Some(IdState::InFlight));
    assert!(matches!(told.await.unwrap(), Err(CallError::Timeout)));
    let again = client.call(Droplet::new(5, KEEP, "")).await.unwrap_err();
    assert_eq!(state(again), Some(IdState::Quarantined));

    // It is one of two who share the connection, and lets go of it.
    client.close().await;
    let late = Droplet::new(6, ECHO, "drift");
    assert_eq!(same.call(late.clone()).await.unwrap(), late);
    for connection in pool.connections() {
        connection.close(WATCHDOG).await;
    }
    assert!(pool.connections().is_empty(), "a closed connection is never given");
    drop(server);
}

#[tokio::test]
async fn a_pool_of_ones_own_is_bounded_and_an_old_generation_removes_nothing() {
    let used = Used::default();
    let handle = ProtocolTable::new().register(protocol(&used)).unwrap();
    let (pool, pipes) = (Listed::new(&used), Pipes::new(&used));
    let endpoints = [(); 3].map(|()| pipes.scratch_endpoint());
    let clients = endpoints.each_ref().map(|endpoint| pooled(&pool, &pipes, endpoint, &handle));
    assert!(clients[0].is_ok() && clients[1].is_ok());
    assert!(matches!(clients[2], Err(PoolError::Full(_))));
    let key = PoolKey::new(pipes.id().unwrap(), endpoints[1].clone(), handle.id());
    assert!(pool.remove(&key, Generation(1)).is_none());
    assert!(pool.remove(&key, Generation(2)).is_some());
    assert_eq!(pool.connections().len(), 1);
}
