//! Dialing: another channel on the current connection, or a new connection first.
//!
//! A dialer and its forks open their channels on one connection, until it has no room for more, is lost, or its listener is
//! gone; then the first of them that notices makes another, and the others wait for that one. A connection that carries no
//! channel for `idle_timeout` is closed. Options that do not go together are a final error; everything else may
//! pass. Dropping a dial closes what it had begun, and leaves the connection to the others.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use listenrain::{Channel, EndpointError, NextError};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::time::timeout;

use super::carrier::{Carrier, Unclaimed};
use super::connect::Target;
use super::error::{code, of_unanswered};
use super::greeting::{self, Unanswered};
use super::room::Room;
use crate::shared_dial::{Shareable, SharedDial};

/// Dials one endpoint, once for each channel. Clones share the connection.
#[derive(Clone)]
pub(super) struct Dialer {
    target: Arc<Target>,
    current: Arc<SharedDial<Connected>>,
}

/// A connection, and how many more channels this side wants on it.
#[derive(Debug)]
struct Connected {
    carrier: Arc<Carrier>,
    room: Arc<Room>,
}

/// Why no channel was opened on a connection that stood.
struct Unopened {
    error: io::Error,
    elsewhere: Elsewhere,
}

/// Whether another connection may have what this one has not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    Never,
    /// If this one is not new.
    IfOld,
    Surely,
}

/// How long a dial waits for the peer to raise its limit where that is due. The peer owes it from the moment at which it
/// knows of a channel's end on both sides, which is a round trip and what its own reader takes.
const LIMIT_IS_DUE: Duration = Duration::from_secs(1);

impl Target {
    pub(super) fn dialer(self) -> Result<Dialer, EndpointError> {
        Ok(Dialer { target: Arc::new(self), current: Arc::default() })
    }
}

impl Dialer {
    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        self.target.address.check_dialable(&self.target.endpoint)?;
        match timeout(self.target.options.connect_timeout, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(self.target.timed_out("channel")),
        }
    }

    async fn open(&self) -> Result<Channel, NextError> {
        loop {
            let Shareable { connection, is_fresh } = self.current.get(|| self.connect().boxed()).await?;
            let unopened = match self.open_on(&connection).await {
                Ok(channel) => return Ok(channel),
                Err(unopened) => unopened,
            };
            if unopened.elsewhere == Elsewhere::Never {
                return Err(self.target.failed(unopened.error));
            }
            self.current.forget(&connection);
            if is_fresh && unopened.elsewhere == Elsewhere::IfOld {
                return Err(self.target.failed(unopened.error));
            }
        }
    }

    /// Makes a connection, and sees to it that it does not stay unused.
    fn connect(&self) -> impl Future<Output = Result<Arc<Connected>, NextError>> + use<> {
        let (target, current) = (Arc::clone(&self.target), Arc::downgrade(&self.current));
        async move {
            let carrier = Arc::new(target.connect().await?);
            let room = Room::new(target.options.streams);
            let (mut usage, limit) = (carrier.usage(), target.options.idle_timeout);
            let connected = Arc::new(Connected { carrier, room });
            let unused = Arc::downgrade(&connected);
            tokio::spawn(async move {
                if usage.none_for(limit).await
                    && let (Some(current), Some(unused)) = (current.upgrade(), unused.upgrade())
                {
                    current.forget(&unused);
                }
            });
            Ok(connected)
        }
    }

    async fn open_on(&self, connected: &Arc<Connected>) -> Result<Channel, Unopened> {
        let Connected { carrier, room } = &**connected;
        let asked = self.current.ask(connected);
        let mut place = room.take().ok_or_else(|| Unopened::full(room))?;
        let mut streams = match open_stream(&carrier.connection, room).await {
            Ok(Some(streams)) => Unclaimed::new(streams, code::DONE),
            Ok(None) => return Err(Unopened::full(room)),
            Err(lost) => return Err(self.unopened(Unanswered::Lost(lost))),
        };
        place.opened();
        match greeting::call(&mut streams).await {
            Ok(()) => {
                asked.answered();
                Ok(carrier.channel(streams, Some(place)))
            }
            Err(unanswered) => {
                if !matches!(unanswered, Unanswered::Lost(_)) {
                    asked.answered();
                }
                Err(self.unopened(unanswered))
            }
        }
    }

    fn unopened(&self, unanswered: Unanswered) -> Unopened {
        let is_over = matches!(unanswered, Unanswered::Refused(code::GONE) | Unanswered::Lost(_));
        let elsewhere = if is_over { Elsewhere::IfOld } else { Elsewhere::Never };
        Unopened { error: of_unanswered(unanswered, self.target.alpn()), elsewhere }
    }
}

impl Unopened {
    fn full(room: &Room) -> Self {
        let error = io::Error::other("the connection has no room for another channel (streams)");
        // Where there was never room for any, another connection has none either.
        let elsewhere = if room.was_used() { Elsewhere::Surely } else { Elsewhere::IfOld };
        Self { error, elsewhere }
    }
}

/// A fresh stream; `None` when the peer allows no more, and is not about to.
async fn open_stream(
    connection: &Connection,
    room: &Room,
) -> Result<Option<(SendStream, RecvStream)>, ConnectionError> {
    let mut opening = pin!(connection.open_bi());
    match poll_fn(|cx| Poll::Ready(opening.as_mut().poll(cx))).await {
        Poll::Ready(opened) => opened.map(Some),
        Poll::Pending if room.is_below_its_most() => {
            timeout(LIMIT_IS_DUE, opening).await.map_or(Ok(None), |opened| opened.map(Some))
        }
        Poll::Pending => Ok(None),
    }
}
