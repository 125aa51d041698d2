//! TCP: what its options do to the socket, as far as that can be seen from outside.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::io;
use crate::conformance::bed::{AT_ONCE, Bed, Gate, at_once, round_trip};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::tx::Tx;

/// A peer that reads and says nothing delays its acknowledgements by this much, on any system.
const DELAYED: Duration = Duration::from_millis(40);

pub(super) async fn nodelay(bed: &mut Bed) -> Check {
    let theirs = io("listening by hand", TcpListener::bind(("127.0.0.1", 0)).await)?;
    let at = io("an address", theirs.local_addr())?;
    let scratch = bed.transport.scratch_endpoint();
    let mut dialer = bed.dialer(&scratch.with_address(at.to_string()))?;
    let accepting = async { io("accepting by hand", theirs.accept().await) };
    let (mut near, (mut peer, _)) = tokio::try_join!(dialer.next(), accepting)?;
    leaves_at_once(&mut near.tx, &mut peer).await.map_err(|failure| failure.at("a dialled end"))?;

    let Gate { mut listener, .. } = bed.gate().await?;
    let dialling = TcpStream::connect(listener.endpoint().address().to_owned());
    let dialling = async { io("dialling by hand", dialling.await) };
    let (mut far, mut peer) = tokio::try_join!(listener.next(), dialling)?;
    leaves_at_once(&mut far.tx, &mut peer).await.map_err(|failure| failure.at("an accepted end"))
}

/// Of two single bytes the second is there long before the first can have been acknowledged: once in a few times at
/// least, for a machine that is busy can be late, but never too early.
async fn leaves_at_once(tx: &mut Tx, peer: &mut TcpStream) -> Check {
    let mut quickest = Duration::MAX;
    for _ in 0..10 {
        #[cfg(target_os = "linux")]
        io("delaying acknowledgements", peer.set_quickack(false))?;
        let start = Instant::now();
        for _ in 0..2 {
            let mut byte = tx.piece(1);
            tx.take_all(&mut byte).await?;
        }
        let read = at_once("reading two bytes", peer.read_exact(&mut [0; 2])).await?;
        io("reading by hand", read)?;
        quickest = quickest.min(start.elapsed());
    }
    let late = format!("the second of two small writes never came within {quickest:?}");
    ensure!(quickest < DELAYED / 2, "{late}: it waits until the first is acknowledged");
    Ok(())
}

pub(super) async fn keepalive(bed: &mut Bed) -> Check {
    if cfg!(not(target_os = "linux")) {
        bed.note("the timers of keepalive were not looked at: this system does not list them");
    }
    let scratch = bed.transport.scratch_endpoint();
    for (seconds, endpoint) in [(None, scratch.clone()), (Some(77), scratch.with_option("keepalive", "77s"))]
    {
        let mut gate = bed.gate_at(&endpoint).await?;
        let (mut near, mut far) = gate.connect().await?;
        round_trip(&mut near, &mut far, 100).await?;
        for (who, end) in [("dialled", &near), ("accepted", &far)] {
            let ends = end.facts.local.as_ref().zip(end.facts.peer.as_ref());
            let Some((local, peer)) = ends else {
                return Err(Failure::new("an end does not know its address"));
            };
            is_asked(local.address(), peer.address(), seconds)
                .await
                .map_err(|failure| failure.at(format!("a {who} end of {}", gate.listener.endpoint())))?;
        }
    }
    Ok(())
}

/// Whether the system will ask the peer of the socket between these two addresses if it is there, and when.
#[cfg(target_os = "linux")]
async fn is_asked(local: &str, peer: &str, within: Option<u64>) -> Check {
    let start = Instant::now();
    loop {
        let timer = timer_of(local, peer)?;
        match (within, timer) {
            (None, Timer::None) => return Ok(()),
            (Some(within), Timer::Keepalive(when)) if when <= Duration::from_secs(within) => return Ok(()),
            // What is not acknowledged yet has a timer of its own.
            (_, Timer::Other) if start.elapsed() < AT_ONCE => {}
            (_, timer) => {
                let what =
                    format!("its timer is {timer:?}, expected that of {within:?} seconds of keepalive");
                return Err(Failure::new(what));
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[cfg(not(target_os = "linux"))]
async fn is_asked(_local: &str, _peer: &str, _within: Option<u64>) -> Check {
    Ok(())
}

/// What the system will do about a socket, and when.
#[cfg(target_os = "linux")]
#[derive(Debug)]
enum Timer {
    None,
    Keepalive(Duration),
    Other,
}

#[cfg(target_os = "linux")]
fn timer_of(local: &str, peer: &str) -> Check<Timer> {
    let table = io("the system's list of sockets", std::fs::read_to_string("/proc/net/tcp"))?;
    let (local, peer) = (as_listed(local)?, as_listed(peer)?);
    let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1) == Some(&&*local) && row.get(2) == Some(&&*peer));
    let timer = row
        .and_then(|row| row.get(5)?.split_once(':').map(|(kind, when)| (kind.to_owned(), when.to_owned())));
    let Some((kind, when)) = timer else {
        return Err(Failure::new(format!("the system does not list a socket from {local} to {peer}")));
    };
    // In hundredths of a second, on every architecture.
    let when = u64::from_str_radix(&when, 16).unwrap_or(u64::MAX);
    Ok(match &*kind {
        "00" => Timer::None,
        "02" => Timer::Keepalive(Duration::from_millis(when.saturating_mul(10))),
        _ => Timer::Other,
    })
}

/// An IPv4 address as the system lists it: its bytes as a number of this machine, in hexadecimal.
#[cfg(target_os = "linux")]
fn as_listed(address: &str) -> Check<String> {
    let parsed: std::net::SocketAddrV4 =
        address.parse().map_err(|error| Failure::new(format!("{address}: {error}")))?;
    Ok(format!("{:08X}:{:04X}", u32::from_ne_bytes(parsed.ip().octets()), parsed.port()))
}

pub(super) async fn reuse_address(bed: &mut Bed) -> Check {
    let mut gate = bed.gate().await?;
    let endpoint = gate.listener.endpoint().clone();
    // Whoever ends first keeps the port busy for a while.
    let (mut near, mut far) = gate.connect().await?;
    far.tx.shutdown().await?;
    near.rx.end().await?;
    near.tx.shutdown().await?;
    far.rx.end().await?;
    drop((near, far, gate));
    if cfg!(not(unix)) {
        bed.note("a busy port was not tried: this system does not keep one busy");
    } else {
        let strict = endpoint.clone().with_option("reuse_address", "false");
        let refused = at_once("listening at a busy port", bed.listen(&strict)).await?;
        let kind = refused.err().map(|error| error.kind);
        ensure!(
            kind == Some(ErrorKind::AddrInUse),
            "reuse_address=false gave {kind:?} at a port on which connections die, expected AddrInUse"
        );
        let again = bed.gate_at(&endpoint).await;
        let mut gate = again.map_err(|failure| failure.at("a port on which connections die"))?;
        let (mut near, mut far) = gate.connect().await?;
        round_trip(&mut near, &mut far, 100).await?;
        let second = bed.listen(&endpoint).await;
        ensure!(second.is_err(), "two listeners share a port that none of them wants to share");
    }
    Ok(())
}
