//! A channel inside one process: `channel://name`.
//!
//! `Bytes` are moved, never copied nor split (unless a [`Control`] asks for short reads or writes).
//!
//! * **Dialling**: A dial never waits: it gives a channel or is refused at once.
//! * **Half-close**: a shutdown lets the peer read what was written, then the end; the other direction goes on.
//! * **Abort**: both directions are over at once and what waited is gone. The peer sees `ConnectionReset`, this side
//!   `ConnectionAborted`.
//! * **Dropping**: as a shutdown. Writing to a peer whose read half is gone is a `BrokenPipe`. When the last half of a
//!   side goes and it had left bytes unread, the peer sees `ConnectionReset`, as with TCP.
//! * **Backpressure**: each direction holds a bounded number of bytes and of chunks, see [`ChannelOptions`].
//! * **Peer identity**: none; both ends are one process.
//!
//! Names belong to an [`InProcess`] and its clones; nothing is global. [`pair`] needs no name at all. [`Control`] makes
//! the channels of a name slow, stuck or broken, for tests.

mod control;
mod generators;
mod halves;
mod link;
mod name;
mod options;
mod pipe;

use std::sync::Arc;

use listenrain::{Channel, ChannelFacts, Endpoint, EndpointError, TransportId};

use self::generators::{Listener, Target};
use self::link::{Link, Side};
use self::name::Names;
use crate::transport::{of_scheme, transport};

pub use self::control::{Control, Direction, Faults};
pub use self::options::ChannelOptions;

const SCHEME: &str = "channel";

/// The transport of `channel://` endpoints. Cloning it shares its names; another instance has names of its own.
#[derive(Debug, Clone)]
pub struct InProcess {
    options: ChannelOptions,
    names: Arc<Names>,
    id: TransportId,
}

transport! {
    InProcess: of_scheme(SCHEME), ChannelOptions, [half_close, abort, moves_bytes];
}

impl InProcess {
    /// A handle that makes the channels of `name` slow, stuck or broken, those that are open and those to come.
    ///
    /// What it sets lasts as long as a handle, a listener or a channel of this name.
    #[must_use]
    pub fn control(&self, name: &str) -> Control {
        Control::new(self.names.named(name))
    }

    fn target(&self, endpoint: Endpoint) -> Result<Target, EndpointError> {
        if endpoint.address().contains('#') {
            return Err(endpoint.invalid("a name cannot hold `#`, which stands before the number of a dial"));
        }
        let options = self.options.with_endpoint(&endpoint)?;
        Ok(Target { names: self.names.clone(), endpoint, options })
    }

    fn scratch(&self) -> Endpoint {
        Endpoint::new(SCHEME, &self.names.fresh()).expect("it holds only letters, digits and a dash")
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self { options: ChannelOptions::default(), names: Arc::default(), id: TransportId::new() }
    }
}

/// Two ends of one channel with the default [`ChannelOptions`], without a name and without a runtime.
#[must_use]
pub fn pair() -> (Channel, Channel) {
    let options = ChannelOptions::default();
    let link = Link::new(None, [options.limits(), options.limits()], [Faults::default(); 2]);
    let facts = ChannelFacts::new(SCHEME);
    (link.channel(Side::Dialer, facts.clone()), link.channel(Side::Listener, facts))
}

/// The dialling end of the `number`th dial; with the listener's name, so that one can see where it went.
fn endpoint_of_dial(dialled: &Endpoint, number: u64) -> Endpoint {
    let address = format!("{}#{number}", dialled.address());
    dialled.clone().with_address(address)
}
