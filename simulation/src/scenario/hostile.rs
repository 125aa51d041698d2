//! Hostile peers, which do not speak the protocol.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, Endpoint, Kind, Packet, PacketCodec};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Situation;
use crate::network::Node;
use crate::random::Random;

/// Accepts channels, and treats each of them badly, until the clients are done.
pub(super) async fn serve(node: &Node) {
    let mut listener = match node.listen().await {
        Ok(listener) => listener,
        Err(why) => return node.context.violation(format!("{} could not listen: {why}", node.name)),
    };
    node.announce(listener.endpoint().clone());
    let mut channels = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = node.context.over() => break,
            accepted = listener.next() => match accepted {
                Ok(channel) => {
                    let random = node.context.random("hostile");
                    channels.spawn(abuse(node.clone(), channel, random));
                }
                Err(error) if error.is_final => break,
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
        }
    }
    channels.shutdown().await;
}

/// Dials the servers again and again, and treats each channel badly, for ever.
pub(super) async fn bother(node: Node, servers: Vec<Endpoint>, packets: Arc<dyn PacketCodec>) {
    let mut random = node.context.random("bother");
    loop {
        let endpoint = &servers[random.below(servers.len())];
        let Ok(mut dialer) = node.bare.dialer(endpoint) else { return };
        if let Ok(Ok(channel)) = timeout(Duration::from_secs(1), dialer.next()).await {
            let once = Random::new(random.draw());
            match random.one_in(3) {
                true => half_a_packet(channel, &*packets).await,
                false => abuse(node.clone(), channel, once).await,
            }
        }
        sleep(Duration::from_millis(1 + random.below(60) as u64)).await;
    }
}

/// What the peer was sent that is no packet.
const GARBAGE: &str = "garbage in place of a packet";
/// What the peer was sent that claims more bytes than there ever are.
const CLAIM: &str = "a claimed length without its bytes";
/// The peer was sent answers to nothing.
const STRAY: &str = "replies without a request";
/// The peer writes to a client that does not read.
const DEAF: &str = "a peer that never reads";

/// Every way in which a channel is treated badly, for scenarios to demand.
pub(super) const ABUSES: [Situation; 4] =
    [Situation::Seen(GARBAGE), Situation::Seen(CLAIM), Situation::Seen(STRAY), Situation::Seen(DEAF)];

async fn abuse(node: Node, mut channel: Channel, mut random: Random) {
    let (what, bytes) = match random.below(4) {
        0 => (GARBAGE, noise(&mut random)),
        1 => (CLAIM, claim(&mut random)),
        2 => (STRAY, strays(&mut random)),
        _ => (DEAF, Bytes::new()),
    };
    // It listens for a moment first, so that there is a call to be harmed.
    if what != DEAF {
        let _ = timeout(Duration::from_millis(random.below(50) as u64), read(&mut channel)).await;
        let mut out = WriteBuffer::default();
        out.put(bytes);
        if let Ok(Ok(())) = timeout(Duration::from_millis(200), write(&mut channel, &mut out)).await {
            node.context.situation(Situation::Seen(what));
        }
    }
    sleep(Duration::from_millis(random.below(400) as u64)).await;
    if what == DEAF && node.context.with_history(|history| history.open()) > 0 {
        node.context.situation(Situation::Seen(DEAF));
    }
    if random.one_in(2) {
        channel.write.abort();
    }
}

/// A request that its sender never finishes.
async fn half_a_packet(mut channel: Channel, packets: &dyn PacketCodec) {
    let mut whole = WriteBuffer::default();
    let packet = Packet::new(Kind::Request, 1, Bytes::from_static(&[7; 100]));
    if packets.encode(&packet, &mut whole).is_err() {
        return;
    }
    let mut half = WriteBuffer::default();
    half.put(bytes::Buf::copy_to_bytes(&mut whole, 60));
    let _ = timeout(Duration::from_millis(200), write(&mut channel, &mut half)).await;
    sleep(Duration::from_millis(300)).await;
}

fn noise(random: &mut Random) -> Bytes {
    (0..1 + random.size(2000)).map(|_| random.draw() as u8).collect()
}

/// The native header of a reply that is longer than anything, or nearly so.
fn claim(random: &mut Random) -> Bytes {
    let length = if random.one_in(2) { u32::MAX } else { 7 << 20 };
    header(2, length, random.draw())
}

/// Native replies, errors and refusals to calls that there may be or not.
fn strays(random: &mut Random) -> Bytes {
    let mut bytes = BytesMut::new();
    for _ in 0..1 + random.below(20) {
        let kind = 2 + random.below(6) as u8;
        let id = (random.below(4) as u64) << 32 | random.below(4) as u64;
        bytes.extend_from_slice(&header(kind, 0, id));
    }
    bytes.freeze()
}

fn header(kind: u8, length: u32, id: u64) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0x4C);
    bytes.put_u8(kind);
    bytes.put_u16(0);
    bytes.put_u32(length);
    bytes.put_u64(id);
    bytes.put_u32(0);
    bytes.freeze()
}

async fn read(channel: &mut Channel) -> std::io::Result<usize> {
    let mut buffer = ReadBuffer::default();
    poll_fn(|cx| channel.read.poll_read(cx, &mut buffer)).await
}

async fn write(channel: &mut Channel, out: &mut WriteBuffer) -> std::io::Result<()> {
    while !out.is_empty() {
        poll_fn(|cx| channel.write.poll_write(cx, out)).await?;
    }
    poll_fn(|cx| channel.write.poll_flush(cx)).await
}
