//! Stacks that drive a transport: one trait, one folder for each implementation.
//!
//! - [`ListenRain`]: the reference library.
//! - [`Bare`]: the transport alone, as fast as can be.
//! - [`Floor`]: the least that carries requests and replies over a transport, the measure of all that do.
//! - [`InPlace`]: calls without a transport, which leave the tool's own work.
//! - [`callers`]: closed and open loops of calls, for every stack that can answer one call.
//! - [`Registry`]: the transports and stacks that the tool knows.
//! - [`Contact`]: the first request of a connection.
//! - [`Setting`] and [`Serving`] are what a stack receives; [`Stalls`] is a server that stalls on purpose.

mod accept;
mod bare;
pub mod callers;
mod contact;
mod due;
#[cfg(feature = "simulate")]
mod faults;
mod first;
mod floor;
mod in_place;
mod listenrain;
mod pacer;
mod payloads;
mod phases;
mod registry;
mod schedule;
mod setting;
mod stalls;

use std::fmt::{self, Debug};

use ::listenrain::{BoxFuture, Endpoint, EndpointError, NextError};

pub use self::bare::Bare;
pub use self::contact::Contact;
pub use self::floor::Floor;
pub use self::in_place::{InPlace, tool_us};
pub use self::listenrain::ListenRain;
pub use self::phases::Phases;
pub use self::registry::Registry;
pub use self::setting::{Serving, Setting};
pub use self::stalls::Stalls;

use crate::load::{CellConfig, ProtocolChoice};

/// What a benchmark drives on top of a transport.
///
/// # Contract
///
/// 1. [`start`](Self::start) returns when every connection stands and has answered one request, as large and of the same
///    form as those that follow, within [`Setting::answer_within`].
/// 2. A closed loop keeps exactly [`CellConfig::outstanding`](crate::load::CellConfig::outstanding) requests
///    outstanding. An open one sends each when it is due, counted from when [`Load::run`] is called, and drops it while that
///    number is outstanding; it skips none and reports to
///    [`Meter::done_open`](crate::meter::Meter::done_open).
/// 3. Until the meter's phase is [`Over`](crate::meter::Phase::Over); then it lets what is outstanding come to its end,
///    and returns.
/// 4. Every reply is checked by [`payload`](crate::payload), as closely as
///    [`Meter::thoroughness`](crate::meter::Meter::thoroughness) says.
/// 5. [`start`](Self::start) and [`serve`](Self::serve) are polled inside a [`LocalSet`](tokio::task::LocalSet) of the
///    thread that made the runtime.
/// 6. Everything that goes wrong is told to the meter; a load returns early only after that. Each request without a reply is
///    one error: also when [`Phases::given_up`] says that it is not waited for any more, and then the load returns at once.
pub trait Stack: Send + Sync + Debug + 'static {
    /// Its name on the command line and in run files.
    fn name(&self) -> &'static str;

    /// The protocols it can speak, its default first.
    fn protocols(&self) -> &'static [ProtocolChoice];

    /// Whether packets can be carried on by a forwarder between client and server.
    fn forwards(&self) -> bool {
        false
    }

    /// Whether it can play a scenario: [`Setting::phases`] one after the other, with messages that want no reply.
    fn plays(&self) -> bool {
        false
    }

    /// Whether its load is made by [`callers`], so that what a call costs the tool is known. Default: yes.
    fn has_callers(&self) -> bool {
        true
    }

    /// Whether the table of the original's rows has it; else it is measured where it is asked for. Default: yes.
    fn is_in_table(&self) -> bool {
        true
    }

    /// Why it does not measure `cell`, if so. Said before anything is started. Default: it measures all.
    fn unfit(&self, cell: &CellConfig) -> Option<Unfit> {
        let _ = cell;
        None
    }

    /// Starts a server (unless the setting has a target) and connects a client to it.
    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>>;

    /// Serves every client that comes. Tells `ready` where it really listens; ends only by being dropped or by an error.
    fn serve<'a>(
        &'a self,
        serving: Serving,
        ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>>;
}

/// Why a stack does not measure a cell. Each is a text for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Nothing is measured until the user has changed what this says.
    Refused(String),
    /// The cell is left out, and all others are measured.
    LeftOut(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(why) | Self::LeftOut(why)) = self;
        f.write_str(why)
    }
}

