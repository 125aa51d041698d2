//! A network of datagrams in memory, by tokio's clock: it has a delay, can be cut, and writes down what passes.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use listenrain::BoxFuture;
use listenrain_transports::udp::{AsyncUdpSocket, BindUdp, RecvMeta, Transmit, UdpBinding, UdpPoller};
use tokio::time::{Instant, Sleep, sleep_until};

/// One network; cloning it gives another hold on the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    delay: Duration,
    cut: bool,
    /// Of every so many datagrams one is lost.
    lose_one_in: Option<usize>,
    sockets: BTreeMap<u16, Inbox>,
    next_port: u16,
    passed: Vec<Passed>,
    begun: Option<Instant>,
}

#[derive(Debug, Default)]
struct Inbox {
    waiting: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
}

/// One datagram, without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) at: Duration,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) len: usize,
}

impl Net {
    /// A network on which every datagram takes `delay`.
    pub(crate) fn with_delay(delay: Duration) -> Self {
        let net = Self::default();
        net.lock().delay = delay;
        net
    }

    /// Whether everything is lost from now on.
    pub(crate) fn cut(&self, on: bool) {
        self.lock().cut = on;
    }

    /// Loses one in `count` datagrams from now on.
    pub(crate) fn lose_one_in(&self, count: usize) {
        self.lock().lose_one_in = Some(count);
    }

    /// How many sockets are open.
    pub(crate) fn sockets(&self) -> usize {
        self.lock().sockets.len()
    }

    /// What has passed so far.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.lock().passed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl BindUdp for Net {
    fn bind<'a>(&'a self, ask: &'a UdpBinding) -> BoxFuture<'a, io::Result<Arc<dyn AsyncUdpSocket>>> {
        Box::pin(async move {
            let mut state = self.lock();
            let port = match ask.local.port() {
                0 => {
                    state.next_port += 1;
                    1000 + state.next_port
                }
                port => port,
            };
            if state.sockets.contains_key(&port) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            state.sockets.insert(port, Inbox::default());
            let alarm = Mutex::default();
            Ok(Arc::new(Socket { net: self.clone(), address: host(port), alarm }) as _)
        })
    }
}

/// The only host that there is, at `port`; no loopback address, for which QUIC would send large datagrams.
pub(crate) fn host(port: u16) -> SocketAddr {
    ([10, 0, 0, 1], port).into()
}

struct Socket {
    net: Net,
    address: SocketAddr,
    alarm: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({})", self.address)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let now = Instant::now();
        let mut state = self.net.lock();
        let begun = *state.begun.get_or_insert(now);
        let (from, to) = (self.address.port(), transmit.destination.port());
        let passed = Passed { at: now - begun, from, to, len: transmit.contents.len() };
        state.passed.push(passed);
        let due = now + state.delay;
        let is_lost =
            state.cut || state.lose_one_in.is_some_and(|count| state.passed.len().is_multiple_of(count));
        if !is_lost && let Some(inbox) = state.sockets.get_mut(&to) {
            inbox.waiting.push_back((due, self.address, transmit.contents.to_vec()));
            inbox.reader.take().into_iter().for_each(Waker::wake);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let inbox = state.sockets.get_mut(&self.address.port()).unwrap();
        inbox.reader = Some(cx.waker().clone());
        let Some((due, ..)) = inbox.waiting.front() else { return Poll::Pending };
        let mut alarm = self.alarm.lock().unwrap();
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(*due)));
        alarm.as_mut().reset(*due);
        if alarm.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let (_, addr, bytes) = inbox.waiting.pop_front().unwrap();
        bufs[0][..bytes.len()].copy_from_slice(&bytes);
        meta[0] = RecvMeta { addr, len: bytes.len(), stride: bytes.len(), ecn: None, dst_ip: None };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.net.lock().sockets.remove(&self.address.port());
    }
}

#[derive(Debug)]
struct Writable;

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
