//! Scenarios: who takes part, what they do, what may go wrong, and what must have happened.

mod bodies;
mod client;
mod flaws;
mod forwarder;
mod guests;
mod hostile;
mod list;
mod load;
mod promises;
mod runs;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Overflow;

pub(crate) use self::bodies::{spoils_client, spoils_server};
pub(crate) use self::client::LATE;
pub(crate) use self::guests::GUESTS_STAY;
pub use self::list::{all, named};
pub use self::load::Load;
pub use self::runs::Runs;
use crate::fault::FaultKind;
use crate::stack::Stack;
use crate::world::{Cast, World};

/// One scenario. All of it is data, so that a scenario of your own starts from one that is there:
/// `Scenario { name: "mine", ..scenario::named("steady-load")? }`.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name in flags, plans and reports.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub meaning: &'static str,
    /// How many servers there are. At least 1.
    pub servers: usize,
    /// How the client reaches them.
    pub reach: Reach,
    /// What may go wrong in it.
    pub faults: &'static [FaultKind],
    /// Most faults of one run. At least 1 where there are any.
    pub most_faults: usize,
    /// Whether a fault of one server may stay when the others are healed. Only where calls then go elsewhere.
    pub one_may_stay_broken: bool,
    /// What must have happened at least once in a batch of runs.
    pub situations: &'static [Situation],
    /// The client.
    pub client: ClientSetup,
    /// Each server.
    pub server: ServerSetup,
    /// What the client does.
    pub load: Load,
    /// When the client begins to dial. What has gone wrong by then is so from the start.
    pub begins_at: Duration,
    /// How long after that the client closes, in the middle of the load; `None`: when all is done.
    pub closes_at: Option<Duration>,
    /// How long an orderly end is given, whenever it is.
    pub closes_within: Duration,
    /// What else takes part.
    pub extra: Extra,
    /// Whether every call is answered as long as nothing goes wrong.
    pub is_calm: bool,
}

impl Scenario {
    /// A client, a server, and a mixed load; nothing goes wrong.
    #[must_use]
    pub fn quiet(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            servers: 1,
            reach: Reach::Direct,
            faults: &[],
            most_faults: 6,
            one_may_stay_broken: false,
            situations: &[],
            client: ClientSetup::default(),
            server: ServerSetup::default(),
            load: Load::default(),
            begins_at: Duration::ZERO,
            closes_at: None,
            closes_within: Duration::from_secs(1),
            extra: Extra::None,
            is_calm: true,
        }
    }

    /// The kinds of fault that may go wrong in it on `world`.
    pub fn faults_on<'a>(&'a self, world: &'a dyn World) -> impl Iterator<Item = FaultKind> + 'a {
        self.faults.iter().copied().filter(|kind| world.families().contains(&kind.family()))
    }

    /// Whether it can be played on `world`: something that is to go wrong can go wrong there.
    #[must_use]
    pub fn applies_to(&self, world: &dyn World) -> bool {
        self.faults.is_empty() || self.faults_on(world).next().is_some()
    }

    /// Those of its [situations](Self::situations) that can come about on `world`.
    pub fn situations_on<'a>(&'a self, world: &'a dyn World) -> impl Iterator<Item = Situation> + 'a {
        let possible = move |situation: &Situation| match situation {
            Situation::Fault(kind, _) => world.families().contains(&kind.family()),
            Situation::Seen(_) => true,
        };
        self.situations.iter().copied().filter(possible)
    }

    /// The parties, with `stack` in them.
    #[must_use]
    pub fn cast(self: &Arc<Self>, stack: &Arc<dyn Stack>) -> Cast {
        let servers = (0..self.servers).map(|_| server::role(self.clone(), stack.clone())).collect();
        Cast { servers, client: client::role(self.clone(), stack.clone()), bodies: stack.bodies() }
    }
}

/// How a client reaches the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// One connection to each server; a call says to which.
    Direct,
    /// One connection, to the first server that answers.
    Standby,
    /// A pool with a connection for each server and protocol, asked anew for each call.
    Pool {
        /// How many protocols. At least 1.
        protocols: usize,
    },
}

