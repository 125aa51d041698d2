//! The transports and stacks that the tool knows.

use std::sync::Arc;

use listenrain::Transport;
use listenrain_transports::channel::ChannelOptions;
use listenrain_transports::options::OptionInfo;
use listenrain_transports::tcp::TcpOptions;
use listenrain_transports::{InProcess, Tcp};

use crate::stack::{Bare, ListenRain, Stack};

/// What can be measured: transports by scheme, stacks by name.
///
/// A program of your own that registers a transport here and calls [`main_with`](crate::main_with) is the whole tool,
/// for that transport too.
#[derive(Debug, Clone)]
pub struct Registry {
    transports: Vec<Registered>,
    stacks: Vec<Arc<dyn Stack>>,
    allocator: &'static str,
}

/// One transport and what its user may set.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The transport.
    pub transport: Arc<dyn Transport>,
    /// Its endpoints' options: each one's name, then its meaning with what is allowed and the default.
    pub options: Vec<(String, String)>,
}

impl Registry {
    /// The stacks, and no transport yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            transports: Vec::new(),
            stacks: vec![Arc::new(ListenRain), Arc::new(Bare)],
            allocator: "system",
        }
    }

    /// The stacks and transports that come with the tool.
    #[must_use]
    pub fn standard() -> Self {
        Self::empty()
            .with_options(Tcp::default(), TcpOptions::list().map(described))
            .with_options(InProcess::default(), ChannelOptions::list().map(described))
    }

    /// The same with `transport`. One of the same scheme is replaced.
    #[must_use]
    pub fn with(self, transport: impl Transport) -> Self {
        self.with_options(transport, [("", ""); 0])
    }

    /// The same with `transport`, whose endpoints take `options`: each one's name, then its meaning, as
    /// `bench-cli transports` shows it.
    #[must_use]
    pub fn with_options<N: Into<String>, M: Into<String>>(
        mut self,
        transport: impl Transport,
        options: impl IntoIterator<Item = (N, M)>,
    ) -> Self {
        self.transports.retain(|known| known.transport.scheme() != transport.scheme());
        self.transports.push(Registered {
            transport: Arc::new(transport),
            options: options.into_iter().map(|(name, meaning)| (name.into(), meaning.into())).collect(),
        });
        self
    }

    /// The same with `stack` before those that are there: the first is the default, `bare` the last.
    #[must_use]
    pub fn with_stack(mut self, stack: impl Stack) -> Self {
        self.stacks.retain(|known| known.name() != stack.name());
        self.stacks.insert(0, Arc::new(stack));
        self
    }

    /// The same, in a program whose global allocator has this name: runs say so.
    #[must_use]
    pub fn with_allocator(mut self, name: &'static str) -> Self {
        self.allocator = name;
        self
    }

    pub(crate) fn allocator(&self) -> &'static str {
        self.allocator
    }

    /// All transports in the order in which they were registered.
    #[must_use]
    pub fn transports(&self) -> &[Registered] {
        &self.transports
    }

    /// The transport of that scheme.
    #[must_use]
    pub fn transport(&self, scheme: &str) -> Option<&Registered> {
        self.transports.iter().find(|known| known.transport.scheme() == scheme)
    }

    /// The names of all transports.
    #[must_use]
    pub fn schemes(&self) -> Vec<&str> {
        self.transports.iter().map(|known| known.transport.scheme()).collect()
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

fn described(option: &OptionInfo) -> (&'static str, String) {
    let OptionInfo { name, meaning, allowed, default, .. } = option;
    (name, format!("{meaning}; {allowed}; default {default}"))
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}
