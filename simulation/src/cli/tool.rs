//! Configuration of the tool: transports, networks, scenarios and stack.

use std::process::ExitCode;
use std::sync::Arc;

use crate::network::{self, Network};
use crate::registry::Subjects;
use crate::scenario::{self, Scenario};
use crate::stack::{Library, Stack};

/// The tool, as a program of your own has it.
///
/// ```no_run
/// use listenrain_simulation::Tool;
/// use listenrain_simulation::network::Local;
/// use listenrain_transports::InProcess;
///
/// fn main() -> std::process::ExitCode {
///     let mine = || std::sync::Arc::new(InProcess::default()) as _;
///     Tool::default().network(Local::simulated("mine", "my transport, simulated time", mine)).main()
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Tool {
    pub(super) registry: Subjects,
    pub(super) networks: Vec<Arc<dyn Network>>,
    pub(super) scenarios: Vec<Arc<Scenario>>,
    pub(super) stack: Arc<dyn Stack>,
}

impl Default for Tool {
    /// The transports, networks and scenarios of this repository, and the library with its own protocol.
    fn default() -> Self {
        Self {
            registry: Subjects::ours(),
            networks: network::all(),
            scenarios: scenario::all(),
            stack: Arc::new(Library::native()),
        }
    }
}

impl Tool {
    /// `conformance` tests the transports of `registry`.
    pub fn registry(mut self, registry: Subjects) -> Self {
        self.registry = registry;
        self
    }

    /// Scenarios are played on `network` too, unless a command line chooses. One of the same name is replaced.
    pub fn network(mut self, network: impl Network) -> Self {
        self.networks.retain(|other| other.name() != network.name());
        self.networks.push(Arc::new(network));
        self
    }

    /// `scenario` is played too, unless a command line chooses. One of the same name is replaced.
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.scenarios.retain(|other| other.name != scenario.name);
        self.scenarios.push(Arc::new(scenario));
        self
    }

    /// Scenarios are played with `stack` as client and servers.
    pub fn stack(mut self, stack: impl Stack) -> Self {
        self.stack = Arc::new(stack);
        self
    }

    /// The same with a stack that is shared.
    pub fn shared_stack(mut self, stack: Arc<dyn Stack>) -> Self {
        self.stack = stack;
        self
    }

    /// Runs the tool on this process's arguments. See [`main_with`](crate::main_with) for what it needs of a program.
    #[must_use]
    pub fn main(self) -> ExitCode {
        super::obey(&self)
    }
}
