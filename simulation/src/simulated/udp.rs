//! The simulator's UDP as sockets for QUIC, and what becomes of each datagram on its way to them.
//!
//! This is the only file that touches the simulator's UDP. A [`Tamper`] says for each datagram what shall happen to it,
//! this file carries it out, and then the simulator's own latency and loss come on top. A port without a listener never
//! answers: a dial there takes its whole timeout. There are no larger bundles of datagrams, and no marks of
//! congestion.

use std::fmt::{self, Debug};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use listenrain::BoxFuture;
use listenrain_transports::udp::{
    AlwaysWritable, AsyncUdpSocket, BindUdp, RecvMeta, Transmit, UdpBinding, UdpPoller,
};
use tokio::task::JoinSet;
use tokio::time::sleep;
use turmoil::net::UdpSocket;

use super::names;

/// Decides what becomes of datagrams.
///
/// # Contract
///
/// 1. It is asked once for each datagram, in the order in which they are sent, before the simulator sees it.
/// 2. It is asked on the host that sends, where [`turmoil::sim_elapsed`] tells the time, and in the middle of sending: it must
///    not send, wait or block.
/// 3. What is random about it comes from a seed, or runs will not repeat.
pub trait Tamper: Send + Sync + Debug + 'static {
    /// What shall become of `datagram`.
    fn fate(&self, datagram: &Datagram) -> Fate;
}

/// One datagram on its way, without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram {
    /// Where it comes from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// How long it is. Unit: bytes, without the headers of IP and UDP.
    pub len: usize,
}

/// What becomes of one datagram: by default it goes its way, and each method adds one thing to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    copies: usize,
    flip: Option<(usize, u8)>,
    delay: Duration,
}

impl Fate {
    /// It goes its way.
    pub const PASS: Self = Self { copies: 1, flip: None, delay: Duration::ZERO };

    /// It is lost.
    pub const LOSE: Self = Self { copies: 0, ..Self::PASS };

    /// It goes its way twice.
    pub const DOUBLE: Self = Self { copies: 2, ..Self::PASS };

    /// The same, with the byte at `at` changed by `xor`; its length stays. Beyond its end `at` counts from the start again;
    /// 0 changes nothing.
    #[must_use]
    pub const fn corrupt(mut self, at: usize, xor: u8) -> Self {
        self.flip = Some((at, xor));
        self
    }

    /// The same, `by` later, on top of what the simulator's latency adds; rounded up to whole milliseconds, as all time is
    /// there. At most [`MOST_DELAYED`] datagrams of a socket wait at once.
    #[must_use]
    pub const fn delay(mut self, by: Duration) -> Self {
        self.delay = by;
        self
    }
}

/// How many datagrams of one socket may be delayed at once; further ones are lost, as in a router whose queue is full.
pub const MOST_DELAYED: usize = 4096;

/// Lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
struct Untouched;

impl Tamper for Untouched {
    fn fate(&self, _datagram: &Datagram) -> Fate {
        Fate::PASS
    }
}

/// The UDP sockets of one simulated host.
#[derive(Debug, Clone)]
pub struct SimulatedUdp {
    host: String,
    tamper: Arc<dyn Tamper>,
}

impl SimulatedUdp {
    /// The UDP of `host`, by which name the simulation must know the host that it runs on. Everything passes.
    #[must_use]
    pub fn on(host: &str) -> Self {
        Self { host: host.to_owned(), tamper: Arc::new(Untouched) }
    }

    /// The same, where `tamper` decides what becomes of each datagram that this host sends. Sockets that are bound already
    /// keep theirs.
    #[must_use]
    pub fn with_tamper(mut self, tamper: Arc<dyn Tamper>) -> Self {
        self.tamper = tamper;
        self
    }
}

