//! The end of a channel as a codec and a connection see it.

use std::sync::Arc;
use std::time::Duration;

use listenrain::buffer::WriteBuffer;
use listenrain::forward::forward;
use listenrain::{
    Backoff, Client, ConnectionState, Kind, LinkError, NativePackets, Packet, PacketCodec, Protocol, RawBytes,
};
use tokio::sync::watch;

use crate::conformance::context::{Endpoints, TestContext};
use crate::conformance::failure::{Check, Failure, ensure};

pub(super) async fn truncation_detect(context: &mut TestContext) -> Check {
    let codec = NativePackets::default();
    let mut frame = WriteBuffer::new(usize::MAX);
    let packet = Packet::new(Kind::Request, 1, vec![0xA5; 300]);
    codec.encode(&packet, &mut frame)?;
    let frame = frame.take_segment().unwrap_or_default();
    for cut in [1, 19, 20, 21, 150, frame.len() - 1] {
        let mut endpoints = context.endpoints().await?;
        let (mut sender, reader) =
            tokio::try_join!(endpoints.dialer.try_next(), endpoints.listener.next_channel())?;
        let (onward, mut far) =
            tokio::try_join!(endpoints.dialer.next_channel(), endpoints.listener.try_next())?;
        let (whole, part) = (frame.len(), frame.slice(..cut));
        let dying = async move {
            sender.writer.say(part).await?;
            drop(sender);
            Ok::<_, Failure>(())
        };
        let forwarding = async { Ok(forward(reader, onward, Arc::new(NativePackets::default())).await) };
        let ((), forwarded) = tokio::try_join!(dying, forwarding)?;
        match forwarded {
            Err(LinkError::Truncated { had }) if had == cut => {}
            other => {
                return Err(Failure::new(format!(
                    "{cut} of {whole} bytes of a frame were taken for {other:?}"
                )));
            }
        }
        let passed_on = far.reader.hear(1).await?;
        ensure!(passed_on.is_none(), "{cut} of {whole} bytes of a frame were passed on");
    }
    Ok(())
}

pub(super) async fn is_active_transitions(context: &mut TestContext) -> Check {
    let Endpoints { dialer, mut listener, .. } = context.endpoints().await?;
    let endpoint = listener.endpoint().clone();
    let protocol = Protocol::builder("conformance", RawBytes).build()?;
    let pauses =
        Backoff::between(Duration::from_millis(1), Duration::from_millis(5)).seeded(context.random.draw());
    let client = Client::builder(protocol).backoff(pauses).dial(dialer.generator)?;
    let mut states = client.connection().watch();
    // Without a word from its peer a channel does not count as working after others have failed.
    let mut word = WriteBuffer::new(usize::MAX);
    let packet = Packet::new(Kind::Pong, 0, Vec::new());
    NativePackets::default().encode(&packet, &mut word)?;
    let word = word.take_segment().unwrap_or_default();
    let mut far = listener.next().await?;
    for _ in 0..3 {
        far.writer.say(word.clone()).await?;
        enter(&mut states, "working", |state| matches!(state, ConnectionState::Working)).await?;
        drop(listener);
        drop(far);
        let is_without =
            |state: &_| matches!(state, ConnectionState::Recovering | ConnectionState::Down { .. });
        enter(&mut states, "recovering or down", is_without).await?;
        listener = context.listen(&endpoint).await?;
        far = listener.next().await?;
    }
    client.close().await;
    Ok(())
}

/// Waits until the connection is as it should be.
async fn enter(
    states: &mut watch::Receiver<ConnectionState>,
    name: &str,
    is_so: impl FnMut(&ConnectionState) -> bool,
) -> Check {
    let entered = tokio::time::timeout(Duration::from_secs(5), states.wait_for(is_so)).await;
    let is_so = entered.is_ok_and(|entered| entered.is_ok());
    let now = states.borrow().to_string();
    ensure!(is_so, "the connection should be {name} by now, and is {now}");
    Ok(())
}
