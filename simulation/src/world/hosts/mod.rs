//! Worlds of hosts with a network between them, simulated by turmoil: TCP, and the real QUIC over UDP.

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
use super::{Cast, Outage, Role, Site, World, outages, time_limit};
use crate::fault::{Family, FaultKind, FaultPlan};
use crate::network::{self, SimulatedTcp, SimulatedUdp};
use crate::random::Random;
use crate::stage::Stage;

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
    fn transport(self, stage: &Stage, cast: &Cast, name: &str, start: u64) -> Arc<dyn Transport> {
        match self.carrier {
            Carrier::Tcp => Arc::new(SimulatedTcp::on(name).connect_timeout(Duration::from_secs(1))),
            Carrier::Quic => {
                let seed = network_seed(stage.plan().seed, name, start);
                let tamper = Datagrams::new(stage.clone(), cast.servers.len());
                let udp = SimulatedUdp::on(name).with_tamper(Arc::new(tamper));
                let options = network::quic::options()
                    .connect_timeout(Duration::from_secs(1))
                    .idle_timeout(Duration::from_secs(2))
                    .keepalive(Some(Duration::from_millis(500)));
                Arc::new(network::quic(udp, options, seed).expect("options within their bounds"))
            }
        }
    }

    fn scheme(self) -> &'static str {
        match self.carrier {
            Carrier::Tcp => "tcp",
            Carrier::Quic => "quic",
        }
    }

    fn site(self, stage: &Stage, cast: &Cast, who: u16, start: u64) -> Site {
        let name = host(who, cast);
        let listen = Endpoint::new(self.scheme(), &format!("{name}:{PORT}")).expect("a host and a port");
        Site::new(stage, cast, who, self.transport(stage, cast, &name, start), listen)
    }
}

/// The name of the host of party `who`.
fn host(who: u16, cast: &Cast) -> String {
    match who == cast.client_number() {
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

impl World for Hosts {
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
        const TCP: &[Family] =
            &[Family::Stream, Family::Dial, Family::Process, Family::Power, Family::Network];
        const QUIC: &[Family] = &[
            Family::Stream,
            Family::Dial,
            Family::Process,
            Family::Power,
            Family::Network,
            Family::Datagram,
        ];
        match self.carrier {
            Carrier::Tcp => TCP,
            Carrier::Quic => QUIC,
        }
    }

    fn play(&self, plan: &FaultPlan, cast: &Cast) -> Stage {
        let mut builder = network::builder(plan.seed);
        builder.min_message_latency(Duration::from_millis(LATENCY_MS));
        builder.max_message_latency(Duration::from_millis(LATENCY_MS));
        let mut sim = builder.build();
        let stage = Stage::new(plan.clone(), clock());
        let done = self.populate(&mut sim, &stage, cast);
        let mut power: Vec<_> =
            (0..cast.servers.len()).map(|server| Power::new(plan, server, cast.servers.len())).collect();
        let mut links = Links::new(cast.servers.len());
        while done.get() <= cast.servers.len() {
            let now = sim.elapsed();
            if now > time_limit(plan) {
                stage.violation(format!("the run had not ended after {now:?}"));
                break;
            }
            power.iter_mut().for_each(|power| power.look(&mut sim, &stage, now, &mut links, &done));
            links.look(&mut sim, &stage, now);
            if let Err(error) = sim.step() {
                stage.violation(format!("the simulator stopped: {error}"));
                break;
            }
        }
        stage.close();
        drop(sim);
        stage
    }
}

impl Hosts {
    /// Puts every party on its host; what is given counts those that are done for good.
    fn populate(self, sim: &mut Sim<'static>, stage: &Stage, cast: &Cast) -> Rc<Cell<usize>> {
        let done = Rc::new(Cell::new(0));
        for (role, who) in cast.servers.iter().zip(0..) {
            let starts = Rc::new(Cell::new(0));
            let (stage, cast, role, done) = (stage.clone(), cast.clone(), role.clone(), done.clone());
            sim.host(host(who, &cast), move || {
                starts.set(starts.get() + 1);
                let site = self.site(&stage, &cast, who, starts.get());
                let (role, done) = (role.clone(), done.clone());
                async move {
                    party(site, role).await;
                    done.set(done.get() + 1);
                    Ok(())
                }
            });
        }
        let (stage, cast, ended) = (stage.clone(), cast.clone(), done.clone());
        sim.client(host(cast.client_number(), &cast), async move {
            let site = self.site(&stage, &cast, cast.client_number(), 1);
            party(site, cast.client.clone()).await;
            stage.end();
            ended.set(ended.get() + 1);
            Ok(())
        });
        done
    }
}

/// Plays a role, and looks that nothing of it is left.
async fn party(site: Site, role: Role) {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (before, stage, name, who) = (tasks(), site.stage.clone(), site.name.clone(), site.who);
    role(site).await;
    let began = Instant::now();
    let left = || (tasks().saturating_sub(before), stage.channels(who));
    while left() != (0, 0) && began.elapsed() < CLEARS {
        sleep(Duration::from_millis(10)).await;
    }
    let (tasks, channels) = left();
    if (tasks, channels) != (0, 0) {
        stage.violation(format!("{name} has {tasks} tasks and {channels} channels {CLEARS:?} after its end"));
    }
}

/// The time of the host that runs, else of the step before.
fn clock() -> crate::stage::Clock {
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
        stage: &Stage,
        now: Duration,
        links: &mut Links,
        done: &Cell<usize>,
    ) {
        let Some(outage) = self.next else { return };
        let name = server_host(self.server);
        if !self.is_off && now >= outage.from && !stage.is_over() {
            self.is_off = true;
            if stage.plan().faults[outage.fault].kind == FaultKind::PowerLoss {
                // Its goodbyes are lost, and so its peers learn nothing.
                links.darken(sim, self.server);
            }
            stage.killed(outage.fault, self.server, self.servers);
            stage.dies(self.server as u16);
            // Its tasks see that, one after the other.
            if let Err(error) = sim.step() {
                stage.violation(format!("the simulator stopped: {error}"));
            }
            sim.crash(name.as_str());
            if outage.until.is_none() {
                // It is done: nobody will start it again.
                done.set(done.get() + 1);
                self.next = None;
            }
        } else if self.is_off && outage.until.is_some_and(|until| now >= until) {
            self.is_off = false;
            self.next = self.outages.next();
            links.lighten(sim, self.server);
            stage.lives(self.server as u16);
            sim.bounce(name.as_str());
        }
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}
