//! Scenarios: who takes part, what they do, what may go wrong, and what must have happened.

mod client;
mod draw;
mod flaws;
mod forwarder;
mod guests;
mod hostile;
mod list;
mod load;
mod promises;
mod server;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::client::LATE;
pub(crate) use self::guests::GUESTS_STAY;
pub use self::list::{all, named};
pub use self::load::Load;
pub use crate::context::{Situation, When};
use crate::faults::FaultKind;
use crate::network::{Network, Roles};
use crate::stack::Stack;
pub use crate::stack::{ClientSetup, Reach, Runs, ServerSetup};

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

impl Default for Scenario {
    /// A client, a server, and a mixed load; nothing goes wrong.
    fn default() -> Self {
        Self {
            name: "",
            meaning: "",
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
}

impl Scenario {
    /// A client, a server, and a mixed load; nothing goes wrong.
    #[must_use]
    pub fn quiet(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, ..Self::default() }
    }

    /// The kinds of fault that may go wrong in it on `network`.
    pub fn faults_on<'a>(&'a self, network: &'a dyn Network) -> impl Iterator<Item = FaultKind> + 'a {
        self.faults.iter().copied().filter(|kind| network.families().contains(&kind.family()))
    }

    /// Whether it can be played on `network`: something that is to go wrong can go wrong there.
    #[must_use]
    pub fn applies_to(&self, network: &dyn Network) -> bool {
        self.faults.is_empty() || self.faults_on(network).next().is_some()
    }

    /// Those of its [situations](Self::situations) that can come about on `network`.
    pub fn situations_on<'a>(&'a self, network: &'a dyn Network) -> impl Iterator<Item = Situation> + 'a {
        let possible = move |situation: &Situation| match situation {
            Situation::Fault(kind, _) => network.families().contains(&kind.family()),
            Situation::Seen(_) => true,
        };
        self.situations.iter().copied().filter(possible)
    }

    /// The parties, with `stack` in them.
    #[must_use]
    pub fn roles(self: &Arc<Self>, stack: &Arc<dyn Stack>) -> Roles {
        let servers = (0..self.servers).map(|_| server::role(self.clone(), stack.clone())).collect();
        Roles { servers, client: client::role(self.clone(), stack.clone()), bodies: stack.bodies() }
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
    /// Beside the client a peer dials that does not speak the protocol.
    HostileClient,
    /// That number of further clients, which ask for more than they are given and never read a reply.
    DeafClients(usize),
    /// That number of peers, which hold a channel each and say nothing until the middle of the load.
    Guests(usize),
}
