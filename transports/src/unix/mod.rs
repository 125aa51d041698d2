//! Unix stream sockets: `unix:///run/x.sock`, and on Linux abstract names, `unix://@name`.
//!
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) ends one direction, the other goes on.
//! * **Abort**: both halves are over at once on this side, with `ConnectionAborted`, and the peer's writing fails. Its
//!   reading fails too, with `ConnectionReset`, where this side had left bytes unread (on Linux); otherwise it just
//!   ends. The system knows no other reset, so a packet codec has to notice a packet that was cut.
//! * **Dropping**: an orderly end, unless bytes were left unread: then the peer sees `ConnectionReset` (on Linux).
//! * **Backpressure**: the sender's socket buffer on Linux, those of both ends elsewhere; see [`UnixOptions`].
//! * **Peers that have proved nothing**: a connection is a channel as soon as it is accepted, since the system says at once
//!   who the peer is; until then they wait in the system's queue ([`UnixOptions::backlog`]). A peer that never sends costs no
//!   read buffer.
//! * **Peer identity**: process, user and group as the system knows them, in
//!   [`credentials`](listenrain::ChannelFacts::credentials) on both sides. A listener may turn away peers by their user:
//!   [`UnixOptions::allow_uid`].
//!
//! A path is absolute; what an endpoint cannot hold, such as white space, `%` or `?`, is percent-encoded. How a path is
//! taken and given back, and when a socket that is left over is removed, stands in [`claim`]. An abstract name leaves
//! nothing behind, and has no permissions: any process in the network namespace may dial it.
//!
//! A dialling socket has no name of its own. On Linux the system chooses an abstract one for it, so that both sides know
//! the same two endpoints; elsewhere, or where it has none to give, the dialer's endpoint is `None` on both sides.

mod address;
pub mod claim;
mod dial;
mod listen;
mod options;
mod socket;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use listenrain::{Endpoint, EndpointError, TransportId};

use self::address::Address;
use self::dial::Target;
use self::listen::Listener;
use crate::transport::{of_scheme, transport};

pub use self::options::UnixOptions;

const SCHEME: &str = "unix";

/// The transport of `unix://` endpoints. Cloning it shares what it has counted.
#[derive(Debug, Clone)]
pub struct Unix {
    options: UnixOptions,
    turned_away: Arc<AtomicU64>,
    scratch: Arc<Scratch>,
    id: TransportId,
}

transport! {
    Unix: of_scheme(SCHEME), UnixOptions, [half_close, peer_identity, between_processes];
}

impl Unix {
    /// How many peers its listeners have turned away so far because [`UnixOptions::allow_uid`] does not name their user.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        let (address, options) = (Address::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        if let (Address::Abstract(_), Some((name, _))) =
            (&address, endpoint.options().find(|(name, _)| matches!(*name, "mode" | "owner")))
        {
            let why = format!("option `{name}` is for a path; an abstract name has no permissions");
            return Err(endpoint.invalid(why));
        }
        Ok(Target { endpoint, address, options, turned_away: self.turned_away.clone() })
    }

    fn scratch(&self) -> Endpoint {
        Address::Path(self.scratch.fresh_path(&std::env::temp_dir())).endpoint()
    }
}

impl Default for Unix {
    fn default() -> Self {
        let (options, turned_away) = (UnixOptions::default(), Arc::default());
        Self { options, turned_away, scratch: Arc::new(Scratch::new()), id: TransportId::new() }
    }
}

/// Fresh paths, told from those of other instances and processes by a random number.
#[derive(Debug)]
struct Scratch {
    instance: u32,
    count: AtomicU64,
}

impl Scratch {
    fn new() -> Self {
        let random = RandomState::new().build_hasher().finish();
        Self { instance: (random >> 32) as u32, count: AtomicU64::new(0) }
    }

    /// A path below `folder`, or below `/tmp` when that one is too deep for a socket or not absolute.
    fn fresh_path(&self, folder: &Path) -> PathBuf {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("listenrain-{}-{:08x}-{count}.sock", std::process::id(), self.instance);
        let path = folder.join(&name);
        let fits = path.is_absolute() && path.as_os_str().len() <= address::MAX_LEN;
        if fits { path } else { Path::new("/tmp").join(&name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain::Transport;

    #[test]
    fn scratch_paths_differ_and_fit_even_when_the_temporary_directory_is_deep() {
        let (one, other) = (Unix::default(), Unix::default());
        let endpoints = [one.scratch(), one.scratch(), other.scratch()];
        assert!(endpoints[0] != endpoints[1] && endpoints[0] != endpoints[2] && endpoints[1] != endpoints[2]);
        for folder in ["relative", &format!("/{}", "deep/".repeat(30))] {
            let path = one.scratch.fresh_path(Path::new(folder));
            assert!(path.starts_with("/tmp") && path.as_os_str().len() <= address::MAX_LEN, "{path:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn permissions_of_an_abstract_name_are_refused_since_there_are_none() {
        for option in ["mode=0600", "owner=0"] {
            let endpoint = format!("unix://@name?{option}").parse().unwrap();
            let error = Unix::default().dialer(&endpoint).err().unwrap();
            assert!(error.why.contains("no permissions"), "{error}");
        }
    }
}
