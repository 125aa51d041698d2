//! One who stands between a client and a server, and forwards packets.

use std::sync::Arc;

use listenrain::forward::forward;
use listenrain::{Endpoint, PacketCodec};
use tokio::task::JoinSet;

use super::Situation;
use crate::world::Site;

/// Packets went through a forwarder both ways.
pub(super) const FORWARDED: Situation = Situation::Seen("packets forwarded both ways");

/// Starts to forward to `server` beside the client at `site`, in tasks of `beside`; gives where.
pub(super) async fn start(
    site: &Site,
    server: &Endpoint,
    packets: Arc<dyn PacketCodec>,
    beside: &mut JoinSet<()>,
) -> Result<Endpoint, String> {
    let mut listener = site.listen_beside().await?;
    let endpoint = listener.endpoint().clone();
    let mut dialer = site.forwarding.dialer(server).map_err(|error| error.to_string())?;
    let stage = site.stage.clone();
    beside.spawn(async move {
        let mut links = JoinSet::new();
        while let Ok(near) = listener.next().await {
            // A server that is not there is a client's channel that ends.
            let Ok(far) = dialer.next().await else { continue };
            let (packets, stage) = (packets.clone(), stage.clone());
            links.spawn(async move {
                if let Ok(carried) = forward(near, far, packets).await
                    && carried.there > 0
                    && carried.back > 0
                {
                    stage.situation(FORWARDED);
                }
            });
            while links.try_join_next().is_some() {}
        }
    });
    Ok(endpoint)
}
