//! The open loop: calls go when they are due, whatever has become of those before.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Call, Phase};
use crate::drive::due::Due;
use crate::load::OpenConfig;

/// Calls as `open` says, one client after the other, until the phase is over and every call has ended.
pub(super) async fn run<C: Call>(phase: Arc<Phase<C>>, open: OpenConfig) {
    let (_pacer, due) = Due::start(&open, 1);
    for due in due {
        generate(&phase, due).await;
    }
}

async fn generate<C: Call>(phase: &Arc<Phase<C>>, mut due: Due) {
    let (meter, most) = (&*phase.meter, phase.most as usize);
    // All that were in flight may be lost with one connection, and the next go well.
    let give_up_after = phase.patience.map_or(u64::MAX, |patience| patience.max(2 * phase.most));
    let mut random = phase.random("kinds");
    let mut calls = JoinSet::new();
    let mut turn = 0;
    while phase.failures.load(Ordering::Relaxed) < give_up_after {
        let goes_on = due.look(meter);
        while let Some(ended) = calls.try_join_next() {
            phase.failures.fetch_add(u64::from(phase.panicked(ended)), Ordering::Relaxed);
        }
        while let Some(intended) = due.take(meter) {
            let kind = phase.draw(&mut random);
            if calls.len() < most {
                calls.spawn(one_call(Arc::clone(phase), turn, kind, intended));
                turn = (turn + 1) % phase.clients.len();
            } else {
                meter.dropped(1, intended);
            }
        }
        if !goes_on {
            break;
        }
        // First of all those that were let go get their turn: there may be so much due that there is no wait.
        tokio::task::yield_now().await;
        due.wait().await;
    }
    phase.end(calls).await;
}

async fn one_call<C: Call>(phase: Arc<Phase<C>>, turn: usize, kind: usize, intended: Instant) {
    let (requests, is_one_way) = &phase.kinds[kind];
    let client = &*phase.clients[turn];
    let is_well = if *is_one_way {
        requests.one_way(client).await
    } else {
        let timed = requests.call(client).await;
        timed.inspect(|(sent, done)| phase.meter.done_open(1, intended, *sent, *done)).is_some()
    };
    match is_well {
        true => phase.failures.store(0, Ordering::Relaxed),
        false => drop(phase.failures.fetch_add(1, Ordering::Relaxed)),
    }
}

