//! Name resolution.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use listenrain::BoxFuture;

/// Asked for the addresses of a name, at every dial anew.
///
/// # Contract
///
/// 1. The answer stands in the order of preference. Answers are not kept: a resolver that wants to may.
/// 2. Its future may be dropped at any await point.
pub trait Resolve: Send + Sync + Debug + 'static {
    /// The addresses of `host`, each with `port`.
    ///
    /// # Errors
    ///
    /// When the name is unknown or no name server answers. The dial fails with it, and may be tried again.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Asks the system (`getaddrinfo`), on a thread where blocking is allowed.
///
/// A dial that is dropped stops waiting for the answer; the thread itself comes back when the system answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}
