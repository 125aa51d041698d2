//! A network in memory: UDP with seeded faults, by tokio's clock, and the means to look at it and to tamper with it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use listenrain::BoxFuture;
use listenrain_transports::sctp::Entropy;
use listenrain_transports::udp::{AsyncUdpSocket, BindUdp, RecvMeta, Transmit, UdpBinding, UdpPoller};
use tokio::time::{Instant, sleep};

/// What the network does to datagrams. By default it only takes a millisecond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    /// Of a thousand datagrams, how many are lost.
    pub(crate) loss: u64,
    /// How many come twice.
    pub(crate) twice: u64,
    /// How many are held back for up to 20 ms, so that others overtake them.
    pub(crate) late: u64,
    /// Longer ones never arrive.
    pub(crate) longest: usize,
    pub(crate) latency: Duration,
    /// Nothing arrives any more.
    pub(crate) is_cut: bool,
    /// No socket takes anything to be sent.
    pub(crate) is_full: bool,
}

impl Default for Faults {
    fn default() -> Self {
        let latency = Duration::from_millis(1);
        Self { loss: 0, twice: 0, late: 0, longest: usize::MAX, latency, is_cut: false, is_full: false }
    }
}

/// One datagram that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Since the network was made.
    pub(crate) at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// The network, and a source of its sockets.
