//! Whole sessions, cut at random.

use std::time::Duration;

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Kind, Packet, PacketCodec};
use tokio::task::yield_now;

use super::each;
use super::framed::{Framed, packet};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, Failure};
use crate::conformance::framing::Codec;
use crate::random::Random;

pub(super) async fn round_trip(context: &mut TestContext) -> Check {
    let count = context.size(400, 40);
    each(context, async |context, framing| {
        let codec = framing.with_max(200_000);
        let (mut near, mut far) = Framed::pair(context, &codec).await?;
        let random = &mut context.random;
        let mut sent: Vec<_> = (0..count).map(|_| random_packet(&codec, random)).collect();
        // Twice one that gets a buffer of its own, once behind another of its kind.
        let long = packet(&codec, random.draw(), ReadBuffer::OWN_BUFFER_FROM + random.below(1000));
        sent.insert(count / 2, long.clone());
        sent.insert(count / 2, long);
        let mut cuts = Random::new(random.draw());
        let sending = async {
            send_in_random_pieces(&mut near, &sent, &mut cuts).await?;
            near.end.writer.shutdown().await
        };
        let reading = async {
            for (at, packet) in sent.iter().enumerate() {
                far.expect(packet).await.map_err(|failure| failure.at(format!("packet {at}")))?;
                if random.one_in(20) {
                    yield_now().await;
                }
            }
            far.expect_end().await
        };
        tokio::try_join!(sending, reading)?;
        Ok(())
    })
    .await
}

/// Of any kind that the codec has, with every bit of an id in use.
fn random_packet(codec: &Codec, random: &mut Random) -> Packet {
    let capabilities = codec.capabilities();
    let kinds = [
        (true, Kind::Request),
        (true, Kind::Reply),
        (capabilities.errors, Kind::Error),
        (capabilities.errors, Kind::Refused),
        (capabilities.one_way, Kind::OneWay),
        (capabilities.ping, Kind::Ping),
        (capabilities.ping, Kind::Pong),
        (capabilities.cancel, Kind::Cancel),
    ];
    let there: Vec<_> = kinds.into_iter().filter_map(|(is_there, kind)| is_there.then_some(kind)).collect();
    let size = if random.one_in(8) { 0 } else { random.size(4000) };
    let mut packet = packet(codec, random.draw(), size);
    packet.kind = there[random.below(there.len())];
    if capabilities.deadline && random.one_in(2) {
        // Whole milliseconds, none or more; parts of them beside; less than one.
        packet.deadline = Some(match random.below(3) {
            0 => Duration::from_millis(random.below(1 << 30) as u64),
            1 => Duration::from_nanos(random.below(1 << 30) as u64),
            _ => Duration::from_nanos(random.below(1_000_000) as u64),
        });
    }
    packet
}

/// All packets as one stream, cut wherever it happens.
async fn send_in_random_pieces(near: &mut Framed, packets: &[Packet], random: &mut Random) -> Check {
    let mut stream = WriteBuffer::new(usize::MAX);
    for packet in packets {
        let encoding = near.codec.encode(packet, &mut stream);
        encoding.map_err(|error| Failure::new(format!("a packet cannot be encoded: {error}")))?;
        while stream.len() > 5000 {
            let piece = random.size(5000);
            near.end.writer.say(stream.copy_to_bytes(piece)).await?;
        }
    }
    let rest = stream.copy_to_bytes(stream.len());
    near.end.writer.say(rest).await
}
