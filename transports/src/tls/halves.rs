//! The two halves of a TLS channel, and the end of its session.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BufMut;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::incoming::Incoming;
use super::session::{Decrypted, Session};
use crate::halves::aborted;
use crate::locks::lock;

/// Every piece is copied once, into its record, however it lies.
const FLATTEN_BELOW: usize = 512;

pub(super) fn split(session: Session) -> (ReadHalf, WriteHalf) {
    let has_more = session.has_early;
    let shared = Arc::new(Shared { session: Arc::new(session), left: Mutex::default() });
    let read = ReadHalf { shared: shared.clone(), incoming: Incoming::default(), has_more, ended: false };
    (read, WriteHalf { shared, ended: false })
}

/// What the halves have in common. The last of them to go ends the session.
struct Shared {
    session: Arc<Session>,
    /// What a read half that is gone had not decrypted.
    left: Mutex<Incoming>,
}

pub(super) struct ReadHalf {
    shared: Arc<Shared>,
    incoming: Incoming,
    /// Whether there may be something to deliver before anything more has come.
    has_more: bool,
    ended: bool,
}

impl ReadHalf {
    /// Makes room only for what there is, so that a connection that never sends costs none.
    fn poll_decrypt(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<Decrypted>> {
        let session = &*self.shared.session;
        loop {
            if self.has_more {
                let mut spare = into.spare();
                let decrypted = session.decrypt(&mut self.incoming, &mut spare)?;
                let is_full = !spare.has_remaining_mut();
                self.has_more = is_full || session.is_over();
                if decrypted != Decrypted::Hungry {
                    return Poll::Ready(Ok(decrypted));
                }
            }
            if ready!(self.incoming.poll_fill(&session.socket, cx))? == 0 {
                return Poll::Ready(Err(cut()));
            }
            self.has_more = true;
        }
    }
}

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let decrypted = ready!(self.poll_decrypt(cx, into));
        // An abort makes the socket report its end to this side too; it must not look like the peer's.
        if self.shared.session.is_aborted() {
            return Poll::Ready(Err(aborted()));
        }
        match decrypted? {
            Decrypted::Bytes(count) => Poll::Ready(Ok(count)),
            Decrypted::End | Decrypted::Hungry => {
                self.ended = true;
                Poll::Ready(Ok(0))
            }
        }
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        let mut left = lock(&self.shared.left);
        *left = std::mem::take(&mut self.incoming);
    }
}

pub(super) struct WriteHalf {
    shared: Arc<Shared>,
    ended: bool,
}

impl WriteHalf {
    fn session(&self) -> io::Result<&Session> {
        let session = &*self.shared.session;
        if session.is_aborted() { Err(aborted()) } else { Ok(session) }
    }
}

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let session = self.session()?;
        if from.is_empty() { Poll::Ready(Ok(0)) } else { session.poll_write(cx, from) }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session()?.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let session = self.session()?;
        if !self.ended {
            ready!(session.poll_end(cx))?;
            self.ended = true;
        }
        Poll::Ready(Ok(()))
    }

    fn abort(&mut self) {
        self.shared.session.abort();
    }

    fn flatten_below(&self) -> usize {
        FLATTEN_BELOW
    }
}

/// How long a session may go on once its channel has no holder any more.
const PARTING: Duration = Duration::from_secs(10);

impl Drop for Shared {
    fn drop(&mut self) {
        let session = self.session.clone();
        if session.is_aborted() {
            return;
        }
        let mut left = std::mem::take(self.left.get_mut().unwrap_or_else(PoisonError::into_inner));
        if session.is_unread(&mut left) {
            return session.reset_when_closed();
        }
        let is_ended = session.poll_end(&mut Context::from_waker(Waker::noop())).is_ready();
        if is_ended && session.is_over() {
            return;
        }
        // Until all has left, the peer must not take the end of the socket for an orderly one.
        if !is_ended {
            session.reset_when_closed();
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { timeout(PARTING, part(&session, left, is_ended)).await });
        }
    }
}

/// Sends what has not left yet, then waits for the peer's end. A socket that was closed before would answer that end with a
/// reset, since in TLS it is bytes, and what the peer has not read yet would be lost.
async fn part(session: &Session, mut left: Incoming, is_ended: bool) {
    if !is_ended {
        if poll_fn(|cx| session.poll_end(cx)).await.is_err() {
            return;
        }
        session.close_in_order();
    }
    loop {
        match session.decrypt(&mut left, &mut Vec::new().limit(1)) {
            Ok(Decrypted::Hungry) => {}
            Ok(Decrypted::Bytes(_)) => return session.reset_when_closed(),
            Ok(Decrypted::End) | Err(_) => return,
        }
        if !matches!(poll_fn(|cx| left.poll_fill(&session.socket, cx)).await, Ok(1..)) {
            return;
        }
    }
}

fn cut() -> io::Error {
    let text = "the connection ended before the peer said that it would: what has come may be cut short";
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}
