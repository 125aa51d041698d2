use std::sync::Mutex;

use bytes::Bytes;

use super::*;
use crate::stack::callers::Failure;

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
        let (server, scenario, phases) = (Arc::clone(&server), scenario.clone(), Arc::clone(&phases));
        tokio::spawn(async move { play(vec![server], &scenario, &phases).await })
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
