//! SCTP over a network in memory, with a paused clock: faults, hostile peers, and what is given back. And over real
//! sockets, with real threads.

mod ends;
mod lanes;
mod limits;
mod makes_way;
mod packet;
mod paths;
mod peer;
mod real;
mod rules;
mod unknown_peers;

use crate::support::network::{Network, Seeded};
use crate::support::*;
use listenrain_transports::Sctp;
use listenrain_transports::sctp::SctpOptions;

/// A transport over a network of its own.
fn on(network: &Network, options: SctpOptions) -> Sctp {
    let seed = 7;
    Sctp::new(options).unwrap().with_udp(Arc::new(network.clone())).with_entropy(Seeded::new(seed))
}

/// A listener, and a dialer for it.
async fn both_ends(transport: &Sctp) -> (Box<dyn ChannelGenerator>, Box<dyn ChannelGenerator>) {
    let endpoint = "sctp://10.0.0.2:7000".parse().unwrap();
    at(transport as &dyn Transport, &endpoint).await
}

/// Both ends of one channel, with what made them.
struct Linked {
    network: Network,
    near: Channel,
    far: Channel,
    listener: Box<dyn ChannelGenerator>,
    dialer: Box<dyn ChannelGenerator>,
}

/// Both ends of a channel on a network of its own.
async fn linked(options: SctpOptions) -> Linked {
    let network = Network::new(1);
    linked_on(&network, &on(&network, options)).await
}

async fn linked_on(network: &Network, transport: &Sctp) -> Linked {
    let (mut listener, mut dialer) = both_ends(transport).await;
    let (near, far) = connect(&mut *listener, &mut *dialer).await;
    Linked { network: network.clone(), near, far, listener, dialer }
}
