//! A participant's end of the rendezvous: it answers pings at once, and hears what worker 0 says.

use std::io;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::clock::Clock;
use super::wire::{self, Hello, LONGEST_LINE, Message, ReadHalf, Reader, Role, Sender, WriteHalf};

/// Between two dials of a worker 0 that is not there yet.
const DIAL_EVERY: Duration = Duration::from_millis(100);
/// How long the last words may take to leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// Why a participant has no more to do.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Worker 0 was not there in time, or its address is none.
    #[error("no worker 0 at {address} within {within:?}: {why}")]
    NotThere {
        /// As typed.
        address: String,
        /// How long it was tried.
        within: Duration,
        /// What the system said last.
        why: String,
    },
    /// Worker 0 cannot listen.
    #[error("worker 0 cannot listen at {address}: {why}")]
    NoListener {
        /// As typed.
        address: String,
        /// What the system said.
        why: String,
    },
    /// There is no place for this one.
    #[error("refused by worker 0: {0}")]
    Refused(String),
    /// A participant failed or was interrupted: the run is aborted.
    #[error("the run is aborted: {0}")]
    Aborted(String),
    /// The connection to worker 0 ended before the run did.
    #[error("worker 0 is gone: {0}")]
    Gone(String),
    /// The word to start came when it should have started.
    #[error("the start message came {0:?} after the start that it announced")]
    Late(Duration),
    /// The parts do not add up.
    #[error("the parts cannot be merged: {0}")]
    Merge(String),
}

/// A place that was taken with HELLO. Dropped, it is left without a word, which ends the run for all.
#[derive(Debug)]
pub(super) struct Participant {
    clock: Clock,
    outgoing: Sender,
    incoming: mpsc::UnboundedReceiver<Message>,
    ended: watch::Receiver<Option<Ended>>,
    listener: AbortHandle,
    tasks: JoinSet<()>,
}

impl Participant {
    /// Says HELLO as `role`.
    pub(super) fn take(read: ReadHalf, write: WriteHalf, role: Role) -> Self {
        let clock = Clock::new();
        let (outgoing, writer) = wire::writer(write);
        let (heard, incoming) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let mut tasks = JoinSet::new();
        tasks.spawn(writer);
        let _ = outgoing.send(Message::Hello(hello(role)));
        let listener = tasks.spawn(listen(Reader::new(read), clock, outgoing.clone(), heard, end));
        Self { clock, outgoing, incoming, ended, listener, tasks }
    }

    /// Says HELLO to worker 0 at `address`, which may start within `within`.
    pub(super) async fn dial(address: &str, within: Duration, role: Role) -> Result<Self, Ended> {
        let stream = dial(address, within).await?;
        let (read, write) = stream.into_split();
        Ok(Self::take(Box::new(read), Box::new(write), role))
    }

    pub(super) fn say(&self, message: Message) {
        // Nobody hears it only where the end has been noticed, or is about to be.
        let _ = self.outgoing.send(message);
    }

    /// What worker 0 says next.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Message, Ended> {
        let mut ended = self.ended.clone();
        tokio::select! {
            biased;
            Some(message) = self.incoming.recv() => Ok(message),
            ended = end(&mut ended) => Err(ended),
        }
    }

    /// Resolves when the run is over before its time, and why. It need not be waited for.
    pub(super) fn ended(&self) -> impl Future<Output = Ended> + Send + 'static {
        let mut ended = self.ended.clone();
        async move { end(&mut ended).await }
    }

    /// When `at_ns` of our own clock is.
    ///
    /// # Errors
    ///
    /// [`Ended::Late`] when it is over.
    pub(super) fn instant(&self, at_ns: u64) -> Result<Instant, Ended> {
        let (at, now) = (self.clock.instant(at_ns), Instant::now());
        if at > now { Ok(at) } else { Err(Ended::Late(now - at)) }
    }

    /// Lets the last words leave, and goes.
    pub(super) async fn leave(mut self) {
        self.listener.abort();
        drop(self.outgoing);
        // A peer that reads nothing any more must not keep us.
        let _ = timeout(LEAVE_WITHIN, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

fn hello(role: Role) -> Hello {
    Hello { protocol: wire::VERSION, version: env!("CARGO_PKG_VERSION").to_owned(), role }
}

async fn end(ended: &mut watch::Receiver<Option<Ended>>) -> Ended {
    let gone = || Ended::Gone("its connection ended".to_owned());
    match ended.wait_for(Option::is_some).await {
        Ok(ended) => ended.clone().unwrap_or_else(gone),
        Err(_) => gone(),
    }
}

async fn listen(
    mut reader: Reader,
    clock: Clock,
    outgoing: Sender,
    heard: mpsc::UnboundedSender<Message>,
    end: watch::Sender<Option<Ended>>,
) {
    loop {
        let ended = match reader.next(LONGEST_LINE).await {
            Ok(Message::Ping { number }) => {
                let _ = outgoing.send(Message::Pong { number, at_ns: clock.ns(Instant::now()) });
                continue;
            }
            Ok(Message::Refused { why }) => Ended::Refused(why),
            Ok(Message::Abort { why }) => Ended::Aborted(why),
            Ok(message) => {
                let _ = heard.send(message);
                continue;
            }
            Err(error) => Ended::Gone(error.to_string()),
        };
        let is_last = matches!(ended, Ended::Gone(_));
        // The first reason is the reason.
        end.send_if_modified(|known| known.is_none() && known.replace(ended).is_none());
        if is_last {
            return;
        }
    }
}

pub(super) async fn dial(address: &str, within: Duration) -> Result<TcpStream, Ended> {
    let mut last = "it did not answer".to_owned();
    let dialled = timeout(within, async {
        loop {
            match TcpStream::connect(address).await {
                Ok(stream) => return stream,
                Err(error) => last = error.to_string(),
            }
            sleep(DIAL_EVERY).await;
        }
    });
    match dialled.await {
        Ok(stream) => {
            // A socket that takes no option still carries bytes.
            let _ = prepare(&stream);
            Ok(stream)
        }
        Err(_) => Err(Ended::NotThere { address: address.to_owned(), within, why: last }),
    }
}

/// Pings want no waiting for more; and a host that lost its power ends no connection, so the system asks now and then.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let asks = TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    SockRef::from(stream).set_tcp_keepalive(&asks)
}
