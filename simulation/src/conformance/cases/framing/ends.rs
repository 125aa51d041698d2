//! Packets that are never finished.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, Health, Kind, LinkError, Packet};
use tokio::time::{Instant, sleep};

use super::each;
use super::framed::{encoded, overhead, packet};
use super::library::{Calling, Served};
use crate::conformance::bed::{Bed, End, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::framing::Codec;
use crate::conformance::tx::Tx;

/// How often the library looks, and how long a packet may take.
const LOOKS: Duration = Duration::from_millis(20);
const SLOW: Duration = Duration::from_millis(100);

/// Silence alone is no reason to give a peer up here.
fn strict() -> Health {
    Health::every(LOOKS, 100_000).packet_within(SLOW).idle_within(Duration::from_secs(3600))
}

pub(super) async fn slow_loris(bed: &mut Bed) -> Check {
    each(bed, async |bed, framing| {
        let codec = framing.with_max(1000);
        loris_of_a_server(bed, &codec).await.map_err(|failure| failure.at("a server"))?;
        loris_of_a_client(bed, &codec).await.map_err(|failure| failure.at("a client"))
    })
    .await
}

async fn loris_of_a_server(bed: &mut Bed, codec: &Codec) -> Check {
    let header = encoded(codec, &packet(codec, 1, 100))?.slice(..overhead(codec)?);
    let mut served = Served::start(bed, codec, Some(strict())).await?;
    let End { mut tx, mut rx, .. } = served.dial(codec).await?.end;
    let start = Instant::now();
    let given_up = async {
        tokio::select! {
            biased;
            over = rx.drain() => over,
            never = dribble(&mut tx, header) => never,
        }
    };
    at_once("giving up a peer that sends its header byte by byte", given_up).await??;
    let took = start.elapsed();
    // The first look may come right after the first byte.
    ensure!(took >= SLOW - 2 * LOOKS, "it was given up after {took:?}, where {SLOW:?} are allowed");
    served.is_unharmed().await
}

/// All of the header but its last byte; never ready.
async fn dribble(tx: &mut Tx, header: Bytes) -> Check {
    for at in 0..(header.len() - 1).max(1) {
        // Whoever is given up meanwhile hears it from its reader.
        let _ = tx.say(header.slice(at..=at)).await;
        sleep(LOOKS).await;
    }
    pending().await
}

async fn loris_of_a_client(bed: &mut Bed, codec: &Codec) -> Check {
    let mut calling = Calling::start(bed, codec, Some(strict())).await?;
    let reply = encoded(codec, &Packet::new(Kind::Reply, calling.id, Bytes::from_static(b"answered")))?;
    calling.server.end.tx.say(reply.slice(..reply.len() - 1)).await?;
    let ended = at_once("the end of a call whose reply is never finished", calling.ended()).await??;
    ensure!(
        matches!(&ended, Err(CallError::Lost { cause: LinkError::SlowPacket(_), .. })),
        "the call ended with {ended:?}, expected Lost because of a slow packet"
    );
    Ok(())
}

pub(super) async fn header_then_end(bed: &mut Bed) -> Check {
    each(bed, async |bed, framing| {
        let codec = framing.with_max(1000);
        let header = overhead(&codec)?;
        let length = encoded(&codec, &packet(&codec, 1, 100))?.len();
        for cut in [header, 1, header - 1, header + 1, length - 1].into_iter().filter(|cut| *cut > 0) {
            let failed = |failure: Failure| failure.at(format!("the end after {cut} of {length} bytes"));
            ends_for_a_server(bed, &codec, cut).await.map_err(failed)?;
            ends_for_a_client(bed, &codec, cut).await.map_err(failed)?;
        }
        Ok(())
    })
    .await
}

/// Nothing is executed, and the channel is over.
async fn ends_for_a_server(bed: &mut Bed, codec: &Codec, cut: usize) -> Check {
    let request = encoded(codec, &packet(codec, 1, 100))?;
    let mut served = Served::start(bed, codec, None).await?;
    let mut peer = served.dial(codec).await?;
    peer.end.tx.say(request.slice(..cut)).await?;
    peer.end.tx.shutdown().await?;
    at_once("the end of the channel, by the server", peer.end.rx.drain()).await??;
    served.is_unharmed().await
}

/// The call learns that there was part of a packet.
async fn ends_for_a_client(bed: &mut Bed, codec: &Codec, cut: usize) -> Check {
    let mut calling = Calling::start(bed, codec, None).await?;
    let mut reply = packet(codec, 1, 100);
    (reply.kind, reply.id) = (Kind::Reply, calling.id);
    calling.server.end.tx.say(encoded(codec, &reply)?.slice(..cut)).await?;
    calling.server.end.tx.shutdown().await?;
    let ended = at_once("the end of the call", calling.ended()).await??;
    ensure!(
        matches!(&ended, Err(CallError::Lost { cause: LinkError::Truncated { had }, .. }) if *had == cut),
        "the call ended with {ended:?}, expected Lost because of a stream that ended inside a packet"
    );
    Ok(())
}
