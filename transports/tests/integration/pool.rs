//! The default connection pool: what it lets go of when it is full.

use listenrain::{
    Client, Command, Outcome, PoolError, Protocol, ProtocolTable, RawBytes, Router, Server, SharedConnections,
};
use listenrain_transports::InProcess;
use tokio::sync::{mpsc, oneshot};

use crate::support::*;

/// LR14: a healthy connection is not evicted under a call that a state machine waits for, though no client is left.
#[tokio::test]
async fn a_connection_with_a_call_in_flight_makes_no_room() {
    let run = async {
        let transport = InProcess::default();
        let protocol = Protocol::builder("kept", RawBytes).build().unwrap();
        let handle = ProtocolTable::new().register(protocol.clone()).unwrap();
        let (asked, mut responders) = mpsc::unbounded_channel();
        let router = Router::new().respond(Command(0), move |_, responder| {
            let _ = asked.send(responder);
            async {}
        });
        let listener = transport.listen(&transport.scratch_endpoint()).await.unwrap();
        let server = Server::builder(protocol, router).listen(listener).unwrap();

        let pool = SharedConnections::new(1);
        let elsewhere = transport.scratch_endpoint();
        let pooled = |endpoint| Client::pooled(&pool, &transport, endpoint, &handle, |options| options);
        let client = pooled(server.endpoint()).unwrap();
        let (tell, told) = oneshot::channel();
        let machine = |outcome: Outcome<Bytes>| tell.send(outcome).unwrap();
        client.send("rain".into(), machine).await;
        let responder = responders.recv().await.unwrap();
        drop(client);

        assert!(matches!(pooled(&elsewhere), Err(PoolError::Full(_))));
        responder.reply("drop".into()).unwrap();
        assert_eq!(told.await.unwrap().unwrap(), "drop");
        pooled(&elsewhere).unwrap();
    };
    watched(run).await;
}
