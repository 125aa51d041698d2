//! Networks: the nodes of a run, the transports between them, and the faults that can happen there.

mod hosts;
mod local;
mod outage;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use listenrain::{BoxFuture, ChannelGenerator, Endpoint, Transport};

pub use self::hosts::Hosts;
pub use self::local::Local;
pub use self::outage::{Outage, outages};
use crate::context::RunContext;
use crate::faults::{Family, FaultPlan, Layered};
use crate::stream::{Bodies, StreamFaults};

/// Where scenarios are played.
///
/// # Contract
///
/// 1. [`play`](Self::play) plays the whole roles on a fresh [`RunContext`] of its plan, each party on the transport of
///    [`Node::new`], so that the stream and dial faults of the plan happen; those of the other
///    [families](Self::families) it brings about itself, and says so by [`RunContext::fired`].
/// 2. It ends: with the roles, or at [`time_limit`] with a violation.
/// 3. Nothing of a run is left when it has ended; what is left of tasks is a violation.
/// 4. Where [`is_deterministic`](Self::is_deterministic), the same plan gives the same trace.
pub trait Network: Send + Sync + fmt::Debug + 'static {
    /// Its name in flags, plans and reports.
    fn name(&self) -> &str;

    /// What it is, in one sentence.
    fn meaning(&self) -> &str;

    /// What can go wrong in it.
    fn families(&self) -> &[Family];

    /// Whether a plan decides everything that happens.
    fn is_deterministic(&self) -> bool {
        true
    }

    /// Plays `roles` while things go wrong as `plan` says, on a thread of its own.
    fn play(&self, plan: &FaultPlan, roles: &Roles) -> RunContext;
}

/// The networks of this repository, in order.
#[must_use]
pub fn all() -> Vec<Arc<dyn Network>> {
    vec![Arc::new(Local::memory()), Arc::new(Hosts::tcp()), Arc::new(Hosts::quic())]
}

/// How long a run may last, by its own clock.
#[must_use]
pub fn time_limit(plan: &FaultPlan) -> Duration {
    plan.heal() + Duration::from_secs(60)
}

/// What one party does.
pub type Role = Arc<dyn Fn(Node) -> BoxFuture<'static, ()> + Send + Sync>;

/// Everyone who takes part. Servers may be started several times in a run; the client is started once, and when it is
/// done the run is [over](RunContext::end).
#[derive(Clone)]
pub struct Roles {
    /// Each server, in order.
    pub servers: Vec<Role>,
    /// The client.
    pub client: Role,
    /// What the packets are and carry that they exchange.
    pub bodies: Arc<dyn Bodies>,
}

impl Roles {
    /// Which party the client is; servers come before it, in order.
    #[must_use]
    pub fn client_number(&self) -> u16 {
        self.servers.len() as u16
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roles").field("servers", &self.servers.len()).finish_non_exhaustive()
    }
}

/// Where one party stands: what it sees of its network.
#[derive(Debug, Clone)]
pub struct Node {
    /// The run.
    pub context: RunContext,
    /// Its place in the roles.
    pub who: u16,
    /// Which server it is; `None` for a client.
    pub server: Option<usize>,
    /// Its name, for people to read.
    pub name: String,
    /// What it reaches others by, with the faults of the plan.
    pub transport: Arc<dyn Transport>,
    /// The same without them.
    pub bare: Arc<dyn Transport>,
    /// What a forwarder at this node reaches others by, with the faults of the plan.
    pub forwarding: Arc<dyn Transport>,
    listen: Endpoint,
}

impl Node {
    /// The node of party `who` of `roles`, with the stream and dial faults of its plan on top of `bare`. A server listens
    /// at `listen`, unless it has listened before.
    #[must_use]
    pub fn new(
        context: &RunContext,
        roles: &Roles,
        who: u16,
        bare: Arc<dyn Transport>,
        listen: Endpoint,
    ) -> Self {
        let server = (usize::from(who) < roles.servers.len()).then_some(usize::from(who));
        let faults = StreamFaults::new(context.clone(), who, server, roles.bodies.clone());
        let name = server.map_or_else(|| "client".to_owned(), |server| format!("server {server}"));
        let forwarding = Arc::new(Layered::new(bare.clone(), Arc::new(faults.clone().forwarding())));
        let transport = Arc::new(Layered::new(bare.clone(), Arc::new(faults)));
        Self { context: context.clone(), who, server, name, transport, bare, forwarding, listen }
    }

    /// The listener of a server: where it has listened before, if it has.
    ///
    /// # Errors
    ///
    /// Why it cannot listen, for people to read.
    pub async fn listen(&self) -> Result<Box<dyn ChannelGenerator>, String> {
        let before = self.server.and_then(|server| self.context.endpoint(server));
        let endpoint = before.unwrap_or_else(|| self.listen.clone());
        self.transport.listen(&endpoint).await.map_err(|error| format!("{error:?}"))
    }

    /// A listener of a party that is none of the plan's servers, such as a forwarder.
    ///
    /// # Errors
    ///
    /// Why it cannot listen, for people to read.
    pub async fn listen_beside(&self) -> Result<Box<dyn ChannelGenerator>, String> {
        self.bare.listen(&self.listen).await.map_err(|error| format!("{error:?}"))
    }

    /// It serves at `endpoint` now.
    pub fn announce(&self, endpoint: Endpoint) {
        if let Some(server) = self.server {
            self.context.note(self.who, "listens", server as u64, 0);
            self.context.listens(server, endpoint);
        }
    }
}
