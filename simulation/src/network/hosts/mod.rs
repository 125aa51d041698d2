//! Networks of hosts with a network between them, simulated by turmoil: TCP, and the real QUIC over UDP.

mod datagrams;
mod links;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use listenrain::{Endpoint, Transport};
use tokio::time::{Instant, sleep};
use turmoil::Sim;

use self::datagrams::Datagrams;
use self::links::Links;
use super::{Network, Node, Outage, Role, Roles, outages, time_limit};
use crate::context::RunContext;
use crate::faults::{Family, FaultKind, FaultPlan};
use crate::random::Random;
use crate::simulated::{self, SimulatedTcp, SimulatedUdp};

/// Each party on a host of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hosts {
    carrier: Carrier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Tcp,
    Quic,
}

/// Where servers listen.
const PORT: u16 = 7000;
/// How long a message takes while nothing is wrong: always as long, or a network would swap nearly all that it carries.
/// Unit: milliseconds.
const LATENCY_MS: u64 = 3;
/// How long a party may take to be rid of its tasks and sockets once it is done. A QUIC connection waits up to 10 s for its
/// peer to acknowledge the end.
const CLEARS: Duration = Duration::from_secs(15);

impl Hosts {
    /// Hosts that speak TCP.
    #[must_use]
    pub fn tcp() -> Self {
        Self { carrier: Carrier::Tcp }
    }

    /// Hosts that speak QUIC over UDP.
    #[must_use]
    pub fn quic() -> Self {
        Self { carrier: Carrier::Quic }
    }

    /// A transport for the host called `name`, which is started for the `start`th time.
    fn transport(self, context: &RunContext, roles: &Roles, name: &str, start: u64) -> Arc<dyn Transport> {
        match self.carrier {
            Carrier::Tcp => Arc::new(SimulatedTcp::on(name).connect_timeout(Duration::from_secs(1))),
            Carrier::Quic => {
                let seed = network_seed(context.plan().seed, name, start);
                let tamper = Datagrams::new(context.clone(), roles.servers.len());
                let udp = SimulatedUdp::on(name).with_tamper(Arc::new(tamper));
                let options = simulated::quic::options()
                    .connect_timeout(Duration::from_secs(1))
                    .idle_timeout(Duration::from_secs(2))
                    .keepalive(Some(Duration::from_millis(500)));
                Arc::new(simulated::quic(udp, options, seed).expect("options within their bounds"))
            }
        }
    }

    fn scheme(self) -> &'static str {
        match self.carrier {
            Carrier::Tcp => "tcp",
            Carrier::Quic => "quic",
        }
    }

    fn node(self, context: &RunContext, roles: &Roles, who: u16, start: u64) -> Node {
        let name = host(who, roles);
        let listen = Endpoint::new(self.scheme(), &format!("{name}:{PORT}")).expect("a host and a port");
        Node::new(context, roles, who, self.transport(context, roles, &name, start), listen)
    }
}

/// The name of the host of party `who`.
fn host(who: u16, roles: &Roles) -> String {
    match who == roles.client_number() {
        true => "client".to_owned(),
        false => server_host(who.into()),
    }
}

/// The name of the host of `server`.
fn server_host(server: usize) -> String {
    format!("server-{server}")
}

fn network_seed(seed: u64, name: &str, start: u64) -> [u8; 32] {
    let mut random = Random::of(seed.wrapping_add(start.wrapping_mul(0x9e37_79b9)), name);
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.draw().to_le_bytes()));
    bytes
}

impl Network for Hosts {
    fn name(&self) -> &str {
        self.scheme()
    }

    fn meaning(&self) -> &str {
        match self.carrier {
            Carrier::Tcp => "hosts that speak TCP over a simulated network",
            Carrier::Quic => "hosts that speak QUIC over a simulated network",
        }
    }

    fn families(&self) -> &[Family] {
        use Family as F;
        match self.carrier {
            Carrier::Tcp => &[F::Stream, F::Dial, F::Process, F::Power, F::Network],
            Carrier::Quic => &[F::Stream, F::Dial, F::Process, F::Power, F::Network, F::Datagram],
        }
    }

