//! QUIC and SCTP: several channels on one connection.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::time::Instant;

use super::relay::Relay;
use crate::conformance::bed::{AT_ONCE, Bed, End, Gate, at_once, round_trip};
use crate::conformance::failure::{Check, Failure, ensure};

/// Which connections carry the channels, as the dialer numbers them. The listener tells them apart in the same way.
fn groups(lanes: &[(End, End)]) -> Check<Vec<u64>> {
    let numbers = |of: fn(&(End, End)) -> &End| -> Check<Vec<u64>> {
        let groups = lanes.iter().map(|lane| of(lane).facts.group).collect::<Option<_>>();
        groups.ok_or_else(|| Failure::new("a channel says nothing of the connection that carries it"))
    };
    let (dialled, accepted) = (numbers(|(near, _)| near)?, numbers(|(_, far)| far)?);
    let is_same = |groups: &[u64]| -> Vec<bool> {
        groups.iter().flat_map(|one| groups.iter().map(move |other| one == other)).collect()
    };
    ensure!(
        is_same(&dialled) == is_same(&accepted),
        "the dialled ends are in the groups {dialled:?}, the accepted ones in {accepted:?}"
    );
    Ok(dialled)
}

pub(super) async fn lanes_are_apart(bed: &mut Bed) -> Check {
    let mut gate = bed.gate().await?;
    let mut lanes = Vec::new();
    for _ in 0..5 {
        lanes.push(gate.connect().await?);
    }
    let groups = groups(&lanes)?;
    ensure!(
        groups.iter().all(|group| *group == groups[0]),
        "channels of one dialer are in groups {groups:?}"
    );
    let (mut kept_near, mut kept_far) = lanes.swap_remove(0);

    // One ends in order, one is dropped with bytes unread, one is aborted from either side.
    let mut ways = lanes.into_iter();
    if let Some((mut near, mut far)) = ways.next() {
        near.tx.shutdown().await?;
        far.rx.end().await?;
    }
    if let Some((near, mut far)) = ways.next() {
        far.tx.send(100).await?;
        drop((near, far));
    }
    for (near, far) in ways {
        let (mut aborts, mut hears) = (near, far);
        aborts.tx.abort();
        drop(aborts);
        let error = at_once("hearing of an abort", hears.rx.until_error()).await??;
        ensure!(
            error.kind() == ErrorKind::ConnectionReset,
            "an aborted channel's peer read {:?}",
            error.kind()
        );
    }
    let what = "a round trip on a channel beside others that have ended";
    at_once(what, round_trip(&mut kept_near, &mut kept_far, 1000)).await?.map_err(|failure| failure.at(what))
}

pub(super) async fn lanes_are_bounded(bed: &mut Bed) -> Check {
    let scratch = bed.scratch_with(&[("streams", "2"), ("lanes", "2")]);
    let mut gate = bed.gate_at(&scratch).await?;
    let mut lanes = Vec::new();
    for _ in 0..5 {
        lanes.push(at_once("a dial beyond what a connection carries", gate.connect()).await??);
    }
    let groups = groups(&lanes)?;
    for one in &groups {
        let count = groups.iter().filter(|other| *other == one).count();
        ensure!(count <= 2, "a connection that is to carry two channels carries {count}: {groups:?}");
    }
    for (near, far) in &mut lanes {
        round_trip(near, far, 100).await?;
    }
    Ok(())
}

/// How long a peer may be silent in the case.
const IDLE: Duration = Duration::from_millis(300);

pub(super) async fn idle_timeout(bed: &mut Bed) -> Check {
    let scratch = bed.transport.scratch_endpoint().with_option("idle_timeout", "300ms");
    let Gate { mut listener, .. } = bed.gate_at(&scratch).await?;
    let relay = Relay::to(listener.endpoint().address().to_owned()).await?;
    // So often that silence is not for want of something to say.
    let through = listener.endpoint().clone().with_address(relay.address.to_string());
    let mut dialer = bed.dialer(&through.with_option("keepalive", "50ms"))?;
    let mut lanes = Vec::new();
    for _ in 0..2 {
        let meeting = async { tokio::try_join!(dialer.next(), listener.next()) };
        lanes.push(at_once("a dial through a relay", meeting).await??);
    }
    // Longer than the limit, and kept alive.
    tokio::time::sleep(2 * IDLE).await;
    for (near, far) in &mut lanes {
        round_trip(near, far, 100).await.map_err(|failure| failure.at("after a while without a word"))?;
    }
    let start = Instant::now();
    drop(relay);
    // The connection is lost, so every channel of it is, and none of them in an orderly way.
    for (near, far) in &mut lanes {
        for (who, end) in [("dialled", near), ("accepted", far)] {
            let error = at_once("noticing that the peer is silent", end.rx.until_error()).await??;
            ensure!(
                error.kind() == ErrorKind::TimedOut,
                "a {who} end of a silent peer read {:?}",
                error.kind()
            );
        }
    }
    ensure!(start.elapsed() < AT_ONCE, "a silent peer was noticed after {:?}", start.elapsed());
    Ok(())
}

pub(super) async fn no_early_data(bed: &mut Bed) -> Check {
    // Farewells have no way once the relay is gone, and are waited for until then.
    let scratch = bed.transport.scratch_endpoint().with_option("idle_timeout", "1s");
    let Gate { mut listener, .. } = bed.gate_at(&scratch).await?;
    let relay = Relay::to(listener.endpoint().address().to_owned()).await?;
    let through = listener.endpoint().clone().with_address(relay.address.to_string());
    // What the first has learnt of the listener is there for the second.
    for _ in 0..2 {
        let mut dialer = bed.dialer(&through)?;
        let meeting = async { tokio::try_join!(dialer.next(), listener.next()) };
        let (mut near, mut far) = at_once("a dial through a relay", meeting).await??;
        round_trip(&mut near, &mut far, 100).await?;
    }
    let heard = relay.heard();
    let kinds: Vec<_> = heard.iter().flat_map(|datagram| long_packets(datagram)).collect();
    ensure!(kinds.contains(&INITIAL), "no connection began in {} datagrams", heard.len());
    ensure!(!kinds.contains(&ZERO_RTT), "a dialer has sent data before it had verified its listener (0-RTT)");
    Ok(())
}

/// Kinds of packets with a long header (RFC 9000, 17.2).
const INITIAL: u8 = 0;
const ZERO_RTT: u8 = 1;

/// The kinds of the packets with long headers in a datagram.
fn long_packets(datagram: &[u8]) -> Vec<u8> {
    let (mut kinds, mut rest) = (Vec::new(), datagram);
    while let Some((kind, behind)) = long_packet(rest) {
        kinds.push(kind);
        rest = behind;
    }
    kinds
}

fn long_packet(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let kind = first >> 4 & 3;
    let mut rest = rest.get(4..)?;
    for _ in 0..2 {
        let (&length, behind) = rest.split_first()?;
        rest = behind.get(usize::from(length)..)?;
    }
    if kind == INITIAL {
        let (length, behind) = number(rest)?;
        rest = behind.get(length..)?;
    }
    let (length, behind) = number(rest)?;
    Some((kind, behind.get(length..)?))
}

/// A number as QUIC writes it (RFC 9000, 16).
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let more = (1 << (first >> 6)) - 1;
    let number = rest
        .get(..more)?
        .iter()
        .fold(usize::from(first & 0x3f), |number, byte| number << 8 | usize::from(*byte));
    Some((number, rest.get(more..)?))
}
