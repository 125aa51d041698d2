//! A forwarder of packets between a client and a server.

use std::sync::Arc;

use listenrain::forward::forward;
use listenrain::{Endpoint, PacketCodec};
use tokio::task::JoinSet;

use super::Situation;
use crate::network::Node;

/// Packets went through a forwarder both ways.
pub(super) const FORWARDED: Situation = Situation::Seen("packets forwarded both ways");

/// Starts to forward to `server` beside the client at `node`, in tasks of `beside`; gives where.
pub(super) async fn start(
    node: &Node,
    server: &Endpoint,
    packets: Arc<dyn PacketCodec>,
    beside: &mut JoinSet<()>,
) -> Result<Endpoint, String> {
    let mut listener = node.listen_beside().await?;
    let endpoint = listener.endpoint().clone();
    let mut dialer = node.forwarding.dialer(server).map_err(|error| error.to_string())?;
    let context = node.context.clone();
    beside.spawn(async move {
        let mut links = JoinSet::new();
        while let Ok(near) = listener.next().await {
            // A server that is not there is a client's channel that ends.
            let Ok(far) = dialer.next().await else { continue };
            let (packets, context) = (packets.clone(), context.clone());
            links.spawn(async move {
                if let Ok(carried) = forward(near, far, packets).await
                    && carried.there > 0
                    && carried.back > 0
                {
                    context.situation(FORWARDED);
                }
            });
            while links.try_join_next().is_some() {}
        }
    });
    Ok(endpoint)
}
