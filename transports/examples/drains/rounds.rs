//! Rounds of draining: servers one after the other, under callers that go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use listenrain::transport::generator;
use listenrain::{
    Backoff, ChannelGenerator, Client, Endpoint, NextError, Protocol, RawBytes, Request, Router, Server,
    Transport,
};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::record::{Record, Verdict};

const CALLERS: usize = 64;
/// Answers of a server before it is drained.
const LOAD: u64 = 4 * CALLERS as u64;
/// How long a drain may take, and whatever else is waited for.
const WITHIN: Duration = Duration::from_secs(20);

/// Why a run has no verdict.
#[derive(Debug)]
pub(crate) enum Failure {
    CannotListen(NextError),
    Fault(String),
}

/// Where the next dial leads.
type Next = Arc<Mutex<Endpoint>>;

/// Drains as many servers, each while callers are at it and the next one is there.
pub(crate) async fn run(
    transport: &Arc<dyn Transport>,
    protocol: &Protocol<RawBytes>,
    drains: usize,
) -> Result<Verdict, Failure> {
    let record = Arc::<Record>::default();
    let mut server = serve(&**transport, protocol, &record).await.map_err(Failure::CannotListen)?;
    let next = Arc::new(Mutex::new(server.endpoint().clone()));
    let backoff = Backoff::between(Duration::from_millis(1), Duration::from_millis(20)).down_after(u32::MAX);
    let client = Client::builder(protocol.clone()).backoff(backoff).lanes(2).dial(dialer(transport, &next));
    let client = client.map_err(|error| Failure::Fault(error.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let callers = (0..CALLERS).map(|_| call_on(client.clone(), record.clone(), stop.clone()));
    let callers: JoinSet<_> = callers.collect();
    let mut verdict = Verdict::default();
    for drain in 0..drains {
        let fresh = serve(&**transport, protocol, &record).await;
        let fresh = fresh.map_err(|error| Failure::Fault(format!("listening again: {error}")))?;
        until(|| server.counts().answered >= LOAD).await?;
        next.lock().unwrap_or_else(PoisonError::into_inner).clone_from(fresh.endpoint());
        verdict.taken += server.counts().in_flight;
        let drained = server.drain(WITHIN).await;
        if !drained.complete || drained.cut_off > 0 {
            verdict.faults.push(format!("drain {drain} ended as {drained:?}"));
        }
        verdict.refused += drained.refused;
        server = fresh;
    }
    stop.store(true, Ordering::Relaxed);
    let ended = timeout(WITHIN, callers.join_all()).await;
    ended.map_err(|_| Failure::Fault("a call did not end".to_owned()))?;
    record.judge(&mut verdict);
    client.close().await;
    server.drain(WITHIN).await;
    Ok(verdict)
}

async fn serve(
    transport: &dyn Transport,
    protocol: &Protocol<RawBytes>,
    record: &Arc<Record>,
) -> Result<Server, NextError> {
    let listener = transport.listen(&transport.scratch_endpoint()).await?;
    let record = record.clone();
    let router = Router::new().fallback(move |request: Request<_>| {
        let record = record.clone();
        async move {
            let number = record.ran(&request.message);
            // Some are answered where they stand, others have others run meanwhile.
            for _ in 0..number % 16 {
                yield_now().await;
            }
            Ok(request.message)
        }
    });
    Ok(Server::builder(protocol.clone(), router).listen(listener).expect("the defaults are in range"))
}

/// Dials whichever server is the next. It hears of ends, so a goodbye does not keep it away: the next one has not asked for it.
fn dialer(transport: &Arc<dyn Transport>, next: &Next) -> Box<dyn ChannelGenerator> {
    let (transport, next) = (transport.clone(), next.clone());
    let at = next.lock().unwrap_or_else(PoisonError::into_inner).clone();
    generator(at, move || {
        let dialer = transport.dialer(&next.lock().unwrap_or_else(PoisonError::into_inner));
        async move {
            let mut dialer = dialer.map_err(|error| NextError::invalid("dial", error))?;
            Ok(dialer.next().await?.on_end(|_| {}))
        }
    })
}

async fn call_on(client: Client<RawBytes>, record: Arc<Record>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let (number, request) = record.request();
        let outcome = client.call(request.clone()).await;
        record.told(number, &request, &outcome);
    }
}

async fn until(mut done: impl FnMut() -> bool) -> Result<(), Failure> {
    let wait = async {
        while !done() {
            yield_now().await;
        }
    };
    timeout(WITHIN, wait).await.map_err(|_| Failure::Fault("the callers came to a standstill".to_owned()))
}