impl Reach {
    /// Which server a call by `way` goes to, where there are `servers`; `None`: any.
    #[must_use]
    pub fn server(self, way: usize, servers: usize) -> Option<usize> {
        (self != Self::Standby).then(|| way % servers)
    }

    /// How many ways there are for a call to go.
    #[must_use]
    pub fn ways(self, servers: usize) -> usize {
        match self {
            Self::Direct => servers,
            Self::Standby => 1,
            Self::Pool { protocols } => servers * protocols.max(1),
        }
    }
}

/// What takes part beside a client and its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extra {
    /// Nothing.
    None,
    /// Between the client and the first server stands one that forwards packets.
    Forwarder,
    /// The servers speak, but not the protocol.
    HostileServers,
    /// Beside the client somebody dials who does not speak the protocol.
    HostileClient,
    /// Beside the client there are so many that ask for more than they are given, and never read a reply.
    DeafClients(usize),
    /// Before the client there are so many that hold a channel each and say nothing, until the middle of the load.
    Guests(usize),
}

/// The client's settings.
#[derive(Debug, Clone)]
pub struct ClientSetup {
    /// Channels at once.
    pub lanes: usize,
    /// Most requests in flight.
    pub requests: usize,
    /// Most bytes of them.
    pub bytes: usize,
    /// What becomes of more.
    pub when_full: Overflow,
    /// After how many failed dials calls are refused.
    pub down_after: u32,
    /// What runs callbacks.
    pub runs: Runs,
}

impl Default for ClientSetup {
    fn default() -> Self {
        Self {
            lanes: 1,
            requests: 64,
            bytes: 4 << 20,
            when_full: Overflow::Wait,
            down_after: 5,
            runs: Runs::Default,
        }
    }
}

/// A server's settings.
#[derive(Debug, Clone)]
pub struct ServerSetup {
    /// Most channels.
    pub connections: usize,
    /// Most requests of a channel that are not answered.
    pub requests: usize,
    /// Most bytes of them.
    pub bytes: usize,
    /// Whether what is beyond is refused; otherwise it is not read.
    pub refuses: bool,
    /// Most requests of all channels that are not answered, and most bytes that all of them keep in memory.
    pub all: (usize, usize),
    /// Most handlers at once.
    pub handlers: usize,
    /// What runs handlers.
    pub runs: Runs,
    /// Largest request, in bytes.
    pub largest: usize,
    /// At which age channels are ended in an orderly way; `None`: at none.
    pub max_age: Option<Duration>,
}

/// Bytes of the largest packet, unless a scenario says otherwise.
pub(crate) const LARGEST: usize = 8 << 20;
/// Most handlers, or callbacks, at once, unless a scenario says otherwise.
pub(crate) const HANDLERS_AT_ONCE: usize = 4096;

impl Default for ServerSetup {
    fn default() -> Self {
        Self {
            connections: 64,
            requests: 64,
            bytes: 4 << 20,
            refuses: false,
            all: (65_536, 512 << 20),
            handlers: HANDLERS_AT_ONCE,
            runs: Runs::Default,
            largest: LARGEST,
            max_age: None,
        }
    }
}

/// What must have happened at least once in a batch, or the batch proves nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Situation {
    /// A fault, at a time when something was going on.
    Fault(FaultKind, When),
    /// Something that the parties see.
    Seen(&'static str),
}

/// What was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// Calls were in flight.
    CallsInFlight,
    /// A dial was under way.
    Dialing,
    /// The client was being closed in an orderly way.
    Draining,
    /// A packet was written in part, or read in part.
    InPacket,
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(what) => f.write_str(what),
            Self::Fault(kind, when) => write!(
                f,
                "{kind} {}",
                match when {
                    When::CallsInFlight => "with calls in flight",
                    When::Dialing => "during a dial",
                    When::Draining => "during a drain",
                    When::InPacket => "in the middle of a packet",
                }
            ),
        }
    }
}