/// Defects 1 to 5 of other tools, as far as the loop is concerned. The clock stands still, so every time is exact.
#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::time::{advance, sleep, sleep_until};

    use super::super::{Failure, GIVE_UP_AFTER, run};
    use super::*;
    use crate::drive::Phases;
    use crate::load::{Arrivals, CellConfig, PacerChoice, Stall};
    use crate::meter::{Meter, Phase, Tally};

    /// Gaps of 1.25 ms: nothing is due at the very moment at which a window below ends.
    const RATE: f64 = 800.0;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Answers after a millisecond, except while it stalls; and stops the clock's readers once, if told to.
    struct Server {
        start: Instant,
        stall: Option<Stall>,
        /// The call at which the generator oversleeps, and by how much.
        hiccup: Option<(u64, Duration)>,
        calls: AtomicU64,
        answer: fn(Bytes) -> Result<Bytes, Failure>,
    }

    impl Server {
        fn new() -> Self {
            Self { start: Instant::now(), stall: None, hiccup: None, calls: AtomicU64::new(0), answer: Ok }
        }
    }

    impl Call for Server {
        async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
            let number = self.calls.fetch_add(1, Ordering::Relaxed);
            if let Some((_, time)) = self.hiccup.filter(|(at, _)| *at == number) {
                advance(time).await;
            }
            sleep(ms(1)).await;
            if let Some(stall) = self.stall {
                let since = self.start.elapsed();
                if since >= stall.at && since < stall.at + stall.length {
                    sleep_until(self.start + stall.at + stall.length).await;
                }
            }
            (self.answer)(payload)
        }
    }

    fn config(rate: f64, arrivals: Arrivals, max_in_flight: u64) -> CellConfig {
        let open = OpenConfig { rate, arrivals, max_in_flight, pacer: PacerChoice::Tick, seed: 7 };
        CellConfig { payload: 16, open: Some(open), ..CellConfig::default() }
    }

    /// Drives `server` for `time`, all of it timed; what was measured.
    async fn drive(server: Server, config: &CellConfig, time: Duration) -> (Arc<Server>, Arc<Meter>, Tally) {
        let (server, meter) = (Arc::new(server), Arc::new(Meter::new(1)));
        let phases = Phases::new(Arc::clone(&meter), 1, 1);
        meter.enter(Phase::Timed, Instant::now());
        let load = run(vec![Arc::clone(&server)], config, &phases);
        let over = async {
            sleep(time).await;
            meter.enter(Phase::Over, Instant::now());
        };
        tokio::join!(load, over);
        let mut total = Tally::default();
        meter.take(&mut total, &mut Tally::default());
        (server, meter, total)
    }

    #[tokio::test(start_paused = true)]
    async fn defect_1_a_stall_of_the_server_shows_in_the_response_times_of_all_that_were_due_in_it() {
        let stall = Some(Stall { at: ms(1000), length: ms(500) });
        let server = Server { stall, ..Server::new() };
        let config = config(RATE, Arrivals::Fixed, 10_000);
        let (server, meter, tally) = drive(server, &config, ms(4999)).await;
        let open = tally.open.unwrap();
        assert_eq!(meter.errors().count(), 0);
        assert_eq!((open.intended, open.dropped), (4000, 0));
        assert_eq!(
            server.calls.load(Ordering::Relaxed),
            4000,
            "a request that was due is sent, stall or not"
        );
        assert_eq!(open.response.count(), 4000);
        let (response, service) = (open.response.times(), tally.service.times());
        // A tenth was due in the stall, and waited from 0 to 500 ms: the worst hundredth for 450 and more.
        let p99 = response.p99.unwrap();
        assert!((445_000.0..=505_000.0).contains(&p99), "{p99}");
        assert!(response.max >= 498_000.0, "{}", response.max);
        // Nine tenths were sent before and after it, and took as long as ever.
        assert!(service.p50.unwrap() < 2100.0, "{service:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn defect_1_a_closed_loop_hides_the_same_stall_which_is_why_it_says_service_time() {
        let stall = Some(Stall { at: ms(1000), length: ms(500) });
        let server = Server { stall, ..Server::new() };
        let closed = CellConfig { open: None, ..config(0.0, Arrivals::Fixed, 0) };
        let (_, _, tally) = drive(server, &closed, ms(4999)).await;
        // One caller waited once: one sample of some 4,500.
        assert!(tally.service.times().p99.unwrap() < 2100.0, "{:?}", tally.service.times());
        assert!(tally.open.is_none(), "defect 5: a closed loop has no response time, and none is made up");
    }

    #[tokio::test(start_paused = true)]
    async fn defect_2_a_generator_that_wakes_late_shows_as_send_lag() {
        let hiccup = Some((50, ms(100)));
        let (_, _, tally) =
            drive(Server { hiccup, ..Server::new() }, &config(RATE, Arrivals::Fixed, 10_000), ms(999)).await;
        let open = tally.open.unwrap();
        // The first that was due in the hiccup left almost 100 ms late, the next a gap less and so on; the others at once, to a tick.
        let lag = open.send_lag.times();
        assert!((98_000.0..=101_000.0).contains(&lag.max), "{lag:?}");
        assert!(lag.p50.unwrap() <= 1000.0, "{lag:?}");
        // The lag is part of the response and no part of the service.
        assert!(open.response.times().max >= 99_000.0, "{:?}", open.response.times());
        let others = tally.service.times();
        assert!(others.p99.unwrap() < 2100.0, "{others:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn defect_3_and_4_a_generator_that_wakes_late_skips_nothing_and_fills_nothing_in() {
        for arrivals in [Arrivals::Fixed, Arrivals::Exp] {
            let config = config(RATE, arrivals, 10_000);
            let (on_time, _, _) = drive(Server::new(), &config, ms(999)).await;
            let hiccup = Some((50, ms(100)));
            let (late, _, tally) = drive(Server { hiccup, ..Server::new() }, &config, ms(999)).await;
            let calls = late.calls.load(Ordering::Relaxed);
            assert_eq!(calls, on_time.calls.load(Ordering::Relaxed), "{arrivals}: none is skipped");
            let open = tally.open.unwrap();
            assert_eq!((open.intended, open.dropped), (calls, 0));
            // One sample for each, whatever its time.
            assert_eq!(
                (open.response.count(), open.send_lag.count(), tally.service.count()),
                (calls, calls, calls)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn defect_3_what_finds_too_many_outstanding_is_dropped_and_counted() {
        let stall = Some(Stall { at: ms(100), length: ms(100) });
        let server = Server { stall, ..Server::new() };
        let config = config(RATE, Arrivals::Fixed, 30);
        let (server, _, tally) = drive(server, &config, ms(999)).await;
        let open = tally.open.unwrap();
        assert_eq!(open.intended, 800);
        assert_eq!(open.dropped + server.calls.load(Ordering::Relaxed), 800);
        // Of the 80 that were due in the stall 30 found room; a tick more or less on either side.
        assert!((47..=54).contains(&open.dropped), "{}", open.dropped);
        assert_eq!(open.response.count(), 800 - open.dropped);
    }

    #[tokio::test(start_paused = true)]
    async fn the_byte_window_bounds_what_is_in_flight_as_well() {
        let stall = Some(Stall { at: ms(0), length: ms(100) });
        let server = Server { stall, ..Server::new() };
        let config = CellConfig { window: 5 * 16, ..config(RATE, Arrivals::Fixed, 30) };
        let (server, _, tally) = drive(server, &config, ms(49)).await;
        assert_eq!(server.calls.load(Ordering::Relaxed), 5);
        assert_eq!(tally.open.unwrap().dropped, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_go_to_the_clients_in_turn() {
        let clients: Vec<_> = (0..4).map(|_| Arc::new(Server::new())).collect();
        let meter = Arc::new(Meter::new(1));
        meter.enter(Phase::Timed, Instant::now());
        let config = config(RATE, Arrivals::Exp, 1000);
        let over = async {
            sleep(ms(500)).await;
            meter.enter(Phase::Over, Instant::now());
        };
        let phases = Phases::new(Arc::clone(&meter), 1, 1);
        tokio::join!(run(clients.clone(), &config, &phases), over);
        let calls: Vec<_> = clients.iter().map(|client| client.calls.load(Ordering::Relaxed)).collect();
        assert!(
            calls[0] > 50 && calls.iter().all(|count| (calls[0] - 1..=calls[0]).contains(count)),
            "{calls:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_only_fails_ends_the_loop_by_itself() {
        let answer = |_| Err(Failure { kind: "refused", message: "no".to_owned() });
        let config = config(RATE, Arrivals::Fixed, 10);
        let (_, meter, tally) = drive(Server { answer, ..Server::new() }, &config, ms(60_000)).await;
        let failures = meter.errors().count();
        assert!((GIVE_UP_AFTER..GIVE_UP_AFTER + 10).contains(&failures), "{failures}");
        assert_eq!((tally.requests, tally.open.unwrap().response.count()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_one_in_an_hour_ends_with_the_window() {
        let start = Instant::now();
        let (server, _, _) = drive(Server::new(), &config(1.0 / 3600.0, Arrivals::Fixed, 4), ms(999)).await;
        assert_eq!(server.calls.load(Ordering::Relaxed), 1);
        assert!(start.elapsed() < ms(1100), "{:?}", start.elapsed());
    }
}