#[derive(Debug, Clone)]
pub(crate) struct Network(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    faults: Faults,
    ports: BTreeMap<SocketAddr, Weak<Port>>,
    next_port: u16,
    sent: Vec<Sent>,
    lost: usize,
    /// Who waits for room.
    waiting: Vec<Waker>,
    start: Instant,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            faults: Faults::default(),
            ports: BTreeMap::new(),
            next_port: 40_000,
            sent: Vec::new(),
            lost: 0,
            waiting: Vec::new(),
            start: Instant::now(),
        })))
    }

    /// A network on which every datagram takes `latency`.
    pub(crate) fn with_latency(latency: Duration) -> Self {
        let network = Self::new(1);
        network.set(|faults| faults.latency = latency);
        network
    }

    /// Whether everything is lost from now on.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.set(|faults| faults.is_cut = is_cut);
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Faults)) {
        let mut state = self.lock();
        change(&mut state.faults);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Every datagram that was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    pub(crate) fn lost(&self) -> usize {
        self.lock().lost
    }

    /// How many sockets are open.
    pub(crate) fn sockets(&self) -> usize {
        self.lock().ports.values().filter(|port| port.strong_count() > 0).count()
    }

    /// Delivers `bytes` to `to` as if they came from `from`.
    pub(crate) fn inject(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let port = self.lock().ports.get(&to).and_then(Weak::upgrade);
        if let Some(port) = port {
            port.deliver(Ok((from, bytes.to_vec())));
        }
    }

    /// The socket at `at` reports `kind` when it is read next.
    pub(crate) fn fail(&self, at: SocketAddr, kind: io::ErrorKind) {
        let port = self.lock().ports.get(&at).and_then(Weak::upgrade).expect("a socket");
        port.deliver(Err(kind));
    }

    /// A socket without a transport behind it.
    pub(crate) fn raw(&self, at: SocketAddr) -> Raw {
        let port = self.open(&UdpBinding::at(at)).unwrap();
        Raw { port }
    }

    fn open(&self, ask: &UdpBinding) -> io::Result<Arc<Port>> {
        let mut state = self.lock();
        let mut local = ask.local;
        if local.ip().is_unspecified() {
            local.set_ip("10.0.0.1".parse().unwrap());
        }
        if local.port() == 0 {
            state.next_port += 1;
            local.set_port(state.next_port);
        }
        if state.ports.get(&local).is_some_and(|port| port.strong_count() > 0) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let port = Arc::new(Port { network: self.clone(), local, peer: ask.peer, queue: Mutex::default() });
        state.ports.insert(local, Arc::downgrade(&port));
        Ok(port)
    }

    fn send(&self, from: &Port, to: SocketAddr, bytes: &[u8]) {
        let mut state = self.lock();
        let elapsed = state.start.elapsed();
        // The watchdog of a clock that jumps ahead.
        assert!(elapsed < Duration::from_secs(3 * 3600), "stuck");
        state.sent.push(Sent { at: elapsed, from: from.local, to, bytes: bytes.to_vec() });
        let faults = state.faults;
        if faults.is_cut || bytes.len() > faults.longest || state.chance(faults.loss) {
            state.lost += 1;
            return;
        }
        let copies = if state.chance(faults.twice) { 2 } else { 1 };
        for _ in 0..copies {
            let late = if state.chance(faults.late) { state.random.u64(..20_000) } else { 0 };
            let on_its_way = faults.latency + Duration::from_micros(late);
            let sender = from.peer.and_then(|_| state.ports.get(&from.local).cloned());
            let (network, from, bytes) = (self.clone(), from.local, bytes.to_vec());
            tokio::spawn(async move {
                sleep(on_its_way).await;
                network.arrive(from, to, bytes, sender);
            });
        }
    }

    fn arrive(&self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, sender: Option<Weak<Port>>) {
        let port = self.lock().ports.get(&to).and_then(Weak::upgrade);
        match (port, sender.as_ref().and_then(Weak::upgrade)) {
            (Some(port), _) => port.deliver(Ok((from, bytes))),
            (None, Some(sender)) => sender.deliver(Err(io::ErrorKind::ConnectionRefused)),
            (None, None) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn chance(&mut self, of_a_thousand: u64) -> bool {
        self.random.u64(..1000) < of_a_thousand
    }
}

impl BindUdp for Network {
    fn bind<'a>(&'a self, ask: &'a UdpBinding) -> BoxFuture<'a, io::Result<Arc<dyn AsyncUdpSocket>>> {
        Box::pin(async move { Ok(self.open(ask)? as _) })
    }
}

struct Port {
    network: Network,
    local: SocketAddr,
    peer: Option<SocketAddr>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    arrived: VecDeque<Result<(SocketAddr, Vec<u8>), io::ErrorKind>>,
    waker: Option<Waker>,
}

impl Port {
    fn deliver(&self, what: Result<(SocketAddr, Vec<u8>), io::ErrorKind>) {
        let mut queue = self.queue.lock().unwrap();
        queue.arrived.push_back(what);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_take(&self, cx: &Context<'_>) -> Poll<io::Result<(SocketAddr, Vec<u8>)>> {
        let mut queue = self.queue.lock().unwrap();
        match queue.arrived.pop_front() {
            Some(arrived) => Poll::Ready(arrived.map_err(io::Error::from)),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncUdpSocket for Port {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Room(self.network.clone()))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.network.lock().faults.is_full {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for bytes in transmit.contents.chunks(size) {
            self.network.send(self, transmit.destination, bytes);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (from, bytes) = std::task::ready!(self.poll_take(cx))?;
        let len = bytes.len().min(bufs[0].len());
        bufs[0][..len].copy_from_slice(&bytes[..len]);
        meta[0] = RecvMeta { addr: from, len, stride: len, ..RecvMeta::default() };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn max_transmit_segments(&self) -> usize {
        8
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("local", &self.local).finish_non_exhaustive()
    }
}

/// There is room unless the network is full.
#[derive(Debug)]
struct Room(Network);

impl UdpPoller for Room {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.faults.is_full {
            state.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

/// A socket whose owner says what it wants.
pub(crate) struct Raw {
    port: Arc<Port>,
}

impl Raw {
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        self.port.network.send(&self.port, to, bytes);
    }

    pub(crate) async fn receive(&self) -> Vec<u8> {
        let received = std::future::poll_fn(|cx| self.port.poll_take(cx));
        // On a clock that jumps ahead, this is what nobody answers.
        tokio::time::timeout(Duration::from_secs(3600), received).await.expect("stuck").unwrap().1
    }
}

/// Random numbers out of a seed, so that the same happens each time.
#[derive(Debug)]
pub(crate) struct Seeded(Mutex<fastrand::Rng>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(fastrand::Rng::with_seed(seed))))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap().fill(bytes);
        Ok(())
    }
}
