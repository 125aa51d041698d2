//! What the tool works with: this repository's, or a user's own.

use std::process::ExitCode;
use std::sync::Arc;

use crate::lineup::Lineup;
use crate::scenario::{self, Scenario};
use crate::stack::{Library, Stack};
use crate::world::{self, World};

/// The tool, as a program of your own has it.
///
/// ```no_run
/// use listenrain_simulation::Tool;
/// use listenrain_simulation::world::Local;
/// use listenrain_transports::InProcess;
///
/// fn main() -> std::process::ExitCode {
///     let mine = || std::sync::Arc::new(InProcess::default()) as _;
///     Tool::default().world(Local::simulated("mine", "my transport, simulated time", mine)).main()
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Tool {
    pub(super) lineup: Lineup,
    pub(super) worlds: Vec<Arc<dyn World>>,
    pub(super) scenarios: Vec<Arc<Scenario>>,
    pub(super) stack: Arc<dyn Stack>,
}

impl Default for Tool {
    /// The transports, worlds and scenarios of this repository, and the library with its own protocol.
    fn default() -> Self {
        Self {
            lineup: Lineup::ours(),
            worlds: world::all(),
            scenarios: scenario::all(),
            stack: Arc::new(Library::native()),
        }
    }
}

impl Tool {
    /// `conformance` tests the transports of `lineup`.
    pub fn lineup(mut self, lineup: Lineup) -> Self {
        self.lineup = lineup;
        self
    }

    /// Scenarios are played on `world` too, unless a command line chooses. One of the same name is replaced.
    pub fn world(mut self, world: impl World) -> Self {
        self.worlds.retain(|other| other.name() != world.name());
        self.worlds.push(Arc::new(world));
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
