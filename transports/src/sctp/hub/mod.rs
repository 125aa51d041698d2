//! One UDP socket and the task that drives every association on it.
//!
//! The task receives, hands each packet to its association or answers it as an unknown peer's, looks after the associations
//! that were touched, rang or are due, and sends what they have to say. It knows nothing of lanes, except that some of
//! them arrive and are to be accepted.

mod acceptor;
mod inbox;
mod outbox;
mod registry;
mod routing;
mod table;
mod unknown_peer;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Sleep, sleep_until};

use self::table::Table;
use super::SctpOptions;
use super::association::Agreement;
use super::fault::Loss;
use super::shared::Shared;
use crate::accept_limiter::{Admissions, Closures, Limits};
use crate::udp::AsyncUdpSocket;

pub(super) use self::acceptor::{Acceptor, Failure, Waiting};
pub(super) use self::inbox::{Datagram, Inbox};
pub(super) use self::outbox::Outbox;
pub(super) use self::registry::{Handle, Registry};
pub(super) use self::unknown_peer::{Greeter, own_init};

/// So often in a row the task goes round before it lets others run.
const TURNS: usize = 16;

/// A socket with what waits on either side of it.
pub(super) struct Ports {
    pub(super) socket: Arc<dyn AsyncUdpSocket>,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
}

impl Ports {
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>) -> Self {
        let outbox = Outbox::new(socket.clone());
        Self { socket, inbox: Inbox::new(), outbox }
    }
}

/// Numbers the associations of one instance of the transport.
#[derive(Debug, Default)]
pub(super) struct Groups(AtomicU64);

impl Groups {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

pub(super) struct Hub {
    handle: Arc<Handle>,
    /// Gone when the hub is over.
    ports: Option<Ports>,
    table: Table,
    /// Of a listener, by tag.
    admissions: Admissions<u32>,
    closures: Closures,
    groups: Arc<Groups>,
    /// With a listener, or one that there was.
    listening: Option<(Greeter, Arc<Registry>)>,
    alarm: Pin<Box<Sleep>>,
    /// Whether others had their turn since something was received.
    has_waited: bool,
    received: Vec<Datagram>,
    wanting: UnboundedReceiver<u32>,
    packets: Vec<Bytes>,
}

impl Hub {
    /// A hub for what `acceptor` listens to, on a task of its own.
    pub(super) fn listen(
        ports: Ports,
        acceptor: Arc<Acceptor>,
        greeter: Greeter,
        registry: Arc<Registry>,
        groups: Arc<Groups>,
        closures: Closures,
    ) -> io::Result<Arc<Handle>> {
        let (handle, wanting) = Handle::new(ports.socket.local_addr()?, Some(acceptor));
        registry.add(handle.clone());
        let mut hub = Self::new((handle.clone(), wanting), ports, Some((greeter, registry)), groups);
        hub.closures = closures;
        tokio::spawn(hub.run());
        Ok(handle)
    }

    /// A hub for the one association that a dialer has agreed on, on a task of its own.
    pub(super) fn dial(
        ports: Ports,
        agreed: &Agreement,
        options: &SctpOptions,
        groups: Arc<Groups>,
    ) -> io::Result<Arc<Shared>> {
        let local = ports.socket.local_addr()?;
        let mut hub = Self::new(Handle::new(local, None), ports, None, groups);
        let shared = hub.begin(agreed, options, local);
        let shared = shared.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        tokio::spawn(hub.run());
        Ok(shared)
    }

    fn new(
        (handle, wanting): (Arc<Handle>, UnboundedReceiver<u32>),
        ports: Ports,
        listening: Option<(Greeter, Arc<Registry>)>,
        groups: Arc<Groups>,
    ) -> Self {
        Self {
            handle,
            ports: Some(ports),
            table: Table::default(),
            admissions: Admissions::new(Limits { unproved: 0, all: 0, per_source: 0 }),
            closures: Closures::default(),
            groups,
            listening,
            alarm: Box::pin(sleep_until(Instant::now())),
            has_waited: false,
            received: Vec::new(),
            wanting,
            packets: Vec::new(),
        }
    }

    async fn run(mut self) {
        loop {
            poll_fn(|cx| self.poll(cx)).await;
            let ports = self.ports.take();
            let Some((_, registry)) = &self.listening else {
                return;
            };
            let mut ports = Some(ports);
            if registry.retire(&self.handle, || drop(ports.take())) {
                return;
            }
            // Somebody listens again.
            self.ports = ports.flatten();
        }
    }

