//! A call and its reply, client and server on one thread: over the in-process channel, which moves bytes, and over TCP.
//!
//! `cargo bench -p listenrain-transports --bench round_trip`; with `-- --test` each runs once.

use std::time::Instant;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use listenrain::{Client, Command, Protocol, RawBytes, Router, Server, Transport};
use listenrain_transports::{InProcess, Tcp};
use tokio::task::JoinSet;

/// A client of an echo server in the same process.
async fn linked(transport: &dyn Transport) -> (Client<RawBytes>, Server) {
    let listener = transport.listen(&transport.scratch_endpoint()).await.expect("a fresh endpoint");
    let dialer = transport.dialer(listener.endpoint()).expect("its own endpoint");
    let protocol = Protocol::builder("echo", RawBytes).build().expect("it is valid");
    let router = Router::new().on(Command(0), |request| async move { Ok(request.message) });
    let server = Server::builder(protocol.clone(), router).listen(listener);
    let client = Client::builder(protocol).dial(dialer);
    (client.expect("it is valid"), server.expect("it is valid"))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bench(&mut criterion, &InProcess::default());
    bench(&mut criterion, &Tcp::default());
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, transport: &dyn Transport) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (client, server) = runtime.block_on(linked(transport));
    let mut group = criterion.benchmark_group(format!("round_trip/{}", transport.scheme()));
    group.sample_size(20);
    for (label, parallel, size) in
        [("1 x 4KiB", 1, 4 << 10), ("16 x 4KiB", 16, 4 << 10), ("1 x 256KiB", 1, 256 << 10)]
    {
        let payload = Bytes::from(vec![7; size]);
        group.throughput(Throughput::Elements(parallel));
        group.bench_function(label, |bencher| {
            bencher.iter_custom(|rounds| {
                runtime.block_on(async {
                    let start = Instant::now();
                    let mut callers = JoinSet::new();
                    for _ in 0..parallel {
                        let (client, payload) = (client.clone(), payload.clone());
                        callers.spawn(async move {
                            for _ in 0..rounds {
                                let reply = client.call(payload.clone()).await.expect("a reply");
                                assert_eq!(reply.len(), payload.len());
                            }
                        });
                    }
                    callers.join_all().await;
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
    runtime.block_on(async { drop((client, server)) });
}
