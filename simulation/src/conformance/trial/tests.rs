use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::thread;

use listenrain::buffer::WriteBuffer;
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelWrite, NextError};

use super::*;
use crate::conformance::controls::SOUND;
use crate::conformance::{Subject, case};
use crate::layer::{Layer, Layered, Side, map_halves};

/// Case `id` on the sound transport with `layer` on top; it counts as stuck after a fifth of a second.
fn trial<L: Layer + Clone>(id: &str, layer: L) -> Trial {
    let make = move || {
        let layer = Arc::new(layer.clone());
        SOUND.subject().map_transport(|below| Arc::new(Layered::new(below, layer)))
    };
    let mut trial = Trial::new("layered", Arc::new(make), case(id).unwrap());
    trial.settings = Settings { seed: 7, patience: 0.01, ..Settings::default() };
    trial.replay = "the command".to_owned();
    trial
}

async fn reason(trial: Trial, verdict: Verdict) -> String {
    let record = trial.run().await;
    assert_eq!(record.verdict, verdict, "{record:?}");
    record.reason.unwrap()
}

type Next<'a> = BoxFuture<'a, Result<Channel, NextError>>;

#[derive(Debug, Clone)]
struct Sound;

impl Layer for Sound {}

#[derive(Debug, Clone)]
struct Blocks;

impl Layer for Blocks {
    fn next<'a>(&'a self, _side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        thread::sleep(Duration::from_secs(5));
        below.next()
    }
}

#[derive(Debug, Clone)]
struct Spins;

impl Layer for Spins {
    fn next<'a>(&'a self, _side: Side, _below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

/// Refuses writes that offer more bytes than this.
#[derive(Debug, Clone)]
struct RefusesMoreThan(usize);

impl Layer for RefusesMoreThan {
    fn channel(&self, _side: Side, channel: Channel) -> Channel {
        map_halves(channel, |read| read, |below| Box::new(Refusing { below, most: self.0 }))
    }
}

struct Refusing {
    below: Box<dyn ChannelWrite>,
    most: usize,
}

impl ChannelWrite for Refusing {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        if from.len() > self.most {
            return Poll::Ready(Err(io::Error::other(format!("more than {} bytes", self.most))));
        }
        self.below.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.below.abort();
    }
}

#[derive(Debug, Clone)]
struct PanicsInATask;

impl Layer for PanicsInATask {
    fn channel(&self, _side: Side, channel: Channel) -> Channel {
        tokio::spawn(async { panic!("nobody joins this task") });
        channel
    }
}

#[tokio::test]
async fn a_sound_transport_passes_in_both_roles() {
    let record = trial("B09", Sound).run().await;
    assert_eq!((record.verdict, record.reason), (Verdict::Pass, None));
    assert_eq!(record.roles, ["near-dials", "near-accepts"]);
}

#[tokio::test]
async fn a_hardship_is_upon_the_transport_that_the_case_sees() {
    // Broken by a trial that names its hardship and runs without it.
    let mut trial = trial("B04", RefusesMoreThan(64));
    assert!(reason(trial.clone(), Verdict::Fail).await.contains("more than 64 bytes"));
    trial.hardship = Some(Hardship::ShortWrites);
    assert_eq!(trial.run().await.verdict, Verdict::Pass);
}

#[tokio::test]
async fn a_thread_that_is_blocked_is_a_timeout_and_holds_up_nobody() {
    let start = Instant::now();
    let reason = reason(trial("A01", Blocks), Verdict::Timeout).await;
    assert!(reason.contains("the thread `A01 on layered` was left behind"), "{reason}");
    assert!(start.elapsed() < Duration::from_secs(5), "it was waited for");
}

#[tokio::test]
async fn a_transport_that_spins_is_a_timeout_and_its_thread_ends() {
    // The clock of a transport in memory is paused, and never goes on while something is ready.
    let reason = reason(trial("A01", Spins), Verdict::Timeout).await;
    assert!(reason.contains("kept its thread busy"), "{reason}");
    assert!(reason.contains("a dialer of channel://fresh-1 dials"), "{reason}");
}

#[tokio::test]
async fn a_panic_in_a_task_that_nobody_joins_fails_the_case() {
    let reason = reason(trial("A01", PanicsInATask), Verdict::Fail).await;
    assert!(reason.starts_with("panicked: nobody joins this task at "), "{reason}");
    assert!(reason.ends_with("[near-dials, seed 7; again: the command]"), "{reason}");
}

#[tokio::test]
async fn a_case_that_needs_a_process_is_skipped_where_there_is_none() {
    let reason = reason(trial("E05", Sound), Verdict::Skipped).await;
    assert!(reason.contains("a process of its own"), "{reason}");
}

#[test]
fn a_test_of_the_macro_panics_with_the_reason() {
    let check = || {
        crate::conformance::testing::check("broken", "crate::broken::b01_basic_io_1mib", drops_a_byte, None)
    };
    let panic = std::panic::catch_unwind(check).unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("FAIL: B01 basic_io_1mib: ") && said.contains("offset 100000"), "{said}");
    assert!(said.contains("again: cargo test -- --exact broken::b01_basic_io_1mib"), "{said}");
}

fn drops_a_byte() -> Subject {
    crate::conformance::controls::control("drops-a-byte").unwrap().subject()
}