/// A connected client that waits for the word to begin.
pub trait Load: Send {
    /// Runs the loop to its end.
    fn run(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Why a stack did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The endpoint or one of its options is wrong.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing could be dialled, listened at, or accepted.
    #[error("{error}{}", cause(error))]
    Next {
        /// What the transport said.
        error: NextError,
    },
    /// No server listens at the target.
    #[error(
        "{endpoint} cannot be reached: {why}; is a server there? `bench-cli serve --listen {endpoint}` starts one"
    )]
    Unreachable {
        /// What was dialled.
        endpoint: String,
        /// Why that failed.
        why: String,
    },
    /// The target answers with something that is no right reply.
    #[error(
        "{endpoint} answers, but not in protocol {protocol}: {why}; start both with the same --stack and --protocol"
    )]
    Foreign {
        /// What was dialled.
        endpoint: String,
        /// What was spoken to it.
        protocol: String,
        /// What came back.
        why: String,
    },
    /// The target takes connections and answers nothing.
    #[error(
        "{endpoint} takes connections, but answered no request in protocol {protocol} within {within}; start both with \
         the same --stack and --protocol"
    )]
    Silent {
        /// What was dialled.
        endpoint: String,
        /// What was spoken to it.
        protocol: String,
        /// How long it had.
        within: String,
    },
    /// The stack itself cannot do what was asked.
    #[error("{0}")]
    Stack(String),
}

impl From<NextError> for StackError {
    fn from(error: NextError) -> Self {
        Self::Next { error }
    }
}

fn cause(error: &NextError) -> String {
    error.source.as_ref().map_or_else(String::new, |source| format!(": {source}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::drive::Registry;
    use crate::load::{Arrivals, CellConfig, OpenConfig, PacerChoice, Stall};
    use crate::meter::{Meter, Phase, Tally};

    const STACKS: [&str; 3] = ["listenrain", "bare", "floor"];

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
            protocol: Registry::standard().stack(stack).unwrap().protocols()[0],
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
            for (pacer, arrivals) in
                [(PacerChoice::Thread, Arrivals::Exp), (PacerChoice::Tick, Arrivals::Fixed)]
            {
                let meter = Arc::new(Meter::new(1));
                let config = CellConfig {
                    connections: 2,
                    lanes: 2,
                    ..config(stack, "tcp", 20_000.0, arrivals, pacer)
                };
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

    /// A server that answers the first request of its one connection and none of the next 64, of 100 bytes. It says when
    /// all of them have come, and then hangs up or waits for the end.
    fn falls_silent(hangs_up: bool) -> (String, oneshot::Receiver<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let (told, have_come) = oneshot::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0; 100];
            stream.read_exact(&mut first).unwrap();
            stream.write_all(&first).unwrap();
            stream.read_exact(&mut [0; 64 * 100]).unwrap();
            told.send(()).unwrap();
            if !hangs_up {
                let _ = stream.read(&mut [0]);
            }
        });
        (endpoint, have_come)
    }

    #[tokio::test]
    async fn each_request_of_a_bare_channel_without_a_reply_is_an_error() {
        let open = OpenConfig {
            rate: 1e6,
            arrivals: Arrivals::Fixed,
            max_in_flight: 64,
            pacer: PacerChoice::Tick,
            seed: 1,
        };
        for open in [None, Some(open)] {
            for (hangs_up, kind) in [(false, "unfinished"), (true, "channel")] {
                let (target, have_come) = falls_silent(hangs_up);
                let config = CellConfig {
                    stack: "bare".to_owned(),
                    protocol: ProtocolChoice::Stream,
                    payload: 100,
                    parallel: 64,
                    open: open.clone(),
                    target: Some(target.clone()),
                    ..CellConfig::default()
                };
                let registry = Registry::standard();
                let transport = Arc::clone(registry.transport("tcp").unwrap());
                let meter = Arc::new(Meter::new(1));
                let setting = Setting::new(config, transport, target.parse().unwrap(), Arc::clone(&meter));
                let phases = Arc::clone(&setting.phases);
                let load = registry.stack("bare").unwrap().start(setting).await.unwrap();
                phases.begin(0, Instant::now());
                let load = tokio::spawn(load.run());
                have_come.await.unwrap();
                if !hangs_up {
                    phases.end(Instant::now());
                    phases.give_up(Duration::from_secs(10));
                }
                load.await.unwrap();
                let errors = meter.errors();
                assert_eq!(errors.kinds, [(kind.to_owned(), 64)].into(), "{open:?}: {errors:?}");
            }
        }
    }
}