    /// Ready when there is nothing left to do.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            let now = Instant::now();
            let mut is_busy = self.receive(cx, now);
            if is_busy && !std::mem::replace(&mut self.has_waited, true) {
                // Whoever was woken may have an answer, which then travels with the acknowledgement.
                break;
            }
            self.has_waited = false;
            while let Poll::Ready(Some(tag)) = self.wanting.poll_recv(cx) {
                self.table.touch(tag);
            }
            self.table.touch_due(now);
            is_busy |= self.look_after(cx, now);
            if self.is_over() {
                return Poll::Ready(());
            }
            if !is_busy && self.poll_alarm(cx).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_over(&self) -> bool {
        let is_sent = self.ports.as_ref().is_none_or(|ports| ports.outbox.is_empty());
        self.table.is_empty() && is_sent && self.handle.acceptor().is_none()
    }

    /// Whether the next deadline is here.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.table.next_deadline() else {
            return Poll::Pending;
        };
        // One that rings too early does no harm, and most deadlines move on before they come.
        if self.alarm.is_elapsed() || self.alarm.deadline() > deadline {
            self.alarm.as_mut().reset(deadline);
        }
        self.alarm.as_mut().poll(cx)
    }

    /// Looks after every association that was touched; says whether there is more to do at once.
    fn look_after(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        loop {
            let Some(ports) = &mut self.ports else {
                return false;
            };
            match ports.outbox.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.on_error(&error);
                    continue;
                }
                // They wait until there is room again: what they would say then is fresher.
                Poll::Pending => return false,
            }
            let Some(tag) = self.table.take_touched() else {
                return false;
            };
            self.look_after_one(tag, now);
        }
    }

    fn look_after_one(&mut self, tag: u32, now: Instant) {
        let (Some(entry), Some(ports)) = (self.table.get(tag), &mut self.ports) else {
            return;
        };
        let (to, from) = (entry.peer.address, entry.local);
        let packets = &mut self.packets;
        let (deadline, has_timed_out) = entry
            .shared
            .act_unheard(|association| (association.poll(now, packets), association.take_timed_out()));
        if has_timed_out {
            self.closures.note_timed_out();
        }
        for packet in packets.drain(..) {
            ports.outbox.push(to, from, packet);
        }
        match deadline {
            Some(deadline) => self.table.rest(tag, now, deadline),
            None => self.end(tag, None),
        }
    }

    fn end(&mut self, tag: u32, loss: Option<Loss>) {
        let Some(entry) = self.table.remove(tag) else {
            return;
        };
        if let Some(place) = entry.place {
            self.admissions.leave(place);
        }
        // Without one it is over already, and this only tells those who still hold it.
        entry.shared.lose(loss.unwrap_or(Loss::Shutdown));
        if let Some((greeter, _)) = &mut self.listening {
            greeter.retire(tag, Instant::now());
        }
    }

    /// What the socket says of its only peer, or of itself.
    fn on_error(&mut self, error: &io::Error) {
        use io::ErrorKind as Kind;
        let loss = match error.kind() {
            Kind::ConnectionRefused | Kind::ConnectionReset => Loss::Unreachable,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown | Kind::PermissionDenied => {
                // A path that is gone may come back; a peer that stays silent is given up anyway.
                tracing::debug!(local = %self.handle.local, %error, "there is no way to the peer for now");
                return;
            }
            _ => Loss::Socket,
        };
        if self.listening.is_some() && loss == Loss::Unreachable {
            return;
        }
        self.lose_all(&loss);
        if loss == Loss::Socket {
            tracing::warn!(local = %self.handle.local, %error, "a socket has failed");
            if let Some(acceptor) = self.handle.acceptor() {
                acceptor.fail(error);
            }
            self.handle.close();
        }
    }

    fn lose_all(&mut self, loss: &Loss) {
        for entry in self.table.drain() {
            if let Some(place) = entry.place {
                self.admissions.leave(place);
            }
            entry.shared.lose(loss.clone());
        }
    }
}

impl Drop for Hub {
    /// However the task ends, no task waits for it.
    fn drop(&mut self) {
        self.lose_all(&Loss::Socket);
        if let Some((_, registry)) = &self.listening
            && self.ports.is_some()
        {
            registry.forget(&self.handle);
            self.handle.close();
        }
    }
}
