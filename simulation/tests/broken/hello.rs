//! A sound transport with a hello on top of it, and what can be broken in that.
//!
//! A dialer says [`HELLO`], the listener answers with [`WELCOME`]; all that follows is the channel's user's.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{
    BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, NextError, Transport,
};
use listenrain_simulation::conformance::{RawPeer, Subject};
use listenrain_simulation::faults::{Layer, ReadFilter, Side, with_read};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::hooks::{Listening, Next, Polled, deliver, read_piece, sound, upon_transport};

const HELLO: &[u8] = b"hello, listener\n";
const WELCOME: &[u8] = b"welcome\n";
/// How long a dialer has for its hello.
const GREETED_WITHIN: Duration = Duration::from_secs(4);

/// What is done wrong with a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hello {
    /// Nothing.
    Sound,
    /// The next connection is looked at when the one before it was greeted, or has run out of time.
    OneAtATime,
    /// A wrong one is the end of the listener.
    EndsTheListener,
    /// A dialer reads on behind the welcome, and throws that away.
    ReadsTooFar,
}

impl Hello {
    /// A transport with this hello, and peers that need not say it.
    pub(crate) fn subject(self) -> Subject {
        let below = sound().transport().clone();
        let raw = below.clone();
        let raw = move |endpoint: Endpoint| {
            let dialer = raw.dialer(&endpoint).map_err(io::Error::other);
            async move { dialer?.next().await.map(UnknownPeer).map_err(io::Error::other) }
        };
        upon_transport(below, self).in_memory().with_raw_dialer(HELLO, raw)
    }

    async fn dialed(self, mut channel: Channel) -> io::Result<Channel> {
        write(&mut *channel.write, HELLO).await?;
        let (welcome, mut rest) = read(&mut *channel.read, WELCOME.len()).await?;
        if welcome != WELCOME {
            return Err(ErrorKind::InvalidData.into());
        }
        if self == Self::ReadsTooFar {
            rest = Bytes::new();
            let once = poll_fn(|cx| Poll::Ready(read_piece(&mut *channel.read, cx)));
            let _more = tokio::task::unconstrained(once).await;
        }
        Ok(with_read(channel, first(rest)))
    }
}

impl Layer for Hello {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        if side == Side::Listener {
            return below.next();
        }
        Box::pin(async {
            let channel = below.next().await?;
            let dialed = self.dialed(channel).await;
            dialed.map_err(|error| NextError::passing("dial", below.endpoint(), error))
        })
    }

    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        Box::pin(async {
            let below = below.listen(endpoint).await?;
            Ok(Box::new(Greeter { below, how: *self, greeting: JoinSet::new(), has_ended: false }) as _)
        })
    }
}

/// A listener that greets its dialers.
struct Greeter {
    below: Box<dyn ChannelGenerator>,
    how: Hello,
    greeting: JoinSet<io::Result<Channel>>,
    has_ended: bool,
}

impl ChannelGenerator for Greeter {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            while !self.has_ended {
                let has_room = self.how != Hello::OneAtATime || self.greeting.is_empty();
                tokio::select! {
                    biased;
                    Some(Ok(greeted)) = self.greeting.join_next() => match greeted {
                        Ok(channel) => return Ok(channel),
                        Err(error) if error.kind() == ErrorKind::InvalidData => {
                            self.has_ended = self.how == Hello::EndsTheListener;
                        }
                        // It went away, or said nothing.
                        Err(_) => {}
                    },
                    accepted = self.below.next(), if has_room => drop(self.greeting.spawn(greet(accepted?))),
                }
            }
            Err(NextError::lasting("accept", self.below.endpoint(), ErrorKind::InvalidData.into()))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

async fn greet(mut channel: Channel) -> io::Result<Channel> {
    let hello = timeout(GREETED_WITHIN, read(&mut *channel.read, HELLO.len())).await;
    let (hello, rest) = hello.map_err(|_| ErrorKind::TimedOut)??;
    if hello != HELLO {
        return Err(ErrorKind::InvalidData.into());
    }
    write(&mut *channel.write, WELCOME).await?;
    Ok(with_read(channel, first(rest)))
}

/// Delivers `held` before what is read.
pub(crate) fn first(mut held: Bytes) -> impl ReadFilter {
    move |below: &mut dyn ChannelRead, cx: &mut Context<'_>, into: &mut ReadBuffer| -> Polled<usize> {
        if held.is_empty() { below.poll_read(cx, into) } else { deliver(std::mem::take(&mut held), into) }
    }
}

/// The first `count` bytes, and what came with them.
async fn read(half: &mut dyn ChannelRead, count: usize) -> io::Result<(Bytes, Bytes)> {
    let mut came = BytesMut::new();
    while came.len() < count {
        let piece = poll_fn(|cx| read_piece(half, cx)).await?;
        if piece.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        came.extend_from_slice(&piece);
    }
    let first = came.split_to(count).freeze();
    Ok((first, came.freeze()))
}

async fn write(half: &mut dyn ChannelWrite, bytes: impl Into<Bytes>) -> io::Result<()> {
    let mut from = WriteBuffer::new(0);
    from.put(bytes.into());
    while from.has_remaining() {
        poll_fn(|cx| half.poll_write(cx, &mut from)).await?;
    }
    poll_fn(|cx| half.poll_flush(cx)).await
}

/// A peer that has connected without a hello.
struct UnknownPeer(Channel);

impl RawPeer for UnknownPeer {
    fn say(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(write(&mut *self.0.write, bytes))
    }
}
