//! The channels between a client and its server, each with a handle by which it can be lost.
//!
//! A line ends on one side only, as if the system there had given it up; how the other side learns of it is the
//! transport's business. So lines can be lost over any transport.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use listenrain::transport::generator;
use listenrain::{Channel, ChannelGenerator, Endpoint, NextError};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

use crate::conformance::context::{Endpoints, Roles, TestContext};
use crate::conformance::failure::{Check, Failure};
use crate::faults::{Halves, Layer, Side};

/// Makes channels as a client asks for them: one end is the client's, the other waits to be taken.
pub(super) struct Lines {
    shared: Arc<Shared>,
    far: UnboundedReceiver<Channel>,
}

struct Shared {
    /// The dialer, and the listener.
    endpoints: tokio::sync::Mutex<Endpoints>,
    endpoint: Endpoint,
    roles: Roles,
    far: UnboundedSender<Channel>,
    /// The near and the far side of every channel so far.
    opened: watch::Sender<Vec<(Line, Line)>>,
}

impl Lines {
    /// In the roles of `context`: the client's end is the near one.
    pub(super) async fn new(context: &TestContext) -> Check<Self> {
        let endpoints = context.narrow_endpoints().await?;
        let (sender, far) = mpsc::unbounded_channel();
        let shared = Shared {
            endpoint: endpoints.listener.endpoint().clone(),
            endpoints: tokio::sync::Mutex::new(endpoints),
            roles: context.roles(),
            far: sender,
            opened: watch::Sender::default(),
        };
        Ok(Self { shared: Arc::new(shared), far })
    }

    /// What a client dials with.
    pub(super) fn dialer(&self) -> Box<dyn ChannelGenerator> {
        let shared = self.shared.clone();
        generator(shared.endpoint.clone(), move || shared.clone().open())
    }

    /// What a server listens with, and a handle on its lines.
    pub(super) fn listener(self) -> (Box<dyn ChannelGenerator>, Opened) {
        let (far, opened) =
            (Arc::new(tokio::sync::Mutex::new(self.far)), Opened(self.shared.opened.subscribe()));
        let endpoint = self.shared.endpoint.clone();
        let listener = generator(endpoint.clone(), move || {
            let (far, endpoint) = (far.clone(), endpoint.clone());
            async move {
                let next = far.lock().await.recv().await;
                next.ok_or_else(|| NextError::lasting("accept", &endpoint, ErrorKind::NotConnected.into()))
            }
        });
        (listener, opened)
    }
}

impl Shared {
    async fn open(self: Arc<Self>) -> Result<Channel, NextError> {
        let mut endpoints = self.endpoints.lock().await;
        let Endpoints { dialer, listener, .. } = &mut *endpoints;
        let (dialled, accepted) = tokio::try_join!(dialer.next_channel(), listener.next_channel())?;
        let (near, far) = match self.roles {
            Roles::NearDials => (dialled, accepted),
            Roles::NearAccepts => (accepted, dialled),
        };
        let sides = (Line::default(), Line::default());
        let (near, far) = (sides.0.upon(near), sides.1.upon(far));
        self.opened.send_modify(|opened| opened.push(sides));
        // There may be no server to take it: then it is dropped, as by a listener that is gone.
        let _ = self.far.send(far);
        Ok(near)
    }
}

/// The lines that were opened so far.
pub(super) struct Opened(watch::Receiver<Vec<(Line, Line)>>);

impl Opened {
    /// Waits for the `count`th channel, and gives its near and its far side.
    pub(super) async fn nth(&mut self, count: usize) -> Check<(Line, Line)> {
        let opened = self.0.wait_for(|opened| opened.len() >= count).await;
        let opened = opened.map_err(|_| Failure::new("the client dials no more"))?;
        Ok(opened[count - 1].clone())
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

/// How a side lets go of a channel that is lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// By an abort.
    Abort,
    /// By dropping it.
    Drop,
}

/// A handle on one side of a channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    lost: Option<Loss>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Line {
    /// From now on reading and writing fail on this side.
    pub(super) fn lose(&self, loss: Loss) {
        let mut state = self.lock();
        state.lost = Some(loss);
        let woken = [state.reader.take(), state.writer.take()];
        drop(state);
        woken.into_iter().flatten().for_each(Waker::wake);
    }

    fn upon(&self, channel: Channel) -> Channel {
        let halves = Halves::sharing(self.0.clone())
            .read(|state, below, cx, into| {
                state.check()?;
                state.reader = Some(cx.waker().clone());
                below.poll_read(cx, into)
            })
            .write(|state, below, cx, from| {
                state.check()?;
                state.writer = Some(cx.waker().clone());
                below.poll_write(cx, from)
            })
            .shutdown(|state, below, cx| {
                state.check()?;
                below.poll_shutdown(cx)
            })
            .abort(|state, below| {
                if state.lost != Some(Loss::Drop) {
                    below.abort();
                }
            });
        halves.channel(Side::Dialer, channel)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        match self.lost {
            Some(_) => Err(ErrorKind::ConnectionReset.into()),
            None => Ok(()),
        }
    }
}