    fn play(&self, plan: &FaultPlan, roles: &Roles) -> RunContext {
        let mut builder = simulated::builder(plan.seed);
        builder.min_message_latency(Duration::from_millis(LATENCY_MS));
        builder.max_message_latency(Duration::from_millis(LATENCY_MS));
        let mut sim = builder.build();
        let context = RunContext::new(plan.clone(), clock());
        let done = self.populate(&mut sim, &context, roles);
        let mut power: Vec<_> =
            (0..roles.servers.len()).map(|server| Power::new(plan, server, roles.servers.len())).collect();
        let mut links = Links::new(roles.servers.len());
        while done.get() <= roles.servers.len() {
            let now = sim.elapsed();
            if now > time_limit(plan) {
                context.violation(format!("the run had not ended after {now:?}"));
                break;
            }
            power.iter_mut().for_each(|power| power.look(&mut sim, &context, now, &mut links, &done));
            links.look(&mut sim, &context, now);
            if let Err(error) = sim.step() {
                context.violation(format!("the simulator stopped: {error}"));
                break;
            }
        }
        context.close();
        drop(sim);
        context
    }
}

impl Hosts {
    /// Puts every party on its host; what is given counts those that are done for good.
    fn populate(self, sim: &mut Sim<'static>, context: &RunContext, roles: &Roles) -> Rc<Cell<usize>> {
        let done = Rc::new(Cell::new(0));
        for (role, who) in roles.servers.iter().zip(0..) {
            let starts = Rc::new(Cell::new(0));
            let (context, roles, role, done) = (context.clone(), roles.clone(), role.clone(), done.clone());
            sim.host(host(who, &roles), move || {
                starts.set(starts.get() + 1);
                let node = self.node(&context, &roles, who, starts.get());
                let (role, done) = (role.clone(), done.clone());
                async move {
                    party(node, role).await;
                    done.set(done.get() + 1);
                    Ok(())
                }
            });
        }
        let (context, roles, ended) = (context.clone(), roles.clone(), done.clone());
        sim.client(host(roles.client_number(), &roles), async move {
            let node = self.node(&context, &roles, roles.client_number(), 1);
            party(node, roles.client.clone()).await;
            context.end();
            ended.set(ended.get() + 1);
            Ok(())
        });
        done
    }
}

/// Plays a role, and looks that nothing of it is left.
async fn party(node: Node, role: Role) {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (before, context, name, who) = (tasks(), node.context.clone(), node.name.clone(), node.who);
    role(node).await;
    let began = Instant::now();
    let left = || (tasks().saturating_sub(before), context.channels(who));
    while left() != (0, 0) && began.elapsed() < CLEARS {
        sleep(Duration::from_millis(10)).await;
    }
    let (tasks, channels) = left();
    if (tasks, channels) != (0, 0) {
        context
            .violation(format!("{name} has {tasks} tasks and {channels} channels {CLEARS:?} after its end"));
    }
}

/// The time of the host that runs, else of the step before.
fn clock() -> crate::context::Clock {
    let last = AtomicU64::new(0);
    Arc::new(move || match turmoil::sim_elapsed() {
        Some(now) => {
            last.fetch_max(now.as_micros() as u64, Ordering::Relaxed);
            now
        }
        None => Duration::from_micros(last.load(Ordering::Relaxed)),
    })
}

/// Takes a server's power away and gives it back.
struct Power {
    server: usize,
    servers: usize,
    outages: std::vec::IntoIter<Outage>,
    next: Option<Outage>,
    is_off: bool,
}

impl Power {
    fn new(plan: &FaultPlan, server: usize, servers: usize) -> Self {
        let mut outages = outages(plan, server).into_iter();
        let next = outages.next();
        Self { server, servers, outages, next, is_off: false }
    }

    fn look(
        &mut self,
        sim: &mut Sim<'_>,
        context: &RunContext,
        now: Duration,
        links: &mut Links,
        done: &Cell<usize>,
    ) {
        let Some(outage) = self.next else { return };
        let name = server_host(self.server);
        if !self.is_off && now >= outage.from && !context.is_over() {
            self.is_off = true;
            if context.plan().faults[outage.fault].kind == FaultKind::PowerLoss {
                // Its goodbyes are lost, and so its peers learn nothing.
                links.darken(sim, self.server);
            }
            context.killed(outage.fault, self.server, self.servers);
            context.dies(self.server as u16);
            // Its tasks see that, one after the other.
            if let Err(error) = sim.step() {
                context.violation(format!("the simulator stopped: {error}"));
            }
            sim.crash(name.as_str());
            if outage.until.is_none() {
                // It is done, and not started again.
                done.set(done.get() + 1);
                self.next = None;
            }
        } else if self.is_off && outage.until.is_some_and(|until| now >= until) {
            self.is_off = false;
            self.next = self.outages.next();
            links.lighten(sim, self.server);
            context.lives(self.server as u16);
            sim.bounce(name.as_str());
        }
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}
