//! Loops of calls, closed and open, phase after phase: a stack that can answer one call gets its whole load from here.

mod closed;
mod open;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::listenrain::BoxFuture;
use bytes::Bytes;
use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use super::payloads::Payloads;
use super::{Load, Phases};
use crate::load::{CellConfig, Mix};
use crate::meter::{Meter, PANIC};
use crate::payload;
use crate::random::seeded;

/// Something that answers one call.
pub trait Call: Send + Sync + 'static {
    /// Sends `payload` and waits for the reply to it.
    fn call(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, Failure>> + Send;

    /// Hands `payload` over and wants no reply. By default it cannot.
    fn one_way(&self, payload: Bytes) -> impl Future<Output = Result<(), Failure>> + Send {
        drop(payload);
        let message = "messages without a reply are not known here".to_owned();
        std::future::ready(Err(Failure { kind: "refused", message }))
    }
}

/// A call that got no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind that it is counted under, such as `timeout`.
    pub kind: &'static str,
    /// The error in full.
    pub message: String,
}

/// Failures in a row, without a success between, after which a load without faults takes the server for dead and ends.
const GIVE_UP_AFTER: u64 = 100;
/// A caller whose request went wrong in a scenario waits for so long: faults come and go, and no caller gives up.
const AFTER_FAILURE: Duration = Duration::from_millis(10);
/// Bits of a request's number that count: those above say which phase and kind it is of.
const NUMBERS: u32 = 40;

/// A load that is [`run`] of all this, and then lets the clients go.
pub fn load<C: Call>(clients: Vec<Arc<C>>, config: CellConfig, phases: Arc<Phases>) -> Box<dyn Load> {
    Box::new(Calls { clients, config, phases })
}

struct Calls<C> {
    clients: Vec<Arc<C>>,
    config: CellConfig,
    phases: Arc<Phases>,
}

impl<C: Call> Load for Calls<C> {
    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        let Self { clients, config, phases } = *self;
        Box::pin(async move { run(clients, &config, &phases).await })
    }
}

/// Plays the phases of `config`, spread over `clients`, until the last is over and every call has ended.
///
/// A closed loop is callers each of which calls again when its reply has come. An open one calls when the schedule says so,
/// whatever has become of the calls before. What is outstanding when a phase ends comes to its end beside the next one, and
/// is the earlier one's. Where the phases are [given up](Phases::give_up), each call that has no reply is an error of its
/// phase.
pub async fn run<C: Call>(clients: Vec<Arc<C>>, config: &CellConfig, phases: &Arc<Phases>) {
    let mut running = JoinSet::new();
    for index in 0..config.phases() {
        if !phases.reached(index).await {
            continue;
        }
        let phase = Arc::new(Phase::new(clients.clone(), config, index, phases));
        let part = config.phase(index);
        match part.open {
            Some(open) => running.spawn(open::run(phase, open)),
            None => running.spawn(closed::run(phase, part.parallel, config.think(index))),
        };
    }
    while running.join_next().await.is_some() {}
}

/// One phase of a load.
struct Phase<C> {
    clients: Vec<Arc<C>>,
    mix: Mix,
    /// Requests of each kind of the mix, and whether they want no reply.
    kinds: Vec<(Requests, bool)>,
    index: usize,
    phases: Arc<Phases>,
    meter: Arc<Meter>,
    /// Most calls that may be outstanding.
    most: u64,
    /// One place for each of them, where a closed loop has more callers than that.
    places: Option<Semaphore>,
    /// Failures without one success between that end it; a scenario's phase goes on whatever happens.
    patience: Option<u64>,
    /// Failures of an open loop since one call went well.
    failures: AtomicU64,
    seed: u64,
}

impl<C: Call> Phase<C> {
    fn new(clients: Vec<Arc<C>>, config: &CellConfig, index: usize, phases: &Arc<Phases>) -> Self {
        let (part, requests) = (config.phase(index), config.requests());
        let meter = Arc::clone(phases.meter(index));
        let most = part.outstanding();
        let kinds = requests.iter().enumerate().map(|(kind, request)| {
            let first = ((index * requests.len() + kind) as u64) << NUMBERS;
            (Requests::new(request.payload, Arc::clone(&meter), first), request.one_way)
        });
        Self {
            clients,
            mix: Mix::new(&requests),
            kinds: kinds.collect(),
            index,
            phases: Arc::clone(phases),
            most,
            places: (part.open.is_none() && most < part.parallel).then(|| Semaphore::new(most as usize)),
            patience: config.scenario.is_none().then_some(GIVE_UP_AFTER),
            failures: AtomicU64::new(0),
            seed: config.scenario.as_ref().map_or(0, |scenario| scenario.seed),
            meter,
        }
    }

