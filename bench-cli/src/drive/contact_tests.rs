//! Real sockets, since that is what a wrong target is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use listenrain::Endpoint;

use super::*;
use crate::drive::{Registry, Serving};
use crate::load::{CellConfig, ProtocolChoice};
use crate::meter::Meter;

/// Long enough for any machine, where something does come.
const LONG: Duration = Duration::from_secs(60);

/// What `stack` says to a target at `endpoint`; its `Ok` is that it would be measured.
async fn start(
    stack: &str,
    protocol: ProtocolChoice,
    endpoint: &Endpoint,
    within: Duration,
) -> Result<(), String> {
    let registry = Registry::standard();
    let config = CellConfig {
        stack: stack.to_owned(),
        protocol,
        connections: 2,
        target: Some(endpoint.to_string()),
        ..CellConfig::default()
    };
    let transport = Arc::clone(registry.transport("tcp").unwrap());
    let mut setting = Setting::new(config, transport, endpoint.clone(), Arc::new(Meter::new(1)));
    setting.answer_within = within;
    let started = registry.stack(stack).unwrap().start(setting).await;
    started.map(drop).map_err(|error| error.to_string())
}

/// A server of `stack` in a task; where it listens.
async fn serve(stack: &'static str, protocol: ProtocolChoice) -> Endpoint {
    let (told, listens) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let registry = Registry::standard();
        let config = CellConfig { protocol, ..CellConfig::default() };
        let transport = registry.transport("tcp").unwrap();
        let serving = Serving::of(&config, Arc::clone(transport), transport.scratch_endpoint());
        let ready = Box::new(|endpoint: &Endpoint| drop(told.send(endpoint.clone())));
        registry.stack(stack).unwrap().serve(serving, ready).await.map_err(|error| error.to_string())
    });
    listens.await.unwrap()
}

fn at(listener: &TcpListener) -> Endpoint {
    format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap()
}

const ALL: [(&str, ProtocolChoice); 3] = [
    ("listenrain", ProtocolChoice::Native),
    ("listenrain", ProtocolChoice::Original),
    ("bare", ProtocolChoice::Stream),
];

#[tokio::test]
async fn a_port_where_nobody_listens_is_named_with_the_way_to_start_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = at(&listener);
    drop(listener);
    for (stack, protocol) in ALL {
        let said = start(stack, protocol, &endpoint, LONG).await.unwrap_err();
        let expected = format!(
            "{endpoint} cannot be reached: connection refused; is a server there? `bench-cli serve --listen {endpoint}` \
             starts one"
        );
        assert_eq!(said, expected, "{stack} {protocol}");
    }
}

#[tokio::test]
async fn a_server_that_answers_something_else_is_no_target() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = at(&listener);
    // One connection each: the first that fails is the last. The library may dial again meanwhile, unanswered.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 16]).unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    for (stack, protocol) in ALL {
        let said = start(stack, protocol, &endpoint, LONG).await.unwrap_err();
        let begin = format!("{endpoint} answers, but not in protocol {protocol}: ");
        assert!(said.starts_with(&begin), "{stack} {protocol}: {said}");
        assert!(said.ends_with("; start both with the same --stack and --protocol"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_longer_than_the_limit() {
    // The system accepts for it; it never reads.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = at(&listener);
    for (stack, protocol) in ALL {
        let said = start(stack, protocol, &endpoint, Duration::from_millis(50)).await.unwrap_err();
        let begin = format!(
            "{endpoint} takes connections, but answered no request in protocol {protocol} within 50ms; "
        );
        assert!(said.starts_with(&begin), "{stack} {protocol}: {said}");
    }
}

#[tokio::test]
async fn every_pair_that_does_not_speak_the_same_is_refused_and_every_other_works() {
    for (served, spoken) in ALL {
        let endpoint = serve(served, spoken).await;
        for (stack, protocol) in ALL {
            let said = start(stack, protocol, &endpoint, LONG).await;
            // To the original's protocol an echo is the right answer: request and reply look alike, so `bare` speaks it.
            let same = spoken == protocol
                || (spoken, protocol) == (ProtocolChoice::Stream, ProtocolChoice::Original);
            let what = format!("{stack} {protocol} at {served} {spoken}: {said:?}");
            assert_eq!(said.is_ok(), same, "{what}");
            if let Err(said) = said {
                assert!(said.contains(&format!("answers, but not in protocol {protocol}: ")), "{what}");
            }
        }
    }
}

/// Hands the first `most` connections on to `server` and hangs up on all others.
fn relay(server: &Endpoint, most: usize) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (endpoint, to) = (at(&listener), server.to_string().replace("tcp://", ""));
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    };
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (Ok(stream), true) = (stream, number < most) else { continue };
            let other = TcpStream::connect(&to).unwrap();
            copy(stream.try_clone().unwrap(), other.try_clone().unwrap());
            copy(other, stream);
        }
    });
    endpoint
}

#[tokio::test]
async fn defect_13_fewer_connections_than_were_asked_for_are_no_row() {
    for (stack, protocol) in ALL {
        let server = serve(stack, protocol).await;
        start(stack, protocol, &relay(&server, 2), LONG).await.unwrap();
        let said = start(stack, protocol, &relay(&server, 1), Duration::from_secs(5)).await;
        assert!(said.is_err(), "{stack} {protocol} would be measured with one connection of two");
    }
}
