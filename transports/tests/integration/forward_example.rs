//! The forward example: a client reaches a server through it, and it counts what it carried.

#[path = "../../examples/forward/plane.rs"]
mod plane;

use listenrain::{CallError, Client, Command, Protocol, RawBytes, Router, Server};
use listenrain_transports::{InProcess, Tcp};

use crate::support::*;
use plane::{Carried, Plane};

async fn listen(transport: &dyn Transport) -> Box<dyn ChannelGenerator> {
    transport.listen(&transport.scratch_endpoint()).await.unwrap()
}

/// From TCP into the process: what is behind the forwarder may be another transport.
#[tokio::test]
async fn a_client_reaches_a_server_on_another_transport() {
    let run = async {
        let (outside, inside) = (Tcp::default(), Arc::new(InProcess::default()));
        let protocol = Protocol::builder("echo", RawBytes).build().unwrap();
        let router = Router::new().on(Command(0), |request| async move { Ok(request.message) });
        let server = Server::builder(protocol.clone(), router).listen(listen(&*inside).await).unwrap();
        let codec = protocol.packets().clone();
        let plane = Plane::start(listen(&outside).await, inside, server.endpoint().clone(), codec);
        assert_eq!(plane.upstream(), server.endpoint());

        let dialer = outside.dialer(plane.endpoint()).unwrap();
        let client = Client::builder(protocol).dial(dialer).unwrap();
        for size in [0, 1, 4096, 300_000] {
            let message = vec![b'r'; size];
            assert_eq!(client.call(message.clone().into()).await.unwrap(), message);
        }
        client.close().await;
        let carried = plane.finish(WATCHDOG).await;
        // Four calls, and before them a hello and its answer.
        assert_eq!(carried, Carried { pairs: 1, failed: 0, there: 5, back: 5 });
        assert_eq!(carried.to_string(), "1 pairs (0 failed): 5 packets there, 5 back");
    };
    watched(run).await;
}

#[tokio::test]
async fn a_pair_whose_upstream_is_gone_is_closed_and_counted() {
    let run = async {
        let transport = Arc::new(InProcess::default());
        let protocol = Protocol::builder("echo", RawBytes).build().unwrap();
        let nowhere = transport.scratch_endpoint();
        let codec = protocol.packets().clone();
        let plane = Plane::start(listen(&*transport).await, transport.clone(), nowhere, codec);
        let client = Client::builder(protocol).dial(transport.dialer(plane.endpoint()).unwrap()).unwrap();
        let lost = client.call("rain".into()).await.unwrap_err();
        assert!(matches!(lost, CallError::Lost { .. } | CallError::Timeout), "{lost:?}");
        drop(client);
        let carried = plane.finish(WATCHDOG).await;
        assert!(carried.failed > 0 && carried.failed == carried.pairs);
    };
    watched(run).await;
}
