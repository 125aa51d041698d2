//! A scenario's phases, one after the other over the same clients: closed and open loops of a mix of requests.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Call, Requests};
use crate::config::OpenConfig;
use crate::meter::{Meter, Phase};
use crate::random::seeded;
use crate::scenario::{Mix, Scenario, Think};
use crate::stack::Phases;
use crate::stack::due::Due;

/// A caller whose request went wrong waits for so long: faults come and go, and nobody gives up.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Bits of a request's number that count: those above say which phase and kind it is of.
const NUMBERS: u32 = 40;

/// Plays `scenario` over `clients` until its last phase is over and every call has ended.
///
/// What is outstanding when a phase ends comes to its end beside the next one, and is the earlier one's.
pub(in crate::stack) async fn play<C: Call>(clients: Vec<Arc<C>>, scenario: &Scenario, phases: &Arc<Phases>) {
    let mut running = JoinSet::new();
    for (index, phase) in scenario.phases.iter().enumerate() {
        if !phases.reached(index).await {
            continue;
        }
        let act = Arc::new(Act::new(clients.clone(), scenario, index, phases));
        match &phase.open {
            Some(open) => running.spawn(generate(act, open.clone(), scenario.in_flight(open) as usize)),
            None => running.spawn(call_all(act, phase.parallel, phase.think)),
        };
    }
    while running.join_next().await.is_some() {}
}

/// One phase.
struct Act<C> {
    clients: Vec<Arc<C>>,
    mix: Mix,
    /// Those of each kind of the mix, and whether they want a reply.
    kinds: Vec<(Requests, bool)>,
    index: usize,
    phases: Arc<Phases>,
    seed: u64,
}

impl<C: Call> Act<C> {
    fn new(clients: Vec<Arc<C>>, scenario: &Scenario, index: usize, phases: &Arc<Phases>) -> Self {
        let count = scenario.requests.len();
        let kinds = scenario.requests.iter().enumerate().map(|(kind, request)| {
            let first = ((index * count + kind) as u64) << NUMBERS;
            let meter = Arc::clone(phases.meter(index));
            (Requests::numbered(request.payload, meter, first), request.one_way)
        });
        Self {
            clients,
            mix: Mix::new(&scenario.requests),
            kinds: kinds.collect(),
            index,
            phases: Arc::clone(phases),
            seed: scenario.seed,
        }
    }

    fn meter(&self) -> &Meter {
        self.phases.meter(self.index)
    }

    fn random(&self, what: &str) -> Rng {
        seeded(self.seed, &format!("phase {} {what}", self.index))
    }

    /// Waits for `pause`, or until the phase is over.
    async fn pause(&self, pause: Duration) {
        tokio::select! {
            biased;
            _ = self.phases.reached(self.index + 1) => {}
            () = sleep(pause) => {}
        }
    }

    fn panicked(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            self.meter().failed("panic", || format!("a call panicked: {error}"));
        }
    }
}

async fn call_all<C: Call>(act: Arc<Act<C>>, parallel: u64, think: Option<Think>) {
    let mut callers = JoinSet::new();
    for (number, client) in act.clients.iter().cycle().take(parallel as usize).enumerate() {
        callers.spawn(caller(Arc::clone(&act), Arc::clone(client), number, think));
    }
    while let Some(ended) = callers.join_next().await {
        act.panicked(ended);
    }
}

async fn caller<C: Call>(act: Arc<Act<C>>, client: Arc<C>, number: usize, think: Option<Think>) {
    let mut random = act.random(&format!("caller {number}"));
    while act.meter().phase() != Phase::Over {
        let (requests, is_one_way) = &act.kinds[act.mix.draw(&mut random)];
        let is_well = if *is_one_way {
            requests.one_way(&*client).await
        } else {
            let timed = requests.call(&*client).await;
            timed.inspect(|(sent, done)| act.meter().done(1, *sent, *done)).is_some()
        };
        if !is_well {
            act.pause(AFTER_FAILURE).await;
        } else if let Some(think) = think {
            let began = Instant::now();
            act.pause(think.draw(&mut random)).await;
            act.meter().paused(began.elapsed());
        } else if *is_one_way {
            // Nothing else makes it wait: the others get their turn.
            tokio::task::yield_now().await;
        }
    }
}

async fn generate<C: Call>(act: Arc<Act<C>>, open: OpenConfig, most: usize) {
    let (_pacer, due) = Due::start(&open, 1);
    let mut random = act.random("kinds");
    let mut calls = JoinSet::new();
    let mut turn = 0;
    for mut due in due {
        loop {
            let goes_on = due.look(act.meter());
            while let Some(ended) = calls.try_join_next() {
                act.panicked(ended);
            }
            while let Some(intended) = due.take(act.meter()) {
                let kind = act.mix.draw(&mut random);
                if calls.len() < most {
                    calls.spawn(one(Arc::clone(&act), turn, kind, intended));
                    turn = (turn + 1) % act.clients.len();
                } else {
                    act.meter().dropped(1, intended);
                }
            }
            if !goes_on {
                break;
            }
            tokio::task::yield_now().await;
            due.wait().await;
        }
    }
    while let Some(ended) = calls.join_next().await {
        act.panicked(ended);
    }
}

async fn one<C: Call>(act: Arc<Act<C>>, turn: usize, kind: usize, intended: Instant) {
    let (requests, is_one_way) = &act.kinds[kind];
    let client = &*act.clients[turn];
    if *is_one_way {
        requests.one_way(client).await;
    } else if let Some((sent, done)) = requests.call(client).await {
        act.meter().done_open(1, intended, sent, done);
    }
}

#[cfg(test)]
#[path = "phases_tests.rs"]
mod tests;
