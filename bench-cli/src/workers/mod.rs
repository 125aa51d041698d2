//! Distributed load generation: several processes that measure one load, on one machine or on many.
//!
//! An engine launches and places copies of one command line; here they only meet, begin together, and become one run.
//!
//! - [`Identity`] says which worker this is, [`share`] what it has to do of the whole, [`Settings`] what all must agree
//!   on.
//! - [`Worker::join`] meets the others over TCP, in the messages of `wire`. Worker 0 has a `coordinator` beside its own work,
//!   and `admission` decides who joins; each of them, worker 0 included, is a `participant`. `clock` makes them begin
//!   together.
//! - [`take_part`] is a server's side, which says what answering cost.

mod admission;
mod clock;
mod coordinator;
mod identity;
mod join;
mod participant;
mod server;
mod settings;
mod share;
mod wire;

pub(crate) use coordinator::Pace;
pub(crate) use identity::Identity;
pub(crate) use join::{Joined, Whole, Worker};
pub(crate) use server::take_part;
pub(crate) use settings::Settings;
pub(crate) use share::share;
pub(crate) use wire::LaunchPhase;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use futures_util::future::join_all;
    use listenrain_results::{Cell, Env, Run};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::participant::Ended;
    use super::*;
    use crate::histogram::{Distribution, to_text};
    use crate::load::CellConfig;

    /// Long enough for any machine where nothing is waited for, short where the test is about the waiting.
    const PACE: Pace = Pace {
        gather: Duration::from_secs(60),
        between: Duration::from_secs(60),
        lead: Duration::from_millis(50),
        grace: Duration::from_secs(30),
    };

    const BRIEF: LaunchPhase = LaunchPhase { cell: 0, warmup: Duration::ZERO, duration: Duration::ZERO };

    fn worker(index: u64, count: u64) -> Worker {
        let settings = Settings::of(&[CellConfig::default()]);
        Worker { identity: Identity { index, count }, settings, servers: 0, pace: PACE }
    }

    /// Worker 0, about to be joined, and where it listens.
    async fn open(zero: Worker) -> (SocketAddr, JoinHandle<Result<Joined, Ended>>) {
        let (listens, address) = oneshot::channel();
        let joining =
            tokio::spawn(async move { zero.join("127.0.0.1:0", |at| listens.send(at).unwrap()).await });
        (address.await.unwrap(), joining)
    }

    fn come(worker: Worker, address: SocketAddr) -> JoinHandle<Result<Joined, Ended>> {
        tokio::spawn(async move { worker.join(&address.to_string(), |_| ()).await })
    }

    /// All workers of `count`, joined.
    async fn joined(zero: Worker, count: u64) -> Vec<Joined> {
        let (address, opened) = open(zero).await;
        let others: Vec<_> = (1..count).map(|index| come(worker(index, count), address)).collect();
        let mut all = vec![opened.await.unwrap().unwrap()];
        for other in others {
            all.push(other.await.unwrap().unwrap());
        }
        all
    }

    /// All of them begin a launch.
    async fn begin(all: &mut [Joined]) {
        for start in join_all(all.iter_mut().map(|joined| joined.ready(BRIEF))).await {
            start.unwrap();
        }
    }

    /// A part in which the only request took that long.
    fn part(us: u64) -> Run {
        let mut times = Distribution::default();
        times.record(us * 1000, 1);
        let mut cell =
            Cell { requests: 1, tps: 1.0, duration_s: 1.0, service_us: times.times(), ..Cell::default() };
        cell.histograms.service = Some(to_text(&times.counts));
        Run::new(Env::default(), vec![cell])
    }

    #[tokio::test]
    async fn workers_begin_together_launch_by_launch_and_become_one_run() {
        let mut all = joined(worker(0, 4), 4).await;
        let mut apart: f64 = 0.0;
        for cell in 0..2 {
            let ready = all.iter_mut().map(|joined| joined.ready(LaunchPhase { cell, ..BRIEF }));
            let mut starts = Vec::new();
            // All wait at once: nobody begins before the last is ready.
            for start in join_all(ready).await {
                starts.push(start.unwrap().0);
            }
            let (first, last) = (starts.iter().min().unwrap(), starts.iter().max().unwrap());
            apart = apart.max((*last - *first).as_secs_f64() * 1e6);
        }
        let finished = all.into_iter().enumerate().map(|(index, joined)| async move {
            let mut part = part(index as u64 + 1);
            let whole = joined.finish(&mut part).await.unwrap();
            (part, whole)
        });
        let mut finished = join_all(finished).await;
        let whole = finished[0].1.take().unwrap();
        assert!(finished.iter().all(|(_, whole)| whole.is_none()), "the whole is worker 0's");
        assert_eq!(whole.aborted, None);
        let cell = &whole.run.cells[0];
        assert_eq!((cell.requests, cell.service_us.count), (4, 4));
        assert_eq!((cell.service_us.min, cell.service_us.max, cell.service_us.mean), (1.0, 4.0, 2.5));
        let workers = whole.run.workers.as_ref().unwrap();
        assert!(workers.index.is_none() && workers.count == 4 && workers.missing.is_empty(), "{workers:?}");
        // They share a clock here, so the bound can be held against the truth.
        let bound = workers.skew_us.unwrap();
        assert!(bound > 0.0 && apart <= bound, "{apart} µs apart, at most {bound} said");
        for (index, (part, _)) in (0..).zip(&finished) {
            let of = part.workers.as_ref().unwrap();
            assert_eq!((of.index, &of.run), (Some(index), &workers.run));
        }
        assert_eq!(crate::merge::workers(whole.parts, false).unwrap().cells, whole.run.cells);
    }

    #[tokio::test]
    async fn a_worker_with_other_settings_is_refused_and_so_is_the_run_on_both_sides() {
        let (address, zero) = open(worker(0, 2)).await;
        let other = Settings::of(&[CellConfig { payload: 8192, ..CellConfig::default() }]);
        let theirs = come(Worker { settings: other, ..worker(1, 2) }, address).await.unwrap().unwrap_err();
        let ours = zero.await.unwrap().unwrap_err();
        let says = "cells.0.payload is 8192 there and 4096 at worker 0";
        assert!(
            matches!(&theirs, Ended::Refused(why) if why.contains("worker 1") && why.contains(says)),
            "{theirs}"
        );
        assert!(
            matches!(&ours, Ended::Aborted(why) if why.contains("worker 1") && why.contains(says)),
            "{ours}"
        );
    }

    #[tokio::test]
    async fn an_unknown_peer_at_the_port_is_told_so_and_ends_nothing() {
        let (address, zero) = open(worker(0, 2)).await;
        let mut unknown_peer = TcpStream::connect(address).await.unwrap();
        unknown_peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut line = String::new();
        BufReader::new(unknown_peer).read_line(&mut line).await.unwrap();
        assert!(line.contains("refused") && line.contains("rendezvous"), "{line}");
        come(worker(1, 2), address).await.unwrap().unwrap();
        zero.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn worker_0_may_start_last_and_a_worker_may_come_again_before_the_start() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        let early = come(worker(1, 3), address);
        // It has come, and is turned away: whoever held the port is not worker 0.
        drop(free.accept().await.unwrap());
        early.await.unwrap().unwrap_err();
        drop(free);
        let early = come(worker(1, 3), address);
        let zero = tokio::spawn(async move { worker(0, 3).join(&address.to_string(), |_| ()).await });
        // The same worker twice, one after the other: the first leaves its place when it goes, and is hung up on then.
        let role = wire::Role::Worker { index: 2, count: 3, settings: worker(2, 3).settings.to_text() };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let hello = wire::Message::Hello(wire::Hello { protocol: wire::VERSION, version, role });
        let mut first = participant::dial(&address.to_string(), PACE.gather).await.unwrap();
        first.write_all(format!("{}\n", serde_json::to_string(&hello).unwrap()).as_bytes()).await.unwrap();
        first.shutdown().await.unwrap();
        let mut said = String::new();
        BufReader::new(first).read_line(&mut said).await.unwrap();
        assert_eq!(said, "");
        come(worker(2, 3), address).await.unwrap().unwrap();
        early.await.unwrap().unwrap();
        zero.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_does_not_come_is_named() {
        let pace = Pace { gather: Duration::from_millis(100), ..PACE };
        let (address, zero) = open(Worker { pace, servers: 1, ..worker(0, 3) }).await;
        let came = come(worker(1, 3), address);
        let why = zero.await.unwrap().unwrap_err().to_string();
        assert!(why.contains("worker 2, server 0 did not come"), "{why}");
        assert_eq!(came.await.unwrap().unwrap_err().to_string(), why);
        let nobody = worker(1, 2);
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let nobody = Worker { pace, ..nobody }.join(&address.to_string(), |_| ()).await.unwrap_err();
        assert!(matches!(&nobody, Ended::NotThere { why, .. } if why.contains("refused")), "{nobody}");
    }

    #[tokio::test]
    async fn a_worker_that_dies_while_measuring_aborts_the_run_for_all() {
        let mut all = joined(worker(0, 4), 4).await;
        begin(&mut all).await;
        let aborted: Vec<_> = all.iter().map(Joined::aborted).collect();
        drop(all.remove(2));
        for (index, aborted) in aborted.into_iter().enumerate().filter(|(index, _)| *index != 2) {
            let why = aborted.await.to_string();
            assert!(why.contains("worker 2: its connection"), "worker {index}: {why}");
        }
        let finished = all.into_iter().map(|joined| async { joined.finish(&mut part(1)).await });
        let mut finished = join_all(finished).await;
        let whole = finished.remove(0).unwrap().unwrap();
        assert!(whole.aborted.unwrap().contains("worker 2"));
        let workers = whole.run.workers.unwrap();
        assert_eq!((workers.missing, whole.parts.len()), (vec![2], 3));
        assert!(whole.run.warnings.iter().any(|warning| warning.contains("worker 2 is missing")));
        for other in finished {
            assert!(matches!(other, Err(Ended::Aborted(why)) if why.contains("worker 2")));
        }
    }

    #[tokio::test]
    async fn a_result_that_does_not_come_in_its_time_is_missed_by_name() {
        let pace = Pace { between: Duration::from_millis(300), grace: Duration::from_millis(100), ..PACE };
        let mut all = joined(Worker { pace, ..worker(0, 2) }, 2).await;
        begin(&mut all).await;
        let whole = all.remove(0).finish(&mut part(1)).await.unwrap().unwrap();
        assert!(whole.aborted.as_ref().unwrap().contains("worker 1 was not ready"), "{:?}", whole.aborted);
        assert_eq!(whole.run.workers.unwrap().missing, [1]);
    }

    #[tokio::test]
    async fn an_interrupted_worker_ends_the_run_and_all_hand_in_what_they_have() {
        let mut all = joined(worker(0, 3), 3).await;
        begin(&mut all).await;
        all[1].abort("interrupted");
        let why = all[2].aborted().await.to_string();
        assert!(why.contains("worker 1: interrupted"), "{why}");
        let mut finished = join_all(all.into_iter().map(|joined| async {
            let mut part = part(1);
            part.env.interrupted = true;
            joined.finish(&mut part).await
        }))
        .await;
        let whole = finished.remove(0).unwrap().unwrap();
        assert!(whole.aborted.unwrap().contains("interrupted") && whole.run.env.interrupted);
        assert_eq!((whole.run.workers.unwrap().missing, whole.run.cells[0].requests), (vec![], 3));
    }

    #[tokio::test]
    async fn workers_end_when_worker_0_is_gone() {
        let mut all = joined(worker(0, 2), 2).await;
        let aborted = all[1].aborted();
        drop(all.remove(0));
        assert!(matches!(aborted.await, Ended::Gone(_)));
        assert!(matches!(all.remove(0).finish(&mut part(1)).await, Err(Ended::Gone(_))));
    }

    #[tokio::test]
    async fn a_server_that_takes_part_adds_what_it_used_between_the_marks() {
        let (address, zero) = open(Worker { servers: 1, ..worker(0, 1) }).await;
        let server = tokio::spawn(async move { take_part(&address.to_string(), PACE.gather).await });
        let mut zero = zero.await.unwrap().unwrap();
        let duration = Duration::from_millis(40);
        zero.ready(LaunchPhase { cell: 0, warmup: Duration::from_millis(10), duration }).await.unwrap();
        let whole = zero.finish(&mut part(1)).await.unwrap().unwrap();
        server.await.unwrap().unwrap();
        let cell = &whole.run.cells[0];
        if cfg!(unix) {
            let server = cell.usage.server.unwrap();
            assert!(server.rss_peak_mib.is_none_or(|mib| mib > 0.0), "{server:?}");
            assert!(
                (server.cpu_us_per_request - server.cpu_percent / 100.0 * 1e6).abs() < 1e-6,
                "{server:?}"
            );
        }
        assert_eq!(whole.aborted, None);
    }
}