    fn random(&self, what: &str) -> Rng {
        seeded(self.seed, &format!("phase {} {what}", self.index))
    }

    /// The kind of the next request.
    fn draw(&self, random: &mut Rng) -> usize {
        if self.kinds.len() == 1 { 0 } else { self.mix.draw(random) }
    }

    /// Waits for `pause`, or until the phase is over.
    async fn pause(&self, pause: Duration) {
        tokio::select! {
            biased;
            _ = self.phases.reached(self.index + 1) => {}
            () = sleep(pause) => {}
        }
    }

    /// Waits for the end of all `tasks`, each of which makes one call at a time. When the load is given up, each call without
    /// a reply is an error.
    async fn end(&self, mut tasks: JoinSet<()>) {
        let mut given_up = pin!(self.phases.given_up());
        let after = loop {
            tokio::select! {
                biased;
                ended = tasks.join_next() => match ended {
                    Some(ended) => drop(self.panicked(ended)),
                    None => return,
                },
                after = &mut given_up => break after,
            }
        };
        // A caller that waits for a place has no request outstanding.
        let outstanding = match &self.places {
            Some(places) => self.most.saturating_sub(places.available_permits() as u64),
            None => tasks.len() as u64,
        };
        tasks.abort_all();
        let mut unfinished = 0;
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Err(error) if error.is_cancelled() => unfinished += 1,
                ended => drop(self.panicked(ended)),
            }
        }
        self.meter.unfinished(unfinished.min(outstanding), after);
    }

    /// Whether a task that has ended panicked; then the meter knows.
    fn panicked(&self, ended: Result<(), JoinError>) -> bool {
        if let Err(error) = &ended {
            self.meter.failed(PANIC, || format!("a call panicked: {error}"));
        }
        ended.is_err()
    }
}

/// Requests of one kind in one phase.
struct Requests {
    numbers: AtomicU64,
    payload: usize,
    payloads: Payloads,
    meter: Arc<Meter>,
}

impl Requests {
    /// Requests whose numbers count from `first`.
    fn new(payload: usize, meter: Arc<Meter>, first: u64) -> Self {
        Self { numbers: AtomicU64::new(first), payload, payloads: Payloads::new(payload), meter }
    }

    /// Makes the next call and checks its reply. When it was sent and done, if it went well; else the meter knows.
    async fn call<C: Call>(&self, client: &C) -> Option<(Instant, Instant)> {
        let request = self.numbers.fetch_add(1, Ordering::Relaxed);
        let payload = self.payloads.of(request);
        let sent = Instant::now();
        let reply = client.call(payload).await;
        let done = Instant::now();
        match reply {
            Ok(reply) => self.is_right(&reply, request).then_some((sent, done)),
            Err(failure) => {
                self.meter.failed(failure.kind, || failure.message);
                None
            }
        }
    }

    /// Hands the next one over, which wants no reply; whether that went well.
    async fn one_way<C: Call>(&self, client: &C) -> bool {
        let request = self.numbers.fetch_add(1, Ordering::Relaxed);
        let handed_over = client.one_way(self.payloads.of(request)).await;
        match handed_over {
            Ok(()) => self.meter.one_way(),
            Err(ref failure) => self.meter.failed(failure.kind, || failure.message.clone()),
        }
        handed_over.is_ok()
    }

    fn is_right(&self, reply: &[u8], request: u64) -> bool {
        let checked = payload::check(reply, self.payload, request, self.meter.thoroughness(request));
        if let Err(mismatch) = checked {
            self.meter.failed(mismatch.kind(), || mismatch.to_string());
        }
        checked.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::load::Scenario;

    /// Answers after a millisecond, and remembers what was one-way.
    #[derive(Default)]
    struct Server {
        one_ways: Mutex<Vec<Bytes>>,
        calls: Mutex<Vec<usize>>,
    }

    impl Call for Server {
        async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
            self.calls.lock().unwrap().push(payload.len());
            sleep(Duration::from_millis(1)).await;
            Ok(payload)
        }

        async fn one_way(&self, payload: Bytes) -> Result<(), Failure> {
            self.one_ways.lock().unwrap().push(payload);
            Ok(())
        }
    }

