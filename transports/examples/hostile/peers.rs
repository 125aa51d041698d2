//! The hostile peers: each repeats one attack until its standard input ends.

use std::sync::Arc;

use listenrain::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink, stdin};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::serving::Result;

/// What a peer does, and how many do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Asks for echoes, and reads none.
    ReadsNothing,
    /// The same, and has ended its writing.
    HalfClosed,
    /// Sends half a packet.
    StopsInside,
    /// Claims the largest packet, and sends three quarters of it: its buffer has its full size then.
    Claims,
    /// Connects to TLS and sends the beginning of a handshake, or nothing.
    StallsInHandshake,
    /// Reads what it gets.
    FloodsPings,
    FloodsCancels,
    FloodsOneWays,
}

pub(crate) const PEERS: [(Deed, usize); 8] = [
    (Deed::ReadsNothing, 7),
    (Deed::HalfClosed, 7),
    (Deed::StopsInside, 5),
    (Deed::Claims, 12),
    (Deed::StallsInHandshake, 5),
    (Deed::FloodsPings, 5),
    (Deed::FloodsCancels, 4),
    (Deed::FloodsOneWays, 5),
];

const REQUEST: u8 = 1;
const ONE_WAY: u8 = 5;
const PING: u8 = 6;
const CANCEL: u8 = 7;
/// The payload of the requests and claims that are to fill memory.
const LARGE: usize = 1 << 20;
const LARGEST: usize = 64 << 20;

/// What the peers try to make the server hold, each as much as the limits of one channel let it.
pub(crate) fn demand() -> usize {
    let of = |(deed, count): &(Deed, usize)| match deed {
        Deed::ReadsNothing => count * ServerLimits::default().bytes,
        Deed::HalfClosed => count * 8 * LARGE,
        Deed::Claims => count * LARGEST,
        _ => 0,
    };
    PEERS.iter().map(of).sum()
}

/// Lets all peers loose; says so once each is at it.
pub(crate) async fn attack(tcp: &str, tls: &str) -> Result<()> {
    let at_it = Arc::new(Semaphore::new(0));
    let mut peers = JoinSet::new();
    for (deed, count) in PEERS {
        for number in 0..count {
            let at = if deed == Deed::StallsInHandshake { tls } else { tcp };
            let stream = TcpStream::connect(at).await?;
            peers.spawn(act(deed, number, stream, at_it.clone()));
        }
    }
    let all = PEERS.iter().map(|(_, count)| *count as u32).sum();
    let _ = at_it.acquire_many(all).await?;
    println!("all {all} are at it");
    // The server may end those that it has enough of.
    copy(&mut stdin(), &mut sink()).await?;
    Ok(())
}

/// A native packet: its header, which claims `claimed` bytes, and as many bytes of payload as are really sent.
fn packet(kind: u8, claimed: usize, sent: usize) -> Vec<u8> {
    let mut bytes = vec![0x4C, kind, 0, 0];
    bytes.extend((claimed as u32).to_be_bytes());
    bytes.extend(1u64.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.resize(20 + sent, 7);
    bytes
}

async fn act(deed: Deed, number: usize, stream: TcpStream, at_it: Arc<Semaphore>) -> std::io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let first = match deed {
        Deed::ReadsNothing | Deed::HalfClosed => packet(REQUEST, LARGE, LARGE),
        Deed::StopsInside => packet(REQUEST, 100, 50),
        Deed::Claims => packet(REQUEST, LARGEST, LARGE),
        Deed::StallsInHandshake => [0x16, 3, 1, 2, 0, 1][..6 * (number % 2)].to_vec(),
        // Many at a time, as a flood is.
        Deed::FloodsPings => packet(PING, 0, 0).repeat(100),
        Deed::FloodsCancels => packet(CANCEL, 0, 0).repeat(100),
        Deed::FloodsOneWays => packet(ONE_WAY, 100, 100).repeat(100),
    };
    write.write_all(&first).await?;
    at_it.add_permits(1);
    match deed {
        Deed::ReadsNothing => again(&mut write, &first, usize::MAX).await?,
        Deed::HalfClosed => {
            again(&mut write, &first, 7).await?;
            write.shutdown().await?;
        }
        Deed::Claims => again(&mut write, &vec![7; LARGE], LARGEST / LARGE * 3 / 4 - 1).await?,
        Deed::StopsInside | Deed::StallsInHandshake => {}
        Deed::FloodsPings => {
            let mut pongs = vec![0; 1 << 16];
            let reads = async {
                while read.read(&mut pongs).await? > 0 {}
                std::io::Result::Ok(())
            };
            tokio::try_join!(reads, again(&mut write, &first, usize::MAX))?;
        }
        Deed::FloodsCancels | Deed::FloodsOneWays => again(&mut write, &first, usize::MAX).await?,
    }
    // Stays connected until the process ends.
    std::future::pending::<()>().await;
    drop((read, write));
    Ok(())
}

async fn again(write: &mut OwnedWriteHalf, bytes: &[u8], times: usize) -> std::io::Result<()> {
    for _ in 0..times {
        write.write_all(bytes).await?;
    }
    Ok(())
}
