//! The accept task: answers every dialer, and queues its channel.
//!
//! It runs whether or not the listener is being asked, so that a dialer learns at once that it is heard. While the queue is
//! full it reads no request, and dialers wait. When the system is short of descriptors or memory it keeps the request at
//! hand and tries again after a pause. No bytes that are written into the rendezvous end it.

use std::fs::File;
use std::io;
use std::time::Duration;

use listenrain::{Channel, ChannelFacts, Endpoint};
use nix::errno::Errno;
use nix::unistd;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use super::claim::Rendezvous;
use super::pair::{self, Ends};
use super::place::Place;
use super::request::{Request, Requests};
use super::sweep::Sweep;
use super::{FifoOptions, SCHEME, VERSION, halves};
use crate::accept::Pause;

/// However short dials may be, looking for their leftovers all the time is not worth it.
const SWEEP_AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// A dialer that was answered and is not accepted yet. Dropping it resets the dialer's channel.
#[derive(Debug)]
pub(super) struct Accepted {
    ends: Ends,
    facts: ChannelFacts,
}

impl Accepted {
    pub(super) fn into_channel(self) -> Channel {
        halves::channel(self.ends, self.facts)
    }
}

/// What the task knows.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) endpoint: Endpoint,
    pub(super) place: Place,
    pub(super) owner: u32,
    pub(super) options: FifoOptions,
}

impl Acceptor {
    /// Runs until the other end of `queue` is gone.
    pub(super) async fn run(self, incoming: Incoming, queue: mpsc::Sender<Accepted>) {
        tokio::select! {
            biased;
            () = self.accept(incoming, queue) => {}
            () = self.sweep() => {}
        }
    }

    async fn accept(&self, mut incoming: Incoming, queue: mpsc::Sender<Accepted>) {
        let mut pause = Pause::default();
        while let Ok(room) = queue.reserve().await {
            // A flood of requests that lead nowhere must not keep others from running.
            consume_budget().await;
            let asked = incoming.next().await;
            let accepted = match asked {
                Ok(request) => self.answer(request, &mut pause).await,
                Err(error) => {
                    pause.begin(&self.endpoint, &error);
                    pause.over().await;
                    None
                }
            };
            if let Some(accepted) = accepted {
                pause = Pause::default();
                room.send(accepted);
            }
        }
    }

    /// `None` when there is no dialer to answer.
    async fn answer(&self, request: Request, pause: &mut Pause) -> Option<Accepted> {
        loop {
            match self.try_answer(request) {
                Ok(accepted) => return Some(accepted),
                Err(error) if is_shortage(&error) => {
                    pause.begin(&self.endpoint, &error);
                    pause.over().await;
                }
                Err(error) => {
                    tracing::debug!(endpoint = %self.endpoint, ?request, %error, "a request leads nowhere");
                    return None;
                }
            }
        }
    }

    fn try_answer(&self, request: Request) -> io::Result<Accepted> {
        let (ends, peer) = pair::take(&self.place, request.name, self.owner, self.options.pipe_size)?;
        unistd::write(&ends.write, &[VERSION])?;
        if request.version != VERSION {
            let text = format!("the dialer speaks version {}, not {VERSION}", request.version);
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let mut facts = ChannelFacts::new(SCHEME)
            .between(Some(self.place.listener.clone()), Some(self.place.dialer(request.name)));
        facts.credentials = Some(peer);
        Ok(Accepted { ends, facts })
    }

    /// Clears away, now and then, what dialers that died have left.
    async fn sweep(&self) {
        let mut sweep = Sweep::default();
        loop {
            sleep(self.options.connect_timeout.max(SWEEP_AT_MOST_EVERY)).await;
            if let Err(error) = sweep.run(&self.place.pairs, self.owner) {
                tracing::debug!(endpoint = %self.endpoint, %error, "cannot sweep the pairs for now");
            }
        }
    }
}

/// The rendezvous as its listener reads it.
#[derive(Debug)]
pub(super) struct Incoming {
    pipe: Receiver,
    /// Without it the pipe would end with every dialer that goes.
    _write: File,
    requests: Requests,
}

impl Incoming {
    pub(super) fn new(rendezvous: Rendezvous) -> io::Result<Self> {
        let pipe = Receiver::from_file_unchecked(rendezvous.read)?;
        Ok(Self { pipe, _write: rendezvous.write, requests: Requests::new() })
    }

    async fn next(&mut self) -> io::Result<Request> {
        loop {
            let request = self.requests.next();
            match self.requests.take_garbage() {
                0 => {}
                bytes => tracing::debug!(bytes, "dropped what is no request"),
            }
            if let Some(request) = request {
                return Ok(request);
            }
            consume_budget().await;
            self.pipe.readable().await?;
            match self.pipe.try_read(self.requests.room()) {
                Ok(count) => self.requests.filled(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether asking the system again may help; anything else is the dialer's own fault.
fn is_shortage(error: &io::Error) -> bool {
    let short = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::ENOSPC];
    error.raw_os_error().is_some_and(|raw| short.contains(&Errno::from_raw(raw)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fifo::claim::Claim;
    use nix::unistd::Uid;
    use std::fs::OpenOptions;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_rendezvous_that_everybody_has_left_is_quiet() {
        // A pipe without any writer is at its end all the time: a listener that reads it would never rest.
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(&format!("fifo://{}/x", dir.path().display()).parse().unwrap()).unwrap();
        let (_claim, rendezvous) = Claim::new(&place, Uid::effective().as_raw()).unwrap();
        let mut incoming = Incoming::new(rendezvous).unwrap();
        let mut next = pin!(incoming.next());
        let woken = Arc::new(Woken::default());
        for _ in 0..100 {
            drop(OpenOptions::new().write(true).open(&place.rendezvous).unwrap());
            // Lets the runtime hear of it.
            tokio::task::yield_now().await;
            let waker = woken.clone().into();
            assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    }
}
