//! Raw peers at a listener.

use bytes::Bytes;
use tokio::time::timeout;

use super::accept::BEHIND;
use crate::conformance::connection::round_trip;
use crate::conformance::context::{Acceptor, Endpoints, TestContext};
use crate::conformance::failure::{Check, Failure};
use crate::conformance::raw::RawPeer;

pub(super) async fn stalled_peers(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, mut listener, .. } = context.endpoints().await?;
    let hello = hello(context);
    let mut stalled = Vec::new();
    for (number, (what, said)) in (0..).zip([
        ("says nothing", Bytes::new()),
        ("has said one byte", hello.slice(..hello.len().min(1))),
        ("has said half of its hello", hello.slice(..hello.len() / 2)),
        ("lacks the last byte of its hello", hello.slice(..hello.len().saturating_sub(1))),
    ]) {
        stalled.push(connected(context, &listener, said).await?);
        is_served(&mut dialer, &mut listener, number, &format!("behind a peer that {what}")).await?;
    }
    drop(stalled);
    is_served(&mut dialer, &mut listener, 100, "after peers that stalled have gone").await
}

pub(super) async fn foreign_bytes(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, mut listener, .. } = context.endpoints().await?;
    let hello = hello(context);
    let mut noise = vec![0; 500];
    noise.fill_with(|| context.random.draw() as u8);
    for (number, (what, said)) in (0..).step_by(2).zip([
        ("silence", Bytes::new()),
        ("a request of another protocol", Bytes::from_static(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")),
        ("zeros", Bytes::from_static(&[0; 500])),
        ("ones", Bytes::from_static(&[0xFF; 500])),
        ("noise", noise.into()),
        ("half a hello", hello.slice(..hello.len() / 2)),
        ("half a hello and then ones", [&hello[..hello.len() / 2], &[0xFF; 200]].concat().into()),
    ]) {
        let peer = connected(context, &listener, said).await?;
        is_served(&mut dialer, &mut listener, number, &format!("beside a peer that said {what}")).await?;
        drop(peer);
        is_served(&mut dialer, &mut listener, number + 1, &format!("after a peer that said {what}")).await?;
    }
    Ok(())
}

fn hello(context: &TestContext) -> Bytes {
    context.subject.raw_dialer().map(|raw| raw.hello().clone()).unwrap_or_default()
}

/// A peer that has said this. It may be hung up on before its last byte.
async fn connected(context: &TestContext, listener: &Acceptor, said: Bytes) -> Check<Box<dyn RawPeer>> {
    let raw = context.subject.raw_dialer().ok_or_else(|| Failure::new("there is no raw dialer"))?;
    let peer = raw.connect(listener.endpoint()).await;
    let mut peer = peer.map_err(|error| Failure::new(format!("a raw dial failed: {error}")))?;
    if !said.is_empty() {
        let _ = peer.say(said).await;
    }
    Ok(peer)
}

/// A dial is accepted in time, whatever other peers there are.
async fn is_served(dialer: &mut Acceptor, listener: &mut Acceptor, number: u64, when: &str) -> Check {
    // No peer says such a number.
    let number = 0x1234_5678_9ABC_0000 + number;
    let both = async { tokio::try_join!(dialer.introduced(number), listener.find(number)) };
    let late = |_| Failure::new(format!("{when}, a dial was not served within {BEHIND:?}"));
    let served = timeout(BEHIND, both).await.map_err(late)?;
    let (mut near, mut far) = served.map_err(|failure| failure.at(when))?;
    round_trip(&mut near, &mut far, 1000).await.map_err(|failure| failure.at(when))
}