impl BindUdp for SimulatedUdp {
    fn bind<'a>(&'a self, ask: &'a UdpBinding) -> BoxFuture<'a, io::Result<Arc<dyn AsyncUdpSocket>>> {
        Box::pin(async move {
            let own = names::address(&self.host).await?;
            let io = UdpSocket::bind(names::bindable(ask.local, own)?).await?;
            let local = seen_as(io.local_addr()?, own, ask.peer);
            if let Some(peer) = ask.peer {
                io.connect(peer).await?;
            }
            let (tamper, peer) = (self.tamper.clone(), ask.peer);
            let io = Arc::new(io);
            Ok(Arc::new(Socket {
                io,
                local,
                peer,
                tamper,
                arrival: Mutex::default(),
                delayed: Mutex::default(),
            }) as _)
        })
    }
}

/// The address by which a peer knows what is bound at `bound` on the host at `own`.
fn seen_as(bound: SocketAddr, own: IpAddr, peer: Option<SocketAddr>) -> SocketAddr {
    let ip = match peer {
        Some(peer) if peer.ip().is_loopback() => peer.ip(),
        _ if bound.ip().is_loopback() => bound.ip(),
        _ => own,
    };
    SocketAddr::new(ip, bound.port())
}

struct Socket {
    /// Other holders hold it weakly: it goes with this socket.
    io: Arc<UdpSocket>,
    local: SocketAddr,
    peer: Option<SocketAddr>,
    tamper: Arc<dyn Tamper>,
    /// A wait for something to arrive, which the simulator has no other word for. It holds the receiving end of `io`.
    arrival: Mutex<Option<Arrival>>,
    delayed: Mutex<JoinSet<()>>,
}

type Arrival = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

impl Socket {
    fn carry_out(&self, fate: Fate, to: SocketAddr, contents: &[u8]) -> io::Result<()> {
        let corrupted = fate.flip.map(|(at, xor)| flipped(contents, at, xor));
        let contents = corrupted.as_deref().unwrap_or(contents);
        for _ in 0..fate.copies {
            if fate.delay.is_zero() {
                self.io.try_send_to(contents, to)?;
            } else {
                self.send_later(fate.delay, to, contents.to_vec());
            }
        }
        Ok(())
    }

    fn send_later(&self, delay: Duration, to: SocketAddr, contents: Vec<u8>) {
        let mut delayed = lock(&self.delayed);
        while delayed.try_join_next().is_some() {}
        if delayed.len() >= MOST_DELAYED {
            tracing::debug!(from = %self.local, %to, limit = MOST_DELAYED, "a delayed datagram is lost");
            return;
        }
        let io = Arc::downgrade(&self.io);
        delayed.spawn(async move {
            sleep(delay).await;
            if let Some(io) = io.upgrade() {
                // As good as lost on its way.
                let _ = io.try_send_to(&contents, to);
            }
        });
    }

    /// As many datagrams as have arrived and `bufs` have room for, possibly none.
    fn take_arrived(&self, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> io::Result<usize> {
        let mut taken = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            match self.io.try_recv_from(buf) {
                Ok((len, addr)) => *meta = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            taken += 1;
        }
        Ok(taken)
    }
}

fn flipped(contents: &[u8], at: usize, xor: u8) -> Vec<u8> {
    let mut contents = contents.to_vec();
    let len = contents.len();
    if len > 0 {
        contents[at % len] ^= xor;
    }
    contents
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        // The simulator takes whatever is sent.
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let (to, len) = (transmit.destination, transmit.contents.len());
        let fate = self.tamper.fate(&Datagram { from: self.local, to, len });
        match self.carry_out(fate, to, transmit.contents) {
            // Without a peer it would be told of one peer to all of them.
            Err(error) if self.peer.is_none() => {
                tracing::trace!(%error, %to, "a datagram was not sent");
                Ok(())
            }
            sent => sent,
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut arrival = lock(&self.arrival);
        loop {
            if let Some(waiting) = &mut *arrival {
                ready!(waiting.as_mut().poll(cx))?;
                // It is over, and gives the receiving end back.
                *arrival = None;
            }
            let taken = self.take_arrived(bufs, meta)?;
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
            let io = self.io.clone();
            *arrival = Some(Box::pin(async move { io.readable().await }));
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("local", &self.local).field("peer", &self.peer).finish_non_exhaustive()
    }
}
