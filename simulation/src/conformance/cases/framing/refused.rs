//! Refused bytes: no packet, a packet beyond the limit, a packet of an unknown kind.

use std::future::pending;

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Decoded, Kind, Packet, PacketCodec, PacketError};

use super::each;
use super::framed::{Framed, encoded, header_of, packet};
use super::library::Served;
use crate::conformance::context::{TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::framing::Codec;
use crate::conformance::stack::message;

/// The longest payload that the codecs of these cases allow.
const MAX: usize = 1000;
/// What a header claims out of all proportion.
const HUGE: usize = 64 << 20;

pub(super) async fn too_long(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(MAX);
        refuses_to_encode(&codec)?;
        for claim in [MAX + 1, HUGE] {
            let header = header_of(framing, claim)?;
            let failed = |failure: Failure| failure.at(format!("a claim of {claim} bytes"));
            refuses_to_decode(context, &codec, &header).await.map_err(failed)?;
            if is_skipped(&codec, &header) {
                is_refused_by_a_server(context, &codec, &header, claim).await.map_err(failed)?;
            } else {
                closes_a_server(context, &codec, &header).await.map_err(failed)?;
            }
        }
        Ok(())
    })
    .await
}

fn refuses_to_encode(codec: &Codec) -> Check {
    let mut output = WriteBuffer::default();
    let encoded = codec.encode(&packet(codec, 1, MAX + 1), &mut output);
    ensure!(
        matches!(encoded, Err(PacketError::TooLarge { .. })) && output.is_empty(),
        "encoding {} bytes where {MAX} are allowed gave {encoded:?} and {} bytes",
        MAX + 1,
        output.len()
    );
    Ok(())
}

async fn refuses_to_decode(context: &mut TestContext, codec: &Codec, header: &Bytes) -> Check {
    let (near, far) = context.pair().await?;
    let (mut near, mut far) = (Framed::new(near, codec), Framed::new(far, codec));
    tokio::try_join!(near.end.writer.say(header.clone()), far.until(header.len()))?;
    let decoded = far.decode()?;
    ensure!(
        matches!(decoded, Err(PacketError::TooLarge { .. })),
        "with its header there, it gave {decoded:?}, expected TooLarge"
    );
    Ok(())
}

/// Whether the codec knows whose packet it is that is too long, and where the next one begins.
fn is_skipped(codec: &Codec, header: &Bytes) -> bool {
    let mut input = ReadBuffer::default();
    input.push(header.clone());
    matches!(codec.decode(&mut input), Ok(Decoded::TooLarge { .. }))
}

/// Longest payload that is really sent to be skipped.
const SENT: usize = 2 * MAX;

/// A server refuses a request that is too long by its id, and answers the next one on the same channel.
async fn is_refused_by_a_server(
    context: &mut TestContext,
    codec: &Codec,
    header: &Bytes,
    claim: usize,
) -> Check {
    let mut served = Served::start(context, codec).await?;
    let mut peer = served.dial(codec).await?;
    peer.end.writer.say(header.clone()).await?;
    // It is told once all of it has come.
    if claim <= SENT {
        peer.end.writer.say(vec![0; claim]).await?;
        let refused = at_once("a refusal", peer.try_next()).await??;
        let kind = refused.as_ref().ok().and_then(|packet| Some(packet.as_ref()?.kind));
        ensure!(kind == Some(Kind::Refused), "instead of a refusal came {refused:?}");
        peer.send(&Packet::new(Kind::Request, 7, message(7, 100))).await?;
        served.due += 1;
        let answer = at_once("the answer to the next request", peer.try_next()).await??;
        let is_its = matches!(&answer, Ok(Some(reply)) if (reply.kind, reply.id) == (Kind::Reply, 7));
        ensure!(is_its, "behind a request that was too long came {answer:?}");
    }
    served.is_unharmed().await
}

/// A server ends the channel on which this is said, and no other.
async fn closes_a_server(context: &mut TestContext, codec: &Codec, said: &Bytes) -> Check {
    let mut served = Served::start(context, codec).await?;
    let mut peer = served.dial(codec).await?;
    let ending = async {
        // It may be refused before its last byte is written.
        let (_, over) = tokio::join!(peer.end.writer.say(said.clone()), peer.end.reader.drain());
        over
    };
    at_once("the end of the channel, by the server", ending).await??;
    served.is_unharmed().await
}

