//! Every peer under a load, with replies that are wrong, and without a server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bench_load::drive::{Load, Registry, Serving, Setting, Unfit};
use bench_load::load::{Arrivals, CellConfig, OpenConfig, PacerChoice, ProtocolChoice, RuntimeChoice};
use bench_load::meter::{Meter, Phase, Tally};
use listenrain::Endpoint;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::with_peers;

const PEERS: [&str; 3] = ["tarpc", "tonic", "capnp"];
/// Long enough for any machine, where something does come.
const LONG: Duration = Duration::from_secs(60);

fn registry() -> Registry {
    with_peers(Registry::standard())
}

fn config(stack: &str) -> CellConfig {
    CellConfig {
        stack: stack.to_owned(),
        protocol: ProtocolChoice::Own,
        payload: 5000,
        parallel: 8,
        connections: 2,
        ..CellConfig::default()
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    within(&runtime, future)
}

fn within<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    LocalSet::new()
        .block_on(runtime, async { tokio::time::timeout(2 * LONG, future).await.expect("it hangs") })
}

async fn start(config: CellConfig, meter: &Arc<Meter>, within: Duration) -> Result<Box<dyn Load>, String> {
    let registry = registry();
    let transport = Arc::clone(registry.transport("tcp").unwrap());
    let endpoint = match &config.target {
        Some(target) => target.parse().unwrap(),
        None => transport.scratch_endpoint(),
    };
    let stack = Arc::clone(registry.stack(&config.stack).unwrap());
    let mut setting = Setting::new(config, transport, endpoint, Arc::clone(meter));
    setting.answer_within = within;
    stack.start(setting).await.map_err(|error| error.to_string())
}

/// Runs `load` until `enough` requests are done, or it ends by itself.
async fn drive(load: Box<dyn Load>, meter: &Meter, enough: u64) -> Tally {
    meter.enter(Phase::Timed, Instant::now());
    let load = tokio::spawn(load.run());
    let mut tally = Tally::default();
    while tally.requests < enough && !load.is_finished() {
        tokio::task::yield_now().await;
        meter.take(&mut tally, &mut Tally::default());
    }
    meter.enter(Phase::Over, Instant::now());
    load.await.unwrap();
    meter.take(&mut tally, &mut Tally::default());
    tally
}

#[test]
fn every_peer_answers_right_in_closed_and_open_loops_and_with_large_payloads() {
    let open = OpenConfig {
        rate: 5000.0,
        arrivals: Arrivals::Exp,
        max_in_flight: 1000,
        pacer: PacerChoice::Tick,
        seed: 3,
    };
    for stack in PEERS {
        let closed = config(stack);
        let large = CellConfig { payload: 9 << 20, parallel: 2, ..config(stack) };
        let open = CellConfig { open: Some(open.clone()), ..config(stack) };
        for (config, enough) in [(closed, 500), (large, 4), (open, 500)] {
            let (tally, meter) = run(async {
                let meter = Arc::new(Meter::new(1));
                let load = start(config, &meter, LONG).await.unwrap();
                (drive(load, &meter, enough).await, meter)
            });
            assert!(tally.requests >= enough, "{stack}: {} requests", tally.requests);
            assert_eq!(meter.errors().count(), 0, "{stack}: {:?}", meter.errors());
        }
    }
}

#[test]
fn those_that_may_leave_their_thread_answer_on_several() {
    for stack in ["tarpc", "tonic"] {
        let runtime = bench_load::cell::build(RuntimeChoice::Multi(2)).unwrap();
        let meter = Arc::new(Meter::new(2));
        let tally = within(&runtime, async {
            let load = start(config(stack), &meter, LONG).await.unwrap();
            drive(load, &meter, 500).await
        });
        assert!(tally.requests >= 500, "{stack}: {} requests", tally.requests);
        assert_eq!(meter.errors().count(), 0, "{stack}: {:?}", meter.errors());
    }
}

