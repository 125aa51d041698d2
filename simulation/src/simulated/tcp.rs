//! The simulator's TCP as a transport: `tcp://server:7000`, `tcp://192.168.0.1:7000`.
//!
//! * **Half-close**: [`poll_shutdown`](listenrain::ChannelWrite::poll_shutdown) sends a FIN; the other direction goes on.
//! * **Abort**: cannot be had as such, since the simulator sends a RST only for bytes left unread. An abort tells the local
//!   reader, with `ConnectionAborted`; when both halves are dropped the peer sees `ConnectionReset` if bytes were left
//!   unread, else an orderly end. So [`Capabilities::abort`] is false.
//! * **Dropping**: an orderly end, unless bytes were left unread: then a reset, which may overtake what was written.
//! * **Backpressure**: the simulator's `tcp_capacity` of writes that the peer has not read, however large each is.
//! * **Peer identity**: its host's name, nothing more.
//!
//! What one write takes, one read gives: nothing is cut or joined on the way. A write that is lost on the way leaves the
//! channel silent for ever, as if the path were dead. Writing that waits for room is not woken by a reset, reading is.
//! Listening binds every address of the host. Every dial that fails keeps one of the host's 16,384 ports for ever, and
//! when there is none left the simulator panics.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::channel::Plain;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelFacts, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint,
    EndpointError, NextError, Transport, TransportId,
};
use tokio::time::timeout;
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};

use super::names;

const SCHEME: &str = "tcp";

/// The transport of `tcp://` endpoints on one simulated host.
#[derive(Debug, Clone)]
pub struct SimulatedTcp {
    host: String,
    connect_timeout: Duration,
    id: TransportId,
}

impl SimulatedTcp {
    /// The TCP of `host`, by which name the simulation must know the host that it runs on.
    #[must_use]
    pub fn on(host: &str) -> Self {
        Self { host: host.to_owned(), connect_timeout: Duration::from_secs(10), id: TransportId::new() }
    }

    /// How long one dial may take; beyond it the dial fails with `TimedOut`. Default: 10 s, as for real TCP. What makes a dial
    /// wait is a host that is down, a link on hold, or a listener that does not accept; where there is no listener, or the link
    /// is cut, it is refused.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self.id = TransportId::new();
        self
    }

    /// Binds what `asked` says, and the endpoint by which others reach it.
    async fn bind(&self, asked: &Endpoint) -> Result<Listener, NextError> {
        let (host, port) = parts(asked).map_err(|error| NextError::invalid("listen", error))?;
        let bound = async {
            let local = SocketAddr::new(names::address(host).await?, port);
            let own = names::address(&self.host).await?;
            let listener = TcpListener::bind(names::bindable(local, own)?).await?;
            let real = listener.local_addr()?;
            let reached = if real.ip().is_loopback() { real } else { SocketAddr::new(own, real.port()) };
            Ok((listener, reached))
        };
        let (listener, reached) = bound.await.map_err(|error| NextError::passing("listen", asked, error))?;
        Ok(Listener { endpoint: endpoint(reached), listener })
    }
}

impl Transport for SimulatedTcp {
    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.half_close = true;
        capabilities
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (host, port) = parts(endpoint)?;
        let (host, limit) = (host.to_owned(), self.connect_timeout);
        Ok(Box::new(Dialer { endpoint: endpoint.clone(), host, port, limit }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move { Ok(Box::new(self.bind(endpoint).await?) as _) })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new(SCHEME, &format!("{}:0", self.host)).expect("the name of a host is a legal address")
    }

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
    }
}

/// Accepts connections at one port of this host. `next` is cancel safe: what is queued stays queued.
struct Listener {
    endpoint: Endpoint,
    listener: TcpListener,
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            let accepted = self.listener.accept().await.and_then(|(stream, _)| channel(stream));
            accepted.map_err(|error| NextError::passing("accept", &self.endpoint, error))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// Dials one endpoint, looking its name up each time.
#[derive(Clone)]
struct Dialer {
    endpoint: Endpoint,
    host: String,
    port: u16,
    limit: Duration,
}

impl Dialer {
    async fn dial(&self) -> io::Result<Channel> {
        let Ok(connected) = timeout(self.limit, TcpStream::connect((&*self.host, self.port))).await else {
            let text = format!("no connection within {:?} (connect_timeout)", self.limit);
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        };
        channel(connected?)
    }
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            if self.port == 0 {
                let why = "port 0 cannot be dialled; it asks a listener to choose one";
                return Err(NextError::invalid("dial", self.endpoint.invalid(why)));
            }
            self.dial().await.map_err(|error| NextError::passing("dial", &self.endpoint, error))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        Some(Box::new(self.clone()))
    }
}

