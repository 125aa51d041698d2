//! What lies between the transport and the library: it counts dials, and can end channels from the far side.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use listenrain::buffer::ReadBuffer;
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelRead, NextError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::conformance::bed::{Bed, at_once};
use crate::conformance::failure::{Check, ensure};
use crate::layer::{Layer, Layered, Side, map_halves};

/// How a far side ends its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// As if reading had failed: its server resets the channel.
    Reset,
    /// As if the peer had ended: its server ends the channel in an orderly way.
    End,
    /// It hears nothing any more, so it says nothing; the channel stays open.
    Silence,
}

/// A layer that knows of every dial and of every channel that was accepted.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Known>);

#[derive(Default)]
struct Known {
    /// When each dial began.
    dials: watch::Sender<Vec<Instant>>,
    lines: Mutex<Vec<Weak<Line>>>,
    /// Channels that were accepted so far.
    accepted: watch::Sender<usize>,
    /// Accepted channels whose read half lives.
    open: watch::Sender<usize>,
    refuses: AtomicBool,
}

impl Tap {
    /// Puts it on top of the transport under test.
    pub(super) fn on(bed: &mut Bed) -> Self {
        let tap = Self::default();
        bed.transport = Arc::new(Layered::new(bed.transport.clone(), Arc::new(tap.clone())));
        tap
    }

    /// When each dial began, so far.
    pub(super) fn dials(&self) -> Vec<Instant> {
        self.0.dials.borrow().clone()
    }

    /// How many channels were accepted so far.
    pub(super) fn accepted(&self) -> usize {
        *self.0.accepted.borrow()
    }

    /// Waits until at least `count` dials have begun.
    pub(super) async fn dialled(&self, count: usize) -> Check {
        wait_for(&self.0.dials, |dials| dials.len() >= count, &format!("{count} dials")).await
    }

    /// Waits until `count` channels have been accepted, and makes sure that they are not more.
    pub(super) async fn has_accepted(&self, count: usize) -> Check {
        let what = format!("a server to have accepted {count} channels");
        wait_for(&self.0.accepted, |accepted| *accepted >= count, &what).await?;
        let accepted = self.accepted();
        ensure!(accepted == count, "{accepted} channels were accepted, expected {count}");
        Ok(())
    }

    /// Waits until no more than `count` accepted channels are open.
    pub(super) async fn is_open_at_most(&self, count: usize) -> Check {
        let what = format!("at most {count} accepted channels to be open");
        wait_for(&self.0.open, |open| *open <= count, &what).await
    }

    /// Ends every open channel from its far side.
    pub(super) fn end_all(&self, fate: Fate) {
        let lines = std::mem::take(&mut *lock(&self.0.lines));
        for line in lines.iter().filter_map(Weak::upgrade) {
            let waker = {
                let mut state = lock(&line.state);
                state.fate = Some(fate);
                state.reader.take()
            };
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether dials are refused for good from now on.
    pub(super) fn refuse_for_good(&self, on: bool) {
        self.0.refuses.store(on, Ordering::Release);
    }
}

async fn wait_for<T>(sender: &watch::Sender<T>, is_so: impl FnMut(&T) -> bool, what: &str) -> Check {
    let mut receiver = sender.subscribe();
    let waiting = async { receiver.wait_for(is_so).await.is_ok() };
    // The sender is at hand, so it cannot go meanwhile.
    at_once(&format!("waiting for {what}"), waiting).await.map(drop)
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

impl Layer for Tap {
    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        if side == Side::Dialer {
            self.0.dials.send_modify(|dials| dials.push(Instant::now()));
            if self.0.refuses.load(Ordering::Acquire) {
                let refused = NextError::lasting("dial", below.endpoint(), ErrorKind::Unsupported.into());
                return Box::pin(async { Err(refused) });
            }
        }
        below.next()
    }

    fn channel(&self, side: Side, channel: Channel) -> Channel {
        if side == Side::Dialer {
            return channel;
        }
        let line = Arc::<Line>::default();
        lock(&self.0.lines).push(Arc::downgrade(&line));
        self.0.open.send_modify(|open| *open += 1);
        self.0.accepted.send_modify(|accepted| *accepted += 1);
        let known = self.0.clone();
        map_halves(channel, |below| Box::new(Tapped { below, line, known }), |write| write)
    }
}

/// One accepted channel.
#[derive(Default)]
struct Line {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fate: Option<Fate>,
    reader: Option<Waker>,
}

struct Tapped {
    below: Box<dyn ChannelRead>,
    line: Arc<Line>,
    known: Arc<Known>,
}

impl ChannelRead for Tapped {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.line.state);
        match state.fate {
            None => {
                state.reader = Some(cx.waker().clone());
                drop(state);
                self.below.poll_read(cx, into)
            }
            Some(Fate::Reset) => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            Some(Fate::End) => Poll::Ready(Ok(0)),
            Some(Fate::Silence) => Poll::Pending,
        }
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        self.known.open.send_modify(|open| *open -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