/// A server of `stack` in a task; where it listens.
async fn serve(stack: &'static str) -> Endpoint {
    let (told, listens) = tokio::sync::oneshot::channel();
    tokio::task::spawn_local(async move {
        let registry = registry();
        let transport = registry.transport("tcp").unwrap();
        let serving = Serving::of(&config(stack), Arc::clone(transport), transport.scratch_endpoint());
        let ready = Box::new(|endpoint: &Endpoint| drop(told.send(endpoint.clone())));
        registry.stack(stack).unwrap().serve(serving, ready).await.map_err(|error| error.to_string())
    });
    listens.await.unwrap()
}

fn at(listener: &TcpListener) -> String {
    format!("tcp://{}", listener.local_addr().unwrap())
}

/// Hands connections on to `server`, and flips a bit of the last byte of what comes back in one read, once a payload's worth
/// has come.
fn flipping_relay(server: &Endpoint) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (endpoint, to) = (at(&listener), server.address().to_owned());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(mut client), Ok(mut server)) = (client, TcpStream::connect(&to)) else { return };
            let (mut requests, mut answered) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut requests, &mut answered);
                let _ = answered.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let (mut buffer, mut count) = (vec![0; 1 << 16], 0);
                while let Ok(read @ 1..) = server.read(&mut buffer) {
                    // Behind the first request, and in the middle of a payload.
                    if count > 20_000 {
                        buffer[read / 2] ^= 1;
                    }
                    count += read;
                    if client.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    endpoint
}

#[test]
fn a_reply_that_was_changed_on_its_way_is_an_error() {
    for stack in PEERS {
        let meter = run(async {
            let server = serve(stack).await;
            let meter = Arc::new(Meter::new(1));
            let target = Some(flipping_relay(&server));
            let config = CellConfig { target, parallel: 1, connections: 1, ..config(stack) };
            let load = start(config, &meter, LONG).await.unwrap();
            drive(load, &meter, 500).await;
            meter
        });
        assert!(meter.errors().count() > 0, "{stack}: nothing was noticed");
    }
}

#[test]
fn a_target_that_is_not_there_or_speaks_something_else_or_nothing_is_refused() {
    for stack in PEERS {
        let said = |target: String, within: Duration| {
            let config = CellConfig { target: Some(target), ..config(stack) };
            run(async {
                start(config, &Arc::new(Meter::new(1)), within).await.err().expect("it would be measured")
            })
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let nowhere = at(&listener);
        drop(listener);
        let why = said(nowhere.clone(), LONG);
        assert!(why.starts_with(&format!("{nowhere} cannot be reached: ")), "{stack}: {why}");

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let foreign = at(&listener);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 16]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        let why = said(foreign.clone(), LONG);
        assert!(why.starts_with(&format!("{foreign} answers, but not in protocol own: ")), "{stack}: {why}");

        // The system accepts for it; it never reads.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let why = said(at(&listener), Duration::from_millis(50));
        assert!(why.contains("answered no request in protocol own within 50ms"), "{stack}: {why}");
    }
}

#[test]
fn what_does_not_reach_a_peer_is_refused_and_what_one_cannot_do_is_left_out() {
    let registry = registry();
    for stack in PEERS {
        let unfit = |cell: CellConfig| registry.stack(stack).unwrap().unfit(&cell);
        let refused = |cell| match unfit(cell) {
            Some(Unfit::Refused(why)) => why,
            other => panic!("{stack}: {other:?}"),
        };
        assert_eq!(unfit(config(stack)), None);
        let on_unix = CellConfig { transport: "unix".to_owned(), ..config(stack) };
        let why = refused(on_unix);
        assert!(why.contains("--transport unix") && why.contains("which is tcp"), "{why}");
        let options = vec![("nodelay".to_owned(), "false".to_owned())];
        assert!(refused(CellConfig { options, ..config(stack) }).contains("--set"));
        let stalls = vec!["10ms@20ms".parse().unwrap()];
        assert!(refused(CellConfig { stalls, ..config(stack) }).contains("--inject-stall"));
        let on_several = unfit(CellConfig { runtime: RuntimeChoice::Multi(2), ..config(stack) });
        match stack {
            "capnp" => assert!(matches!(on_several, Some(Unfit::LeftOut(why)) if why.contains("multi:2"))),
            _ => assert_eq!(on_several, None),
        }
    }
}
