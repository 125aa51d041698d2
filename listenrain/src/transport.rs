//! `Transport` and `ChannelGenerator`: where channels come from.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};

pub use crate::channel::BoxFuture;
use crate::channel::Channel;
use crate::endpoint::{Endpoint, EndpointError};
pub use crate::error::NextError;
use crate::identity::Identity;
use crate::sync::lock;

/// Asked for the next channel: a dialer on the client's side, a listener on the server's.
///
/// # Contract
///
/// 1. Each `Ok` is a fresh, open channel. Dropping a channel closes it; the generator keeps nothing of it.
/// 2. [`next`](Self::next) may be dropped at any await point: a listener loses no connection that is queued, a dialer
///    leaks none that is half open.
/// 3. [`NextError::is_final`] says whether to ask again. After a final error every further call fails the same way.
/// 4. Dropping a listener frees its endpoint; channels that it gave live on.
pub trait ChannelGenerator: Send + 'static {
    /// The next channel: dials once, or waits for a peer to come. Deadlines and backing off are the caller's business.
    ///
    /// # Errors
    ///
    /// [`NextError`], which says whether asking again can help.
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>>;

    /// What it dials, or where it really listens (with the port that the system chose).
    fn endpoint(&self) -> &Endpoint;

    /// Another dialer of the same endpoint, which may be asked while this one is: the lanes of a connection then dial side
    /// by side. Both share what channels of one dialer share. Default: `None`, and lanes dial one after the other.
    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        None
    }
}

/// A generator of a closure that makes the next channel: the quickest way to a transport of one's own.
///
/// Its forks call the same closure, one at a time; the futures that it returns run side by side.
pub fn generator<F, R>(endpoint: Endpoint, next: F) -> Box<dyn ChannelGenerator>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<Channel, NextError>> + Send + 'static,
{
    struct FromFn<F>(Endpoint, Arc<Mutex<F>>);

    impl<F, R> ChannelGenerator for FromFn<F>
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<Channel, NextError>> + Send + 'static,
    {
        fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
            Box::pin((*lock(&self.1))())
        }

        fn endpoint(&self) -> &Endpoint {
            &self.0
        }

        fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
            Some(Box::new(Self(self.0.clone(), Arc::clone(&self.1))))
        }
    }

    Box::new(FromFn(endpoint, Arc::new(Mutex::new(next))))
}

/// Tells one transport from another: what a pool shares between callers must not cross from one to the other, since they
/// may trust other certificates or reach another network. Clones are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportId(Identity);

impl TransportId {
    /// An id that no other transport has.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(Identity::new())
    }
}

/// A named way to make both generators for an endpoint.
///
/// What it reaches (sockets, entropy, an in-process registry) belongs to the instance: nothing is global. See
/// `bench-cli/examples/custom_transport.rs` for a whole one.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Its name and the scheme of its endpoints, in lower case.
    fn scheme(&self) -> &str;

    /// What its channels can do beyond carrying bytes.
    fn capabilities(&self) -> Capabilities;

    /// The options that its endpoints take; by default none. A tool shows them to its user.
    fn options(&self) -> Vec<OptionInfo> {
        Vec::new()
    }

    /// A generator that dials `endpoint`. Does no I/O yet.
    ///
    /// # Errors
    ///
    /// When the endpoint is none of this transport's, or its options are unknown or out of range.
    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError>;

    /// A generator that listens at `endpoint`, already bound when it is returned.
    ///
    /// # Errors
    ///
    /// When the endpoint is none of this transport's, or cannot be bound.
    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>>;

    /// An endpoint of its own to listen at, for tests and benchmarks: a free port, a temporary path, a fresh name.
    fn scratch_endpoint(&self) -> Endpoint;

    /// Its listeners look now whether what they read from files, such as certificates, has been renewed. Returns at once; what has
    /// not changed stays, and so does what cannot be read. Default: does nothing.
    fn reload(&self) {}

    /// What tells it from transports that trust or reach something else; clones that trust and reach the same may share it.
    /// Default: `None`, and its connections cannot be [pooled](crate::Client::pooled).
    fn id(&self) -> Option<TransportId> {
        None
    }
}

/// What one option is, for people to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionInfo {
    /// Its name, as in an endpoint.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub meaning: &'static str,
    /// Which values are allowed, with their unit and bounds.
    pub allowed: &'static str,
    /// Its default, as a value that may be given.
    pub default: &'static str,
}

impl OptionInfo {
    /// An option as its transport describes it.
    #[must_use]
    pub const fn new(
        name: &'static str,
        meaning: &'static str,
        allowed: &'static str,
        default: &'static str,
    ) -> Self {
        Self { name, meaning, allowed, default }
    }
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $field:ident: $name:literal,)*) => {
        /// What a transport's channels can do beyond carrying bytes. Cases that need one that is missing are skipped.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Capabilities {
            $($(#[$doc])* pub $field: bool,)*
        }

        impl Capabilities {
            /// What both can do.
            #[must_use]
            pub fn and(self, other: Self) -> Self {
                Self { $($field: self.$field && other.$field,)* }
            }

            /// The names of those that are there, for people to read.
            #[must_use]
            pub fn names(&self) -> Vec<&'static str> {
                [$((self.$field, $name),)*].into_iter().filter_map(|(there, name)| there.then_some(name)).collect()
            }
        }
    };
}

capabilities! {
    /// One direction can end in an orderly way while the other goes on.
    half_close: "half-close",
    /// An abort reaches the peer as an error, not as an orderly end.
    abort: "abort",
    /// Whole `Bytes` are moved, not copied.
    moves_bytes: "moves-bytes",
    /// The peer's process or certificate is known.
    peer_identity: "peer-identity",
    /// Bytes are encrypted on their way.
    encrypted: "encrypted",
    /// Both ends may live in different processes.
    between_processes: "between-processes",
    /// Both ends may live on different hosts.
    between_hosts: "between-hosts",
    /// Several channels to the same endpoint share one connection below.
    grouped_lanes: "grouped-lanes",
}
