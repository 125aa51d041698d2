//! Named pipes, for the processes of one user on one host: `fifo:///run/x`.
//!
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) marks and closes one pipe; the other
//!   goes on.
//! * **Abort**: a pipe has no reset, but its end without a mark is one: see below. What was written may still be read
//!   before it. A local read that waits ends with `ConnectionAborted`, so that its owner can let go of it.
//! * **Dropping**: as a shutdown. When bytes were left unread, or when a process dies without dropping its channel, the
//!   peer reads `ConnectionReset`. Writing to a peer whose read half is gone is a `BrokenPipe`; the system also sends
//!   `SIGPIPE`, which Rust programs ignore unless told otherwise.
//! * **Backpressure**: each direction holds as many bytes as its pipe, see [`FifoOptions::pipe_size`].
//! * **Peers that have proved nothing**: a request comes whole or not at all and is answered without waiting for its sender, so
//!   no dialer holds up another. What waits to be accepted is bounded by [`FifoOptions::backlog`], the requests behind it by
//!   the rendezvous' pipe.
//! * **Peer identity**: the user and group that own the pipe's file, as
//!   [`credentials`](listenrain::ChannelFacts::credentials). No process: the system vouches for none.
//!
//! A listener must run in a tokio runtime, and serves no longer than that runtime does.
//!
//! # On disk
//!
//! | path | mode | what |
//! |---|---|---|
//! | `/run/x` | 0600 | the rendezvous: a pipe that the listener reads and dialers write |
//! | `/run/x.pairs/` | 0700 | the directory of the pairs; the listener keeps it locked (`flock`) |
//! | `/run/x.pairs/NAME.up`, `NAME.down` | 0600 | a pair: towards the listener, towards the dialer |
//!
//! Only one user's processes can meet there, whatever the parent directory allows: each side refuses files that are
//! not its own user's. Who else may write the parent directory can remove or replace these files, and so keep dialers
//! away, but cannot get at a connection. The file system must know named pipes and locks. A path is absolute; what an
//! endpoint cannot hold, such as white space, `%` or `?`, is percent-encoded.
//!
//! # How a connection comes about
//!
//! 1. The dialer opens the rendezvous for writing without waiting. When there is none, or none that is read, it
//!    is refused at once.
//! 2. It makes a pair under a name of 128 random bits, and opens both ends of both pipes, so that neither can end.
//! 3. It writes one request of 40 bytes with that name into the rendezvous: all at once, so that many dialers never mix.
//! 4. The listener reads it and takes its two ends, after it has made sure that they are pipes of its user, with mode
//!    0600 and no other name, and are below its own directory; a name is digits only, so it cannot lead elsewhere. It
//!    removes both names, and answers with one byte, its version, which is the first one in the pipe towards the dialer.
//! 5. The dialer has its answer, and closes the ends that are the listener's.
//!
//! From then on the connection is two pipes without names, and each side holds two descriptors. What waits in the
//! backlog is already answered; when the listener goes, its dialers read `ConnectionReset`. A dialer that waits for its
//! answer sees the listener go by the rendezvous having no reader any more, and is refused.
//!
//! # How a connection ends
//!
//! A pipe tells its reader that no writer is left, and never why. So a writer that ends in an orderly way first takes
//! the right to write away from the pipe's file (mode 0400); the reader that comes to the end looks at the mode. An end
//! without that mark is a reset. It costs nothing while bytes flow, and it needs the process to remain the user that it
//! was when the connection was made. As a crash is no orderly end here, neither is `exit` with a channel still open.
//!
//! # What is left on disk
//!
//! Nothing: a listener that is dropped removes the rendezvous, all pairs and their directory, and a dial that fails or
//! is dropped its pair. When a listener's process is killed its files stay until the next listener comes: it takes the
//! lock, which the system has freed, finds that the rendezvous is not read, and clears away what is there. When a
//! dialer's process is killed before it is answered, a living listener removes its pair; see
//! [`FifoOptions::connect_timeout`].

mod accept;
mod claim;
mod dial;
mod halves;
mod listen;
mod name;
mod open;
mod options;
mod pair;
mod place;
mod request;
mod size;
mod sweep;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use listenrain::{Endpoint, EndpointError, TransportId};

use self::dial::Target;
use self::listen::Listener;
use self::name::Name;
use self::place::Place;
use crate::paths::encode;
use crate::transport::{of_scheme, transport};

pub use self::options::FifoOptions;
pub use crate::entropy::{Entropy, SystemEntropy};

const SCHEME: &str = "fifo";

/// Of the request, the answer and the mark.
const VERSION: u8 = 1;

/// The transport of `fifo://` endpoints. Cloning it shares its source of random bytes.
#[derive(Debug, Clone)]
pub struct Fifo {
    options: FifoOptions,
    entropy: Arc<dyn Entropy>,
    id: TransportId,
}

transport! {
    Fifo: of_scheme(SCHEME), FifoOptions, [half_close, abort, between_processes];

    /// The same transport, naming pairs by `entropy`. A process of the same user that can guess its bytes can take a
    /// connection that is being dialled.
    with_entropy(entropy: Arc<dyn Entropy>) => entropy = entropy;
}

impl Fifo {
    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        if endpoint.is_list() {
            return Err(endpoint.invalid("is a list; write a path like fifo:///run/x"));
        }
        let (place, options) = (Place::of(&endpoint)?, self.options.with_endpoint(&endpoint)?);
        Ok(Target { endpoint, place, options, entropy: self.entropy.clone() })
    }

    /// A path below the directory for temporary files.
    fn scratch(&self) -> Endpoint {
        let name = Name::fresh(&*self.entropy).expect("a running system has random bytes");
        scratch(&std::env::temp_dir(), name)
            .or_else(|| scratch(Path::new("/tmp"), name))
            .expect("digits below /tmp are a legal address")
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self { options: FifoOptions::default(), entropy: Arc::new(SystemEntropy), id: TransportId::new() }
    }
}

/// `None` when `directory` cannot be the start of a place.
fn scratch(directory: &Path, name: Name) -> Option<Endpoint> {
    let path = directory.join(format!("listenrain-{name}"));
    let endpoint = Endpoint::new(SCHEME, &encode(path.as_os_str().as_bytes())).ok()?;
    Place::of(&endpoint).ok().map(|_| endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_endpoint_is_fresh_and_needs_a_directory_that_can_be_one() {
        let fifo = Fifo::default();
        assert_ne!(fifo.scratch(), fifo.scratch());
        let name = Name::of([0xaa; 16]);
        for directory in ["relative", &format!("/{}", "deep/".repeat(900))] {
            assert_eq!(scratch(Path::new(directory), name), None);
        }
        let odd = scratch(Path::new("/odd ?"), name).unwrap();
        assert_eq!(odd.to_string(), format!("fifo:///odd%20%3F/listenrain-{name}"));
    }
}
