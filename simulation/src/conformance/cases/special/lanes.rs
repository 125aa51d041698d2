//! QUIC and SCTP: several channels on one connection.

use std::io::ErrorKind;

use super::relay::Relay;
use crate::conformance::connection::round_trip;
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, ensure};

pub(super) async fn lanes_are_apart(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let mut lanes = Vec::new();
    for _ in 0..5 {
        lanes.push(endpoints.connect().await?);
    }
    let groups: Vec<_> = lanes.iter().map(|(near, _)| near.facts.group).collect();
    ensure!(
        groups.iter().all(|group| group.is_some() && *group == groups[0]),
        "channels of one dialer are in groups {groups:?}"
    );
    let (mut kept_near, mut kept_far) = lanes.swap_remove(0);

    // One ends in order, one is dropped with bytes unread, one is aborted from either side.
    let mut ways = lanes.into_iter();
    if let Some((mut near, mut far)) = ways.next() {
        near.writer.shutdown().await?;
        far.reader.end().await?;
    }
    if let Some((near, mut far)) = ways.next() {
        far.writer.send(100).await?;
        drop((near, far));
    }
    for (near, far) in ways {
        let (mut aborts, mut hears) = (near, far);
        aborts.writer.abort();
        drop(aborts);
        let error = at_once("hearing of an abort", hears.reader.until_error()).await??;
        ensure!(
            error.kind() == ErrorKind::ConnectionReset,
            "an aborted channel's peer read {:?}",
            error.kind()
        );
    }
    let what = "a round trip on a channel beside others that have ended";
    at_once(what, round_trip(&mut kept_near, &mut kept_far, 1000)).await?.map_err(|failure| failure.at(what))
}

pub(super) async fn no_early_data(context: &mut TestContext) -> Check {
    // Farewells have no way once the relay is gone, and are waited for until then.
    let scratch = context.transport.scratch_endpoint().with_option("idle_timeout", "1s");
    let Endpoints { mut listener, .. } = context.endpoints_at(&scratch).await?;
    let relay = Relay::to(listener.endpoint().address().to_owned()).await?;
    let through = listener.endpoint().clone().with_address(relay.address.to_string());
    // What the first has learnt of the listener is there for the second.
    for _ in 0..2 {
        let mut dialer = context.dialer(&through)?;
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
