//! Every stack's open loop, on real channels.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;
use crate::drive::Registry;
use crate::load::{Arrivals, CellConfig, OpenConfig, PacerChoice, Stall};
use crate::meter::{Meter, Phase, Tally};

const STACKS: [&str; 2] = ["listenrain", "bare"];

async fn started(config: CellConfig, meter: &Arc<Meter>) -> (Box<dyn Load>, Arc<Stalls>) {
    let registry = Registry::standard();
    let transport = Arc::clone(registry.transport(&config.transport).unwrap());
    let stack = Arc::clone(registry.stack(&config.stack).unwrap());
    let scratch = transport.scratch_endpoint();
    let setting = Setting::new(config, transport, scratch, Arc::clone(meter));
    let stalls = Arc::clone(&setting.stalls);
    (stack.start(setting).await.unwrap(), stalls)
}

fn config(stack: &str, transport: &str, rate: f64, arrivals: Arrivals, pacer: PacerChoice) -> CellConfig {
    let open = OpenConfig { rate, arrivals, max_in_flight: 10_000, pacer, seed: 3 };
    CellConfig {
        stack: stack.to_owned(),
        transport: transport.to_owned(),
        protocol: if stack == "bare" { ProtocolChoice::Stream } else { ProtocolChoice::Native },
        payload: 100,
        open: Some(open),
        ..CellConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_on_purpose_shows_in_the_response_p99_and_not_in_the_service_p50() {
    for stack in STACKS {
        let meter = Arc::new(Meter::new(1));
        let stalls = vec![Stall { at: Duration::from_secs(1), length: Duration::from_millis(500) }];
        let config =
            CellConfig { stalls, ..config(stack, "channel", 800.0, Arrivals::Fixed, PacerChoice::Tick) };
        let (load, stalls) = started(config, &meter).await;
        meter.enter(Phase::Timed, Instant::now());
        stalls.begin(Instant::now());
        let over = async {
            sleep(Duration::from_millis(4999)).await;
            meter.enter(Phase::Over, Instant::now());
        };
        tokio::join!(load.run(), over);
        let mut tally = Tally::default();
        meter.take(&mut tally, &mut Tally::default());
        assert_eq!(meter.errors().count(), 0, "{stack}: {:?}", meter.errors());
        let open = tally.open.unwrap();
        assert_eq!((open.intended, open.dropped, open.response.count()), (4000, 0, 4000), "{stack}");
        let (response, service) = (open.response.times(), tally.service.times());
        assert!((445_000.0..=505_000.0).contains(&response.p99.unwrap()), "{stack}: {response:?}");
        assert!(service.p50.unwrap() < 2000.0, "{stack}: {service:?}");
    }
}

#[tokio::test]
async fn every_request_that_was_due_is_done_or_dropped_whoever_keeps_the_time() {
    for stack in STACKS {
        for (pacer, arrivals) in [(PacerChoice::Thread, Arrivals::Exp), (PacerChoice::Tick, Arrivals::Fixed)]
        {
            let meter = Arc::new(Meter::new(1));
            let config =
                CellConfig { connections: 2, lanes: 2, ..config(stack, "tcp", 20_000.0, arrivals, pacer) };
            let (load, _) = started(config, &meter).await;
            meter.enter(Phase::Timed, Instant::now());
            let load = tokio::spawn(load.run());
            let mut tally = Tally::default();
            while tally.requests < 2000 && !load.is_finished() {
                tokio::task::yield_now().await;
                meter.take(&mut tally, &mut Tally::default());
            }
            meter.enter(Phase::Over, Instant::now());
            load.await.unwrap();
            meter.take(&mut tally, &mut Tally::default());
            let what = format!("{stack} {pacer}");
            assert_eq!(meter.errors().count(), 0, "{what}: {:?}", meter.errors());
            let open = tally.open.unwrap();
            assert!(open.intended >= 2000, "{what}: {}", open.intended);
            assert_eq!(open.response.count() + open.dropped, open.intended, "{what}");
            assert_eq!(open.send_lag.count(), tally.service.count(), "{what}");
        }
    }
}
