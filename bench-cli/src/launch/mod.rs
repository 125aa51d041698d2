//! The parent's side of a cell: one child process that is both ends, or one for each.

mod child;
mod compose;
mod overlap;
mod program;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use listenrain_results::Cell;
use tokio::time::timeout;

use self::child::Child;
pub(crate) use self::compose::all_failed;
#[cfg(feature = "simulate")]
pub(crate) use self::compose::cells;
pub(crate) use self::program::Program;
use crate::cell::Tick;
use crate::cell::protocol::{CellSpec, FromChild, Measured, PROTOCOL, Role, Served, ToChild};
use crate::load::{CellConfig, Placement};
use crate::meter::usage::percent;

/// How long processes may take to start and to connect.
const READY_WITHIN: Duration = Duration::from_secs(45);
/// Beyond warm-up and window: the end of what is outstanding, and a slow machine.
const SLACK: Duration = Duration::from_secs(45);

/// Starts cells, one at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Launcher {
    /// What is started.
    pub(crate) program: Program,
    /// What the machine was busy with before anything was measured; 100 = one core.
    pub(crate) idle_busy_percent: f64,
    /// Whether a live view wants ticks.
    pub(crate) wants_ticks: bool,
    /// Where the processes keep temporary files; in the system's folder for them where that is none.
    pub(crate) scratch: Option<PathBuf>,
}

/// The two ends of a launch: connected, and waiting to be told to begin.
///
/// # Cancel safety
///
/// Dropped, it kills its processes.
pub(crate) struct Ready {
    config: CellConfig,
    server: Option<Child>,
    client: Child,
    server_cpu: Watched,
    idle_busy_percent: f64,
}

impl Launcher {
    /// Starts the processes of `config` and waits until every connection stands.
    ///
    /// # Errors
    ///
    /// A text that says why they don't.
    pub(crate) async fn ready(&self, config: &CellConfig) -> Result<Ready, String> {
        let within = READY_WITHIN + config.start_allowance();
        match timeout(within, self.connected(config)).await {
            Ok(ready) => ready,
            Err(_) => Err(format!("its processes were not ready within {within:?}, and were killed")),
        }
    }

    async fn connected(&self, config: &CellConfig) -> Result<Ready, String> {
        let (mut server, mut role) = (None, Role::Whole);
        if config.placement == Placement::Split {
            let mut child = self.start(config, Role::Server)?;
            role = Role::Client(match child.hear().await {
                FromChild::Listening(endpoint) => endpoint,
                said => return Err(format!("the server: {}", unexpected(said))),
            });
            server = Some(child);
        }
        let mut client = self.start(config, role)?;
        match client.hear().await {
            FromChild::Connected => {}
            said => return Err(unexpected(said)),
        }
        let (config, idle_busy_percent) = (config.clone(), self.idle_busy_percent);
        Ok(Ready { config, server, client, server_cpu: Watched::default(), idle_busy_percent })
    }

    fn start(&self, config: &CellConfig, role: Role) -> Result<Child, String> {
        Child::start(&self.program, &self.spec(config, role), self.scratch.as_deref())
    }

    fn spec(&self, config: &CellConfig, role: Role) -> CellSpec {
        let pins = &config.pins;
        CellSpec {
            protocol: PROTOCOL,
            pin: if role == Role::Server { pins.server.clone() } else { pins.client.clone() },
            config: config.clone(),
            role,
            parent: std::process::id(),
            wants_ticks: self.wants_ticks,
        }
    }
}

impl Ready {
    /// Begins now and measures to the end; or to the moment when `stop` is over, and then with the windows that there are.
    /// Gives a cell for each phase that was begun.
    pub(crate) async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        mut on_tick: impl FnMut(&Tick),
    ) -> Vec<Cell> {
        let within = self.config.warmup + self.config.duration + SLACK;
        let measured = match timeout(within, self.measured(stop, &mut on_tick)).await {
            Ok(measured) => measured,
            Err(_) => Err("its process hung and was killed".to_owned()),
        };
        match measured {
            Ok((measured, served)) => {
                compose::cells(&self.config, measured, served.as_ref(), self.idle_busy_percent)
            }
            Err(why) => all_failed(&self.config, &why),
        }
    }

    async fn measured(
        &mut self,
        stop: impl Future<Output = ()>,
        on_tick: &mut impl FnMut(&Tick),
    ) -> Result<(Vec<Measured>, Option<Served>), String> {
        self.client.tell(ToChild::Go).await;
        let mut stop = std::pin::pin!(stop);
        let mut is_stopping = false;
        let measured = loop {
            let said = tokio::select! {
                biased;
                () = &mut stop, if !is_stopping => {
                    is_stopping = true;
                    self.client.tell(ToChild::Finish).await;
                    continue;
                }
                said = self.client.hear() => said,
                said = hear_of(&mut self.server) => return Err(format!("the server: {}", unexpected(said))),
            };
            match said {
                FromChild::Marked(number) => {
                    if let Some(server) = &mut self.server {
                        server.tell(ToChild::Mark(number)).await;
                    }
                }
                FromChild::Tick(mut tick) => {
                    tick.server_cpu_percent = self.server_cpu.percent(self.server.as_ref());
                    on_tick(&tick);
                }
                FromChild::Measured(measured) => break measured,
                said => return Err(unexpected(said)),
            }
        };
        let Some(server) = &mut self.server else { return Ok((measured, None)) };
        server.tell(ToChild::Finish).await;
        match server.hear().await {
            FromChild::Served(served) => Ok((measured, Some(served))),
            said => Err(format!("the server: {}", unexpected(said))),
        }
    }
}

/// What a server is seen to use from one tick to the next, for a live view; its own account comes at the end.
#[derive(Default)]
struct Watched(Option<(Instant, Duration)>);

impl Watched {
    fn percent(&mut self, server: Option<&Child>) -> Option<f64> {
        let (now, used) = (Instant::now(), server?.cpu_time()?);
        let (before, used_before) = self.0.replace((now, used))?;
        Some(percent(used.saturating_sub(used_before), now - before))
    }
}

/// Never, where there is no server of its own.
async fn hear_of(server: &mut Option<Child>) -> FromChild {
    match server {
        Some(server) => server.hear().await,
        None => std::future::pending().await,
    }
}

fn unexpected(said: FromChild) -> String {
    match said {
        FromChild::Failed(why) => why,
        other => format!("unexpected message from its process: {other:?}"),
    }
}
