//! `ServerLimits`: how much a server takes on at once.

use crate::connection::{BYTES, REQUESTS, check_limit};
use crate::error::OptionError;

/// How much a server takes on at once. Limits of all channels together are shared: none of them holds more than is left for
/// the others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Open channels; one more is told that the server is full, and closed. From 1 to 16,777,216; default 10,000.
    pub connections: usize,
    /// Open channels of one peer address; with one more the oldest of that address that has not asked for anything makes
    /// way, else the oldest of all. IPv6 addresses count by their first 64 bits, peers on the same host by their user. From 1
    /// to 16,777,216; default: as [`connections`](Self::connections), so that a proxy is not taken for one peer.
    pub address_connections: Option<usize>,
    /// Requests of one channel that are not answered, from their coming until their replies are written. From 1 to 1,048,576;
    /// default 1,024.
    pub requests: usize,
    /// Bytes that one channel keeps in memory beyond its first 16 KiB: of requests, replies, and packets that have partly
    /// come. From 1 to 1 TiB; default 64 MiB. A larger request is admitted alone.
    pub bytes: usize,
    /// Requests of all channels that are not answered. From 1 to 1,048,576; default 65,536.
    pub all_requests: usize,
    /// Bytes that all channels keep in memory. From 1 to 1 TiB; default 512 MiB. One packet at a time may go beyond it, lest
    /// several that have partly come wait for each other.
    pub all_bytes: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            address_connections: None,
            requests: 1024,
            bytes: 64 << 20,
            all_requests: 65_536,
            all_bytes: 512 << 20,
        }
    }
}

/// A limit of channels.
const CONNECTIONS: (usize, &str) = (1 << 24, "1 to 16777216");
impl ServerLimits {
    pub(super) fn check(&self) -> Result<(), OptionError> {
        check_limit("limits.connections", self.connections, CONNECTIONS)?;
        if let Some(connections) = self.address_connections {
            check_limit("limits.address_connections", connections, CONNECTIONS)?;
        }
        check_limit("limits.requests", self.requests, REQUESTS)?;
        check_limit("limits.bytes", self.bytes, BYTES)?;
        check_limit("limits.all_requests", self.all_requests, REQUESTS)?;
        check_limit("limits.all_bytes", self.all_bytes, BYTES)
    }
}
