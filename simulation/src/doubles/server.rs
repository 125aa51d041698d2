//! The model's server: a task that accepts, and for each channel one that reads, one that writes, and handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, Channel, ChannelGenerator, Kind, Packet};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::flaw::{Faulty, Flaw};
use super::wire::{Reader, Writer};
use crate::scenario::ServerSetup;
use crate::stack::{Handler, InUse, Serving};

/// Replies of one channel that wait to be written; handlers of more wait too.
const QUEUED: usize = 4;

/// How long a listener that has failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// A server that runs until it is dropped, and everything of it with it.
pub(super) struct Running {
    shared: Arc<Shared>,
    accepting: Mutex<JoinSet<()>>,
    draining: watch::Sender<bool>,
}

struct Shared {
    faulty: Faulty,
    setup: ServerSetup,
    handler: Handler,
    requests: AtomicU64,
}

impl Running {
    pub(super) fn start(
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
        faulty: Faulty,
    ) -> Self {
        let requests = AtomicU64::new(0);
        let shared = Arc::new(Shared { faulty, setup: setup.clone(), handler, requests });
        let draining = watch::Sender::new(false);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(shared.clone(), listener, draining.subscribe()));
        Self { shared, accepting: Mutex::new(accepting), draining }
    }
}

impl Serving for Running {
    fn drain(&self, within: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.draining.send_replace(true);
            let mut accepting = self.accepting.lock().await;
            let _ = timeout(within, accepting.join_next()).await;
        })
    }

    fn in_use(&self) -> InUse {
        InUse { requests: self.shared.requests.load(Ordering::Relaxed), ..InUse::default() }
    }
}

/// Accepts channels until it shall not, and waits for those that are there to end.
async fn accept(
    shared: Arc<Shared>,
    mut listener: Box<dyn ChannelGenerator>,
    mut draining: watch::Receiver<bool>,
) {
    let mut links = JoinSet::new();
    loop {
        while links.try_join_next().is_some() {}
        let room = links.len() < shared.setup.connections;
        tokio::select! {
            biased;
            () = begins(&mut draining) => break,
            _ = links.join_next(), if !room => {}
            accepted = listener.next(), if room => match accepted {
                Ok(channel) => {
                    links.spawn(serve(shared.clone(), channel));
                }
                Err(error) if error.is_final => break,
                Err(_) => sleep(AFTER_FAILURE).await,
            },
        }
    }
    drop(listener);
    while links.join_next().await.is_some() {}
}

/// Ready when `draining` has begun.
async fn begins(draining: &mut watch::Receiver<bool>) {
    // A server that is dropped takes this task with it.
    let _ = draining.wait_for(|draining| *draining).await;
}

/// Serves one channel until it ends and every handler has ended.
async fn serve(shared: Arc<Shared>, channel: Channel) {
    let (mut reader, mut writer) = (Reader::new(channel.read), Writer::new(channel.write));
    let (replies, mut queue) = mpsc::channel(QUEUED);
    let mut handlers = JoinSet::new();
    {
        let reading = read(&shared, &mut reader, &replies, &mut handlers);
        let writing = async {
            while let Some(reply) = queue.recv().await {
                if writer.write(&reply).await.is_err() {
                    break;
                }
            }
        };
        if shared.faulty.has(Flaw::LR06) {
            tokio::join!(reading, writing);
        } else {
            tokio::select! { biased; () = reading => {}, () = writing => {} }
        }
    }
    drop((reader, writer));
    if !shared.faulty.has(Flaw::LR07) {
        // Handlers learn that nobody will have their replies.
        drop(queue);
    }
    while handlers.join_next().await.is_some() {}
}

/// Reads requests, and starts a handler for each, as many at once as there may be.
async fn read(
    shared: &Arc<Shared>,
    reader: &mut Reader,
    replies: &mpsc::Sender<Packet>,
    handlers: &mut JoinSet<()>,
) {
    let room = Arc::new(Semaphore::new(shared.setup.requests));
    while let Some(packet) = reader.next().await {
        while handlers.try_join_next().is_some() {}
        if !matches!(packet.kind, Kind::Request | Kind::OneWay) {
            continue;
        }
        let permit = match shared.setup.refuses {
            true => room.clone().try_acquire_owned().ok(),
            false => room.clone().acquire_owned().await.ok(),
        };
        match permit {
            Some(permit) => {
                handlers.spawn(handle(shared.clone(), packet, replies.clone(), permit));
            }
            None if replies.send(Packet::new(Kind::Refused, packet.id, Bytes::new())).await.is_err() => {
                return;
            }
            None => {}
        }
    }
}

/// Has one request answered, and queues the reply.
async fn handle(
    shared: Arc<Shared>,
    packet: Packet,
    replies: mpsc::Sender<Packet>,
    permit: OwnedSemaphorePermit,
) {
    let _counted = Counted::new(&shared.requests);
    let one_way = packet.kind == Kind::OneWay;
    // A task of its own, so that its panic is an answer.
    let mut answering = JoinSet::new();
    answering.spawn((shared.handler)(packet.payload.into_bytes(), one_way));
    let reply = match answering.join_next().await {
        Some(Ok(Ok(body))) => Packet::new(Kind::Reply, packet.id, body),
        Some(Ok(Err(why))) => Packet::new(Kind::Error, packet.id, why),
        Some(Err(_)) | None => Packet::new(Kind::Error, packet.id, "the handler panicked"),
    };
    if !one_way {
        // The link may have gone.
        let _ = replies.send(reply).await;
    }
    drop(permit);
}

/// One request that is being handled, until this is dropped.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn new(requests: &'a AtomicU64) -> Self {
        requests.fetch_add(1, Ordering::Relaxed);
        Self(requests)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
