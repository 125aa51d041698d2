//! A network inside one runtime: all parties on one transport, in simulated or in real time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Transport;
use listenrain_transports::InProcess;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Network, Node, Role, Roles, outages, time_limit};
use crate::context::RunContext;
use crate::faults::{Family, FaultPlan};
use crate::panics::Panics;

/// All parties on one transport: the in-process channel, or one of the user's.
pub struct Local {
    name: String,
    meaning: String,
    make: Arc<dyn Fn() -> Arc<dyn Transport> + Send + Sync>,
    is_real: bool,
}

impl Local {
    /// Channels in memory, in simulated time.
    #[must_use]
    pub fn memory() -> Self {
        let meaning = "channels in memory, simulated time";
        Self::simulated("memory", meaning, || Arc::new(InProcess::default()))
    }

    /// The transport that `make` makes anew for each run, in simulated time. Nothing outside this process, and no thread
    /// of its own, may take part in it.
    #[must_use]
    pub fn simulated(
        name: impl Into<String>,
        meaning: impl Into<String>,
        make: impl Fn() -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), meaning: meaning.into(), make: Arc::new(make), is_real: false }
    }

    /// The transport that `make` makes anew for each run, in real time: a run takes some eight seconds, and repeats only
    /// as far as the system lets it.
    #[must_use]
    pub fn real(
        name: impl Into<String>,
        meaning: impl Into<String>,
        make: impl Fn() -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        Self { is_real: true, ..Self::simulated(name, meaning, make) }
    }
}

impl Network for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn meaning(&self) -> &str {
        &self.meaning
    }

    fn families(&self) -> &[Family] {
        &[Family::Stream, Family::Dial, Family::Process]
    }

    fn is_deterministic(&self) -> bool {
        !self.is_real
    }

    fn play(&self, plan: &FaultPlan, roles: &Roles) -> RunContext {
        let mut builder = Builder::new_current_thread();
        if let Some(panics) = Panics::of_this_thread() {
            // What blocks runs on threads of its own.
            builder.on_thread_start(move || panics.watch_this_thread());
        }
        let runtime = match self.is_real {
            true => builder.enable_all().build(),
            false => builder.enable_time().start_paused(true).build(),
        };
        let runtime = runtime.expect("a runtime of one thread needs no more than memory and a descriptor");
        runtime.block_on(async {
            let start = Instant::now();
            let context = RunContext::new(plan.clone(), Arc::new(move || start.elapsed()));
            if timeout(time_limit(plan), run(&context, roles, &*self.make)).await.is_err() {
                context.violation(format!("the run had not ended after {:?}", time_limit(plan)));
            }
            tasks_end(&context).await;
            context.close();
            context
        })
    }
}

async fn run(context: &RunContext, roles: &Roles, make: &(dyn Fn() -> Arc<dyn Transport> + Send + Sync)) {
    let start = Instant::now() - context.now();
    let transport = make();
    let node = |who, listen| Node::new(context, roles, who, transport.clone(), listen);
    let servers: Vec<_> = roles
        .servers
        .iter()
        .zip(0..)
        .map(|(role, who)| {
            let node = node(who, transport.scratch_endpoint());
            tokio::spawn(supervise(node, role.clone(), start, roles.servers.len()))
        })
        .collect();
    let client = node(roles.client_number(), transport.scratch_endpoint());
    finish(context, tokio::spawn((roles.client)(client)), "the client").await;
    context.end();
    for (server, number) in servers.into_iter().zip(0..) {
        finish(context, server, &format!("server {number}")).await;
    }
}

async fn finish(context: &RunContext, task: JoinHandle<()>, who: &str) {
    if let Err(error) = task.await
        && error.is_panic()
    {
        context.violation(format!("{who} panicked"));
    }
}

/// Runs a server, kills it and starts it again as the plan says.
async fn supervise(node: Node, role: Role, start: Instant, servers: usize) {
    let context = node.context.clone();
    let number = node.server.unwrap_or_default();
    for outage in outages(context.plan(), number) {
        let running = tokio::spawn(role(node.clone()));
        let mut running = AbortOnDrop(running);
        tokio::select! {
            biased;
            _ = &mut running.0 => return,
            () = sleep_until(start + outage.from) => {}
        }
        running.0.abort();
        let _ = (&mut running.0).await;
        context.killed(outage.fault, number, servers);
        let Some(until) = outage.until else { return };
        tokio::select! {
            biased;
            () = context.over() => return,
            () = sleep_until(start + until) => {}
        }
    }
    role(node).await;
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Every task of the run ends soon after it.
async fn tasks_end(context: &RunContext) {
    const SOON: Duration = Duration::from_secs(2);
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let began = Instant::now();
    while alive() > 0 && began.elapsed() < SOON {
        sleep(Duration::from_millis(10)).await;
    }
    if alive() > 0 {
        context.violation(format!("{} tasks were left {SOON:?} after the run", alive()));
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("name", &self.name).field("is_real", &self.is_real).finish()
    }
}