    /// Plays it with every phase in its time, and gives the server and the meters.
    async fn played(file: &str) -> (Arc<Server>, Arc<Phases>) {
        let scenario = Scenario::parse(file, 1).unwrap();
        let server = Arc::new(Server::default());
        let phases = Phases::new(Arc::new(Meter::new(1)), scenario.phases.len(), 1);
        let playing = {
            let (server, phases) = (Arc::clone(&server), Arc::clone(&phases));
            let config = CellConfig { scenario: Some(scenario.clone()), ..CellConfig::default() };
            tokio::spawn(async move { run(vec![server], &config, &phases).await })
        };
        phases.begin(0, Instant::now());
        for (index, phase) in scenario.phases.iter().enumerate() {
            sleep(phase.duration).await;
            phases.begin(index + 1, Instant::now());
        }
        playing.await.unwrap();
        (server, phases)
    }

    fn taken(phases: &Phases, index: usize) -> crate::meter::Tally {
        let mut tally = crate::meter::Tally::default();
        phases.meter(index).take(&mut tally, &mut crate::meter::Tally::default());
        tally
    }

    #[tokio::test(start_paused = true)]
    async fn every_one_way_that_is_counted_has_arrived() {
        let file = "name = 'x'\n[[request]]\npayload = '1KiB'\n[[request]]\npayload = '64B'\none_way = true\n\
            [[phase]]\nname = 'a'\nduration = '1s'\nparallel = 2\n";
        let (server, phases) = played(file).await;
        let tally = taken(&phases, 0);
        let arrived = server.one_ways.lock().unwrap();
        assert!(arrived.len() > 500 && arrived.iter().all(|payload| payload.len() == 64));
        assert_eq!(tally.one_ways, arrived.len() as u64);
        assert_eq!(tally.requests, tally.service.count());
        assert!(server.calls.lock().unwrap().iter().all(|len| *len == 1024));
    }

    /// Answers nothing.
    struct Silent;

    impl Call for Silent {
        async fn call(&self, _: Bytes) -> Result<Bytes, Failure> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_without_a_reply_is_an_error_of_its_phase() {
        // All of a load that were not answered were one error, and those of an earlier phase none.
        let file = "name = 'x'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 64\n\
            [[phase]]\nname = 'b'\nduration = '1s'\nrate = '100'\narrivals = 'fixed'\n\
            [[phase]]\nname = 'c'\nduration = '1s'\nparallel = 3\n";
        let scenario = Scenario::parse(file, 1).unwrap();
        let phases = Phases::new(Arc::new(Meter::new(1)), 3, 1);
        let config = CellConfig { scenario: Some(scenario), ..CellConfig::default() };
        let playing = {
            let phases = Arc::clone(&phases);
            tokio::spawn(async move { run(vec![Arc::new(Silent)], &config, &phases).await })
        };
        for index in 0..=3 {
            phases.begin(index, Instant::now());
            sleep(Duration::from_millis(999)).await;
        }
        assert!(!playing.is_finished(), "it waits for replies");
        phases.give_up(Duration::from_secs(10));
        playing.await.unwrap();
        let due = taken(&phases, 1).open.unwrap().intended;
        assert!((98..=101).contains(&due), "{due}");
        for (index, count) in [(0, 64), (1, due), (2, 3)] {
            let errors = phases.meter(index).errors();
            assert_eq!(errors.kinds, [("unfinished".to_owned(), count)].into(), "phase {index}");
            assert_eq!(errors.samples, ["requests without a reply 10s after the window"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_for_a_place_has_no_request_that_could_be_unanswered() {
        let phases = Phases::new(Arc::new(Meter::new(1)), 1, 1);
        let config = CellConfig { parallel: 64, payload: 4096, window: 8 * 4096, ..CellConfig::default() };
        phases.begin(0, Instant::now());
        let ending = async {
            sleep(Duration::from_secs(1)).await;
            phases.end(Instant::now());
            phases.give_up(Duration::from_secs(10));
        };
        tokio::join!(run(vec![Arc::new(Silent)], &config, &phases), ending);
        assert_eq!(phases.meter(0).errors().kinds, [("unfinished".to_owned(), 8)].into());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_thinks_for_long_does_not_hold_its_phase_up() {
        let file = "name = 'x'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 2\nthink = '50s'\n\
            [[phase]]\nname = 'b'\nduration = '1s'\nparallel = 1\n";
        let began = Instant::now();
        let (_, phases) = played(file).await;
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(taken(&phases, 0).requests, 2);
        assert!((300..=1_000).contains(&taken(&phases, 1).requests));
    }
}