pub(super) async fn garbage(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(MAX);
        for said in framing.refused() {
            let failed = |failure: Failure| failure.at(format!("a stream that begins with {said:02x?}"));
            refuses_all(context, &codec, said).await.map_err(failed)?;
            closes_a_server(context, &codec, said).await.map_err(failed)?;
        }
        random_garbage(context, &codec).await
    })
    .await
}

/// Good packets behind it do not make it good.
async fn refuses_all(context: &mut TestContext, codec: &Codec, said: &Bytes) -> Check {
    let (near, far) = context.pair().await?;
    let (mut near, mut far) = (Framed::new(near, codec), Framed::new(far, codec));
    let all = [&said[..], &encoded(codec, &packet(codec, 1, 100))?].concat();
    let count = all.len();
    tokio::try_join!(near.end.writer.say(all), far.until(count))?;
    let decoded = far.decode()?;
    ensure!(decoded.is_err(), "it gave {decoded:?}, expected an error");
    Ok(())
}

/// It means nothing that a case could know, and must do no harm.
async fn random_garbage(context: &mut TestContext, codec: &Codec) -> Check {
    for _ in 0..context.size(12, 3) {
        let mut said = vec![0; context.random.size(3 * MAX)];
        said.fill_with(|| context.random.draw() as u8);
        let (near, far) = context.pair().await?;
        let (mut near, mut far) = (Framed::new(near, codec), Framed::new(far, codec));
        let said_all = async {
            // Nothing is read any more once the bytes are no packets.
            let _ = near.end.writer.say(said).await;
            let _ = near.end.writer.try_shutdown().await;
            pending().await
        };
        tokio::select! {
            biased;
            over = decode_whatever_comes(&mut far) => over?,
            () = said_all => {}
        }
    }
    Ok(())
}

/// Until the end or an error. That packets keep their limit is checked for each.
async fn decode_whatever_comes(far: &mut Framed) -> Check {
    loop {
        match far.decode()? {
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(_) => return Ok(()),
        }
        let undecided = far.end.reader.buffer().len();
        ensure!(undecided < 2 * MAX, "{undecided} bytes wait, and are neither a packet nor an error");
        if !matches!(far.end.reader.more().await?, Ok(1..)) {
            return Ok(());
        }
    }
}

pub(super) async fn unknown_kind(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(MAX);
        let (mut unknown, known) = (packet(&codec, 3, 100), packet(&codec, 4, 100));
        unknown.kind = Kind::Unknown(200);
        let mut served = Served::start(context, &codec).await?;
        let mut peer = served.dial(&codec).await?;
        let mut output = WriteBuffer::default();
        match codec.encode(&unknown, &mut output) {
            Ok(()) => {
                is_delimited(context, &codec, &unknown, &known).await?;
                is_refused_by_number(&mut peer, &unknown).await?;
            }
            // It has no kinds, or none to spare.
            Err(PacketError::CannotExpress(_)) if output.is_empty() => {}
            Err(error) => {
                let left = output.len();
                return Err(Failure::new(format!("encoding it gave {error:?} and {left} bytes")));
            }
        }
        peer.send(&known).await?;
        let mut reply = known;
        reply.kind = Kind::Reply;
        at_once("the reply to a request behind it", peer.expect(&reply)).await??;
        served.due += 1;
        served.is_unharmed().await
    })
    .await
}

async fn is_delimited(context: &mut TestContext, codec: &Codec, unknown: &Packet, known: &Packet) -> Check {
    let (near, far) = context.pair().await?;
    let (mut near, mut far) = (Framed::new(near, codec), Framed::new(far, codec));
    tokio::try_join!(near.send(unknown), far.expect(unknown))?;
    tokio::try_join!(near.send(known), far.expect(known))?;
    Ok(())
}

/// Where the protocol can refuse, its sender is told which kind it was.
async fn is_refused_by_number(peer: &mut Framed, unknown: &Packet) -> Check {
    peer.send(unknown).await?;
    if !peer.codec.abilities().errors {
        return Ok(());
    }
    let refused = at_once("the refusal", peer.try_next()).await??;
    let Ok(Some(Packet { kind: Kind::Refused, id, payload, .. })) = &refused else {
        return Err(Failure::new(format!("it was answered with {refused:?}, expected a refusal")));
    };
    ensure!(
        *id == unknown.id && payload.first().last() == Some(&200),
        "a refusal of {:?} for id {id} instead of one of kind 200 for id {}",
        payload.first(),
        unknown.id
    );
    Ok(())
}
