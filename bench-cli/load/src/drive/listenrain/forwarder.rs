//! A forwarding plane between client and server, to measure what it costs.

use std::sync::Arc;

use ::listenrain::forward::forward;
use ::listenrain::{ChannelGenerator, Endpoint, PacketCodec, Transport};

use crate::drive::StackError;

/// Listens at an endpoint of its own and carries every channel's packets to `upstream` and back. Gives where it
/// listens; its tasks end with the runtime.
pub(super) async fn start(
    transport: Arc<dyn Transport>,
    upstream: Endpoint,
    packets: Arc<dyn PacketCodec>,
) -> Result<Endpoint, StackError> {
    let listener = transport.listen(&transport.scratch_endpoint()).await?;
    let endpoint = listener.endpoint().clone();
    tokio::spawn(accept(listener, transport, upstream, packets));
    Ok(endpoint)
}

async fn accept(
    mut listener: Box<dyn ChannelGenerator>,
    transport: Arc<dyn Transport>,
    upstream: Endpoint,
    packets: Arc<dyn PacketCodec>,
) {
    while let Ok(channel) = listener.next().await {
        let Ok(mut dialer) = transport.dialer(&upstream) else { return };
        let packets = Arc::clone(&packets);
        tokio::spawn(async move {
            // A channel that cannot be carried on is dropped, and its client sees it end.
            if let Ok(onward) = dialer.next().await {
                let _ = forward(channel, onward, packets).await;
            }
        });
    }
}
