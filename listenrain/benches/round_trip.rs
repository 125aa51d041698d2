//! A call and its reply, client and server on one thread, over a pipe in memory that copies.
//!
//! `cargo bench -p listenrain --bench round_trip`; with `-- --test` each runs once.

use std::future::pending;
use std::time::Instant;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use listenrain::{
    BoxFuture, Channel, ChannelFacts, ChannelGenerator, Client, Command, Endpoint, NextError, Protocol,
    RawBytes, Router, Server,
};
use tokio::task::JoinSet;

/// Gives the one channel that it has.
struct Only {
    channel: Option<Channel>,
    endpoint: Endpoint,
}

impl ChannelGenerator for Only {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            match self.channel.take() {
                Some(channel) => Ok(channel),
                None => pending().await,
            }
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// A client of an echo server at the other end of a pipe.
fn linked() -> (Client<RawBytes>, Server) {
    let (near, far) = tokio::io::duplex(256 << 10);
    let [near, far] = [near, far].map(|end| {
        let endpoint = Endpoint::new("pipe", "only").expect("it is valid");
        let channel = Some(Channel::from_io(end, ChannelFacts::new("pipe")));
        Box::new(Only { channel, endpoint })
    });
    let protocol = Protocol::builder("echo", RawBytes).build().expect("it is valid");
    let router = Router::new().on(Command(0), |request| async move { Ok(request.message) });
    let server = Server::builder(protocol.clone(), router).listen(far);
    let client = Client::builder(protocol).dial(near);
    (client.expect("it is valid"), server.expect("it is valid"))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let (client, server) = runtime.block_on(async { linked() });
    let mut group = criterion.benchmark_group("round_trip/pipe");
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
    criterion.final_summary();
}