/// Host and port of `endpoint`; an IPv6 address without its brackets.
fn parts(endpoint: &Endpoint) -> Result<(&str, u16), EndpointError> {
    if endpoint.scheme() != SCHEME {
        return Err(endpoint.invalid(format!("is not for the transport `{SCHEME}`")));
    }
    if let Some((name, _)) = endpoint.options().next() {
        return Err(endpoint.invalid(format!("there is no option `{name}`, nor any other")));
    }
    let Some((host, port)) = endpoint.address().rsplit_once(':') else {
        return Err(endpoint.invalid("has no port; write it like tcp://server:7000"));
    };
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let Some(port) = is_number.then(|| port.parse().ok()).flatten() else {
        return Err(endpoint.invalid(format!("port `{port}` must be a number from 0 to 65535")));
    };
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '[', ']', '/', '@']),
    };
    if !is_host {
        return Err(endpoint.invalid(format!("host `{host}` is neither a name nor an address")));
    }
    Ok((inner.unwrap_or(host), port))
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new(SCHEME, &names::written(address)).expect("the name of a host is a legal address")
}

fn channel(stream: TcpStream) -> io::Result<Channel> {
    let (local, peer) = (endpoint(stream.local_addr()?), endpoint(stream.peer_addr()?));
    let facts = ChannelFacts::new(SCHEME).between(Some(local), Some(peer));
    let (read, write) = stream.into_split();
    let stream = Stream { read: Plain(read), write: Some(Plain(write)), reader: None, state: State::Open };
    let stream = Arc::new(Mutex::new(stream));
    Ok(Channel::from_halves(ReadHalf(stream.clone()), WriteHalf(stream), facts))
}

/// What the two halves share. As with a real socket it closes when both are gone: the simulator would answer whatever
/// comes after its own read half with a reset, an end too.
struct Stream {
    /// Dropped first: for bytes left unread the simulator sends a reset in place of an end.
    read: Plain<OwnedReadHalf>,
    write: Option<Plain<OwnedWriteHalf>>,
    reader: Option<Waker>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    /// Writing has ended.
    Ended,
    Aborted,
}

impl Stream {
    fn check(&self) -> io::Result<()> {
        if self.state != State::Aborted {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "this side aborted the channel"))
    }

    fn write(&mut self) -> io::Result<&mut Plain<OwnedWriteHalf>> {
        self.check()?;
        Ok(self.write.as_mut().expect("it is there as long as its half"))
    }
}

type Shared = Arc<Mutex<Stream>>;

fn lock(stream: &Shared) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

struct ReadHalf(Shared);

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let mut stream = lock(&self.0);
        stream.check()?;
        let read = stream.read.poll_read(cx, into);
        let waits = read.is_pending().then(|| cx.waker().clone());
        let old = std::mem::replace(&mut stream.reader, waits);
        drop(stream);
        // Dropping a waker may run any code.
        drop(old);
        read
    }
}

struct WriteHalf(Shared);

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        lock(&self.0).write()?.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).write()?.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = lock(&self.0);
        // The simulator calls a second time an error.
        if stream.state != State::Ended {
            ready!(stream.write()?.poll_shutdown(cx))?;
            stream.state = State::Ended;
        }
        Poll::Ready(Ok(()))
    }

    fn abort(&mut self) {
        let reader = {
            let mut stream = lock(&self.0);
            stream.state = State::Aborted;
            stream.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for WriteHalf {
    /// Ends the stream in an orderly way while it is still read. Else it closes as a whole, as it does after an abort.
    fn drop(&mut self) {
        let is_read = Arc::strong_count(&self.0) > 1;
        let mut stream = lock(&self.0);
        if is_read && stream.state != State::Aborted {
            stream.write = None;
        }
    }
}
