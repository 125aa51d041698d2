//! Refused bytes: no packet, a packet beyond the limit, a packet of an unknown kind.

use std::future::pending;

use bytes::Bytes;
use listenrain::buffer::WriteBuffer;
use listenrain::{Kind, Packet, PacketCodec, PacketError};

use super::each;
use super::framed::{Framed, encoded, header_of, packet};
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::framing::Codec;
use crate::conformance::stack::{Executed, echo, protocol, server};

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
            let refused = refuses_to_decode(context, &codec, &header).await;
            refused.map_err(|failure| failure.at(format!("a claim of {claim} bytes")))?;
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
    let (mut near, mut far) = Framed::pair(context, codec).await?;
    tokio::try_join!(near.end.writer.say(header.clone()), far.until(header.len()))?;
    let decoded = far.decode()?;
    ensure!(
        matches!(decoded, Err(PacketError::TooLarge { .. })),
        "with its header there, it gave {decoded:?}, expected TooLarge"
    );
    Ok(())
}

pub(super) async fn garbage(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(MAX);
        for said in framing.refused() {
            let refused = refuses_all(context, &codec, said).await;
            refused.map_err(|failure| failure.at(format!("a stream that begins with {said:02x?}")))?;
        }
        random_garbage(context, &codec).await
    })
    .await
}

/// Good packets behind it do not make it good.
async fn refuses_all(context: &mut TestContext, codec: &Codec, said: &Bytes) -> Check {
    let (mut near, mut far) = Framed::pair(context, codec).await?;
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
        let (mut near, mut far) = Framed::pair(context, codec).await?;
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
        let mut output = WriteBuffer::default();
        match codec.encode(&unknown, &mut output) {
            Ok(()) => {}
            // It has no kinds, or none to spare.
            Err(PacketError::CannotExpress(_)) if output.is_empty() => return Ok(()),
            Err(error) => {
                let left = output.len();
                return Err(Failure::new(format!("encoding it gave {error:?} and {left} bytes")));
            }
        }
        let (mut near, mut far) = Framed::pair(context, &codec).await?;
        tokio::try_join!(near.send(&unknown), far.expect(&unknown))?;
        tokio::try_join!(near.send(&known), far.expect(&known))?;
        is_refused_by_number(context, &codec, &unknown, known).await
    })
    .await
}

/// Where the protocol can refuse, a server of the library says which kind it was, and answers the request behind it.
async fn is_refused_by_number(
    context: &mut TestContext,
    codec: &Codec,
    unknown: &Packet,
    mut known: Packet,
) -> Check {
    let Endpoints { mut dialer, listener, .. } = context.endpoints().await?;
    let protocol = protocol(codec.clone()).build()?;
    let _server = server(&protocol, echo(&Executed::default())).listen(listener.generator)?;
    let mut peer = Framed::new(dialer.next().await?, codec);
    peer.send_all(&[unknown.clone(), known.clone()]).await?;
    if codec.capabilities().errors {
        let refused = at_once("the refusal", peer.try_next()).await??;
        let is_its = matches!(&refused, Ok(Some(Packet { kind: Kind::Refused, id, payload, .. }))
            if *id == unknown.id && payload.first().last() == Some(&200));
        ensure!(is_its, "kind 200 with id {} was answered with {refused:?}, expected a refusal", unknown.id);
    }
    known.kind = Kind::Reply;
    at_once("the reply to a request behind it", peer.expect(&known)).await?
}
