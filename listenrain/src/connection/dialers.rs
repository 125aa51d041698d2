//! The dialers of a connection's lanes.

use std::sync::Arc;

use super::lane;
use crate::endpoint::Endpoint;
use crate::guard::{Foreign, guard};
use crate::transport::ChannelGenerator;

/// A dialer for each lane of a connection.
pub(crate) struct Dialers {
    pub(super) endpoint: Endpoint,
    pub(super) dialers: Vec<lane::Dialer>,
}

impl Dialers {
    /// Forks of `dialer` where it has any, else `dialer` itself for all lanes. An error is what it panicked with.
    pub(crate) fn new(dialer: Box<dyn ChannelGenerator>, lanes: usize) -> Result<Self, String> {
        let (endpoint, forks) = guard(|| {
            let forks: Option<Vec<_>> = (1..lanes).map(|_| dialer.fork()).collect();
            (dialer.endpoint().clone(), forks)
        })?;
        let own = |dialer| Arc::new(tokio::sync::Mutex::new(Foreign::new(dialer)));
        let first = own(dialer);
        let rest = match forks {
            Some(forks) => forks.into_iter().map(own).collect(),
            None => vec![Arc::clone(&first); lanes - 1],
        };
        Ok(Self { endpoint, dialers: std::iter::once(first).chain(rest).collect() })
    }
}
