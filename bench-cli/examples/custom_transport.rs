//! A transport of one's own, with a handshake and an abort; its conformance tests, and the whole load tool for it.
//! `docs/write-a-transport.md` is about it.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bench_cli::Registry;
use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::transport::{BoxFuture, Capabilities, ChannelGenerator, NextError, Transport, generator};
use listenrain::{Channel, ChannelFacts, ChannelRead, ChannelWrite, Endpoint, EndpointError};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::{task::JoinSet, time::timeout};

/// TCP behind a handshake: a dialer sends `HELLO` before anything else.
#[derive(Debug, Clone)]
struct Plain;

const HELLO: &[u8; 6] = b"plain1";
const MOST_HANDSHAKES: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

impl Transport for Plain {
    fn scheme(&self) -> &str {
        "plain"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        (capabilities.half_close, capabilities.abort) = (true, true);
        capabilities
    }

    fn dialer(&self, to: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (to, address) = (to.clone(), address(to)?);
        Ok(generator(to.clone(), move || {
            let to = to.clone();
            async move { dial(address).await.map_err(|error| NextError::passing("dial", &to, error)) }
        }))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let address = address(at).map_err(|error| NextError::invalid("listen", error))?;
            let failed = |error| NextError::passing("listen", at, error);
            let socket = TcpListener::bind(address).await.map_err(failed)?;
            let here = endpoint(socket.local_addr().map_err(failed)?);
            Ok(Box::new(Listener { socket, here, handshakes: JoinSet::new() }) as Box<dyn ChannelGenerator>)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        endpoint(([127, 0, 0, 1], 0).into())
    }
}

async fn dial(address: SocketAddr) -> io::Result<Channel> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(HELLO).await?;
    channel(stream)
}

struct Listener {
    socket: TcpListener,
    here: Endpoint,
    handshakes: JoinSet<io::Result<Channel>>,
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            loop {
                tokio::select! {
                    biased;
                    Some(done) = self.handshakes.join_next() => {
                        if let Ok(Ok(channel)) = done {
                            return Ok(channel);
                        }
                    }
                    accepted = self.socket.accept(), if self.handshakes.len() < MOST_HANDSHAKES => {
                        let failed = |error| NextError::passing("accept", &self.here, error);
                        let (stream, _) = accepted.map_err(failed)?;
                        self.handshakes.spawn(async { timeout(HANDSHAKE_TIMEOUT, handshake(stream)).await? });
                    }
                }
            }
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.here
    }
}

async fn handshake(mut stream: TcpStream) -> io::Result<Channel> {
    let mut hello = [0; HELLO.len()];
    stream.read_exact(&mut hello).await?;
    if hello == *HELLO { channel(stream) } else { Err(ErrorKind::InvalidData.into()) }
}

/// Either half of a channel. The socket closes when both are dropped.
struct Half {
    stream: Arc<TcpStream>,
    is_aborted: Arc<AtomicBool>,
}

impl Half {
    fn check(&self) -> io::Result<()> {
        if self.is_aborted.load(SeqCst) { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl ChannelRead for Half {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            self.check()?;
            match self.stream.try_read_buf(&mut into.spare()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

impl ChannelWrite for Half {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        loop {
            self.check()?;
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(from.chunk()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written.inspect(|count| from.advance(*count))),
            }
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.check())
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        match SockRef::from(&self.stream).shutdown(Shutdown::Write) {
            Err(error) if error.kind() == ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }

    fn abort(&mut self) {
        self.is_aborted.store(true, SeqCst);
        let _ = self.stream.set_zero_linger();
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Read);
    }
}

fn channel(stream: TcpStream) -> io::Result<Channel> {
    stream.set_nodelay(true)?;
    let (here, there) = (endpoint(stream.local_addr()?), endpoint(stream.peer_addr()?));
    let (stream, is_aborted) = (Arc::new(stream), Arc::new(AtomicBool::new(false)));
    let read = Half { stream: Arc::clone(&stream), is_aborted: Arc::clone(&is_aborted) };
    let facts = ChannelFacts::new("plain").between(Some(here), Some(there));
    Ok(Channel::from_halves(read, Half { stream, is_aborted }, facts))
}

fn address(of: &Endpoint) -> Result<SocketAddr, EndpointError> {
    if of.scheme() != "plain" {
        return Err(of.invalid("is not for the transport `plain`"));
    }
    if let Some((name, _)) = of.options().next() {
        return Err(of.invalid(format!("has the option `{name}`; `plain` has no options")));
    }
    of.address().parse().map_err(|_| of.invalid("should have an address such as 127.0.0.1:80"))
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new("plain", &address.to_string()).expect("an address and a port make an endpoint")
}

listenrain_simulation::conformance!(
    plain,
    listenrain_simulation::conformance::Subject::from(Plain)
        .with_raw_dialer(&HELLO[..], |at| async move { TcpStream::connect(at.address()).await })
);

fn main() -> ExitCode {
    bench_cli::main_with(Registry::standard().with(Plain))
}
