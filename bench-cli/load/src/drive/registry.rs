//! The transports and stacks that the tool knows.

use std::sync::Arc;

use listenrain::{Endpoint, Transport};
use listenrain_transports::{Registry as Transports, registry::RegistryError};

use crate::drive::{Bare, Floor, InPlace, ListenRain, Stack};

/// What can be measured: transports by scheme, stacks by name.
///
/// A program of your own that registers a transport here and calls `bench_cli::main_with` is the whole tool,
/// for that transport too.
#[derive(Debug, Clone)]
pub struct Registry {
    transports: Transports,
    stacks: Vec<Arc<dyn Stack>>,
    allocator: &'static str,
}

impl Registry {
    /// The stacks, and no transport yet.
    #[must_use]
    pub fn empty() -> Self {
        let stacks: Vec<Arc<dyn Stack>> =
            vec![Arc::new(ListenRain), Arc::new(Bare), Arc::new(Floor), Arc::new(InPlace)];
        Self { transports: Transports::new(), stacks, allocator: "system" }
    }

    /// The stacks and transports that come with the tool.
    #[must_use]
    pub fn standard() -> Self {
        Self { transports: listenrain_transports::all(), ..Self::empty() }
    }

    /// The same with `transport`. One of the same scheme is replaced.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let others =
            self.transports.list().filter(|known| !known.scheme().eq_ignore_ascii_case(transport.scheme()));
        let mut transports = Transports::new();
        for transport in others.cloned().chain([transport.clone()]) {
            // Their schemes differ.
            let _ = transports.register(transport);
        }
        self.transports = transports;
        self
    }

    /// The same with `stack` before those that are there: the first is the default.
    #[must_use]
    pub fn with_stack(mut self, stack: impl Stack) -> Self {
        self.stacks.retain(|known| known.name() != stack.name());
        self.stacks.insert(0, Arc::new(stack));
        self
    }

    /// The same with `stack` behind those that are there, measured where it is asked for.
    #[must_use]
    pub fn with_peer(mut self, stack: impl Stack) -> Self {
        self.stacks.push(Arc::new(stack));
        self
    }

    /// The same, in a program whose global allocator has this name: runs say so.
    #[must_use]
    pub fn with_allocator(mut self, name: &'static str) -> Self {
        self.allocator = name;
        self
    }

    /// The allocator's name, as run files have it.
    pub fn allocator(&self) -> &'static str {
        self.allocator
    }

    /// All transports in the order in which they were registered.
    pub fn transports(&self) -> impl Iterator<Item = &Arc<dyn Transport>> {
        self.transports.list()
    }

    /// The transport of exactly that scheme.
    #[must_use]
    pub fn transport(&self, scheme: &str) -> Option<&Arc<dyn Transport>> {
        self.transports().find(|known| known.scheme() == scheme)
    }

    /// The transport that understands `endpoint`, such as `quic` for `quic+selfsigned://127.0.0.1:0`.
    ///
    /// # Errors
    ///
    /// What there is instead, or which feature is off.
    pub fn for_endpoint(&self, endpoint: &Endpoint) -> Result<&Arc<dyn Transport>, RegistryError> {
        self.transports.for_endpoint(endpoint)
    }

    /// The names of all transports.
    #[must_use]
    pub fn schemes(&self) -> Vec<&str> {
        self.transports().map(|known| known.scheme()).collect()
    }

    /// All stacks, the default first.
    #[must_use]
    pub fn stacks(&self) -> &[Arc<dyn Stack>] {
        &self.stacks
    }

    /// The stack of that name.
    #[must_use]
    pub fn stack(&self, name: &str) -> Option<&Arc<dyn Stack>> {
        self.stacks.iter().find(|known| known.name() == name)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}
