//! Accepts channels, dials one upstream for each, and carries packets between the two.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use listenrain::forward::{Forwarded, forward};
use listenrain::{Channel, ChannelGenerator, Endpoint, NextError, PacketCodec, Transport};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pairs of channels at once; more wait to be accepted.
const MAX_PAIRS: usize = 1024;

/// How long one upstream may take to answer a dial.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to leave a listener alone that failed for a reason that may pass, such as too many open files.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A forwarder at work. Dropping it ends every pair.
pub(crate) struct Plane {
    shared: Arc<Shared>,
    endpoint: Endpoint,
}

struct Shared {
    upstream: Endpoint,
    transport: Arc<dyn Transport>,
    codec: Arc<dyn PacketCodec>,
    carried: Mutex<Carried>,
    /// Stops accepting.
    closing: CancellationToken,
    /// Ends the pairs.
    cut: CancellationToken,
    tasks: TaskTracker,
}

/// What a plane has carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Carried {
    pub(crate) pairs: u64,
    /// Pairs that ended in an error; their packets are not counted.
    pub(crate) failed: u64,
    pub(crate) there: u64,
    pub(crate) back: u64,
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, failed, there, back } = self;
        write!(f, "{pairs} pairs ({failed} failed): {there} packets there, {back} back")
    }
}

impl Plane {
    /// Carries packets of `codec` between the channels of `listener` and ones that `transport` dials to `upstream`.
    pub(crate) fn start(
        listener: Box<dyn ChannelGenerator>,
        transport: Arc<dyn Transport>,
        upstream: Endpoint,
        codec: Arc<dyn PacketCodec>,
    ) -> Self {
        let endpoint = listener.endpoint().clone();
        let shared = Arc::new(Shared {
            upstream,
            transport,
            codec,
            carried: Mutex::default(),
            closing: CancellationToken::new(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let accepting = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            let stop = accepting.closing.clone();
            stop.run_until_cancelled(accept(accepting, listener)).await;
        });
        Self { shared, endpoint }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn upstream(&self) -> &Endpoint {
        &self.shared.upstream
    }

    /// Stops accepting, lets pairs end for at most `within`, then cuts them.
    pub(crate) async fn finish(self, within: Duration) -> Carried {
        let Shared { closing, cut, tasks, .. } = &*self.shared;
        closing.cancel();
        tasks.close();
        if tokio::time::timeout(within, tasks.wait()).await.is_err() {
            cut.cancel();
            tasks.wait().await;
        }
        *self.shared.carried()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.shared.closing.cancel();
        self.shared.cut.cancel();
    }
}

async fn accept(shared: Arc<Shared>, mut listener: Box<dyn ChannelGenerator>) {
    let room = Arc::new(Semaphore::new(MAX_PAIRS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.next().await {
            Ok(channel) => {
                let pair = Arc::clone(&shared);
                shared.tasks.spawn(async move {
                    let _permit = permit;
                    pair.serve(channel).await;
                });
            }
            Err(error) if error.is_final => return,
            Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
        }
    }
}

impl Shared {
    fn carried(&self) -> MutexGuard<'_, Carried> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, channel: Channel) {
        self.carried().pairs += 1;
        match self.cut.run_until_cancelled(self.pair(channel)).await {
            Some(Ok(Forwarded { there, back, .. })) => {
                let mut carried = self.carried();
                carried.there += there;
                carried.back += back;
            }
            Some(Err(error)) => {
                self.carried().failed += 1;
                eprintln!("a pair ended: {error}");
            }
            None => self.carried().failed += 1,
        }
    }

    async fn pair(&self, channel: Channel) -> Result<Forwarded, Box<dyn std::error::Error + Send + Sync>> {
        let mut dialer = self.transport.dialer(&self.upstream)?;
        let upstream: Result<Channel, NextError> = tokio::time::timeout(DIAL_TIMEOUT, dialer.next()).await?;
        Ok(forward(channel, upstream?, Arc::clone(&self.codec)).await?)
    }
}
