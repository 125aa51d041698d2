//! Accept loops over sockets of the operating system, which outlive a shortage of descriptors or memory.
//!
//! When the system runs out of file descriptors or memory a listener waits (5 ms, doubling up to 1 s) and tries again;
//! peers that give up while they are queued are skipped. Only a socket that is no listener any more ends it. It knows
//! nothing of what kind the socket is.

use std::io;
use std::time::Duration;

use listenrain::{Endpoint, NextError};
use tokio::time::{Instant, sleep_until};

/// Long enough not to spin, short enough for one connection to close in.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Dialers wait longer than this before they call a listener dead.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time for which a listener leaves the system alone. It outlives a dropped accept, so that asking again and again
/// cannot turn it into a busy loop.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    last: Option<(Duration, Instant)>,
}

impl Pause {
    /// What `accept` gives at last. It may be dropped wherever `accept` may.
    pub(crate) async fn accept<T, F>(
        &mut self,
        endpoint: &Endpoint,
        mut accept: impl FnMut() -> F,
    ) -> Result<T, NextError>
    where
        F: Future<Output = io::Result<T>>,
    {
        loop {
            self.over().await;
            match accept().await {
                Ok(accepted) => {
                    *self = Self::default();
                    return Ok(accepted);
                }
                Err(error) => match classify(&error) {
                    Failure::OfOnePeer => skip(endpoint, &error),
                    Failure::Passing => self.begin(endpoint, &error),
                    Failure::Lasting => return Err(NextError::lasting("accept", endpoint, error)),
                },
            }
        }
    }

    pub(crate) fn begin(&mut self, endpoint: &Endpoint, error: &io::Error) {
        let length = match self.last {
            Some((last, _)) => (last * 2).min(LONGEST_PAUSE),
            None => {
                tracing::warn!(%endpoint, %error, "cannot accept for now");
                FIRST_PAUSE
            }
        };
        self.last = Some((length, Instant::now() + length));
    }

    pub(crate) async fn over(&self) {
        if let Some((_, until)) = self.last {
            sleep_until(until).await;
        }
    }
}

/// One peer is lost, nothing else.
pub(crate) fn skip(endpoint: &Endpoint, error: &io::Error) {
    tracing::debug!(%endpoint, %error, "a peer left before it was accepted");
}

/// Why there is no listener; what only another endpoint or another user could change is final.
pub(crate) fn cannot_listen(endpoint: &Endpoint, error: io::Error) -> NextError {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => {
            NextError::lasting("listen", endpoint, error)
        }
        _ => NextError::passing("listen", endpoint, error),
    }
}

/// What follows from an accept that failed.
enum Failure {
    OfOnePeer,
    Passing,
    Lasting,
}

/// Whatever is not known to be something else passes: a listener that ends by mistake costs more than one that waits.
fn classify(error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted => Failure::OfOnePeer,
        Kind::InvalidInput | Kind::Unsupported => Failure::Lasting,
        _ => Failure::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pause_doubles_up_to_its_cap_and_survives_a_dropped_accept() {
        // LR28: the original tried three times without any delay, then stopped listening for good.
        let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
        let error = io::Error::other("no file descriptor");
        let mut pause = Pause::default();
        let mut lengths = Vec::new();
        for _ in 0..10 {
            pause.begin(&endpoint, &error);
            let dropped = tokio::time::timeout(Duration::from_millis(1), pause.over()).await;
            assert!(dropped.is_err());
            let start = Instant::now();
            pause.over().await;
            lengths.push(start.elapsed().as_millis() + 1);
        }
        assert_eq!(lengths, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_out_and_what_lasts_is_told() {
        let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
        let mut kinds = [io::ErrorKind::ConnectionAborted, io::ErrorKind::OutOfMemory].into_iter();
        let mut pause = Pause::default();
        let start = Instant::now();
        let accepted = pause.accept(&endpoint, || {
            let next = kinds.next();
            async move { next.map_or(Ok(7), |kind| Err(kind.into())) }
        });
        assert_eq!(accepted.await.unwrap(), 7);
        assert_eq!(start.elapsed(), FIRST_PAUSE, "one peer that left costs no pause, a shortage does");
        assert!(pause.last.is_none(), "the next shortage begins with a short pause again");
        let over = pause.accept(&endpoint, || async { Err::<(), _>(io::ErrorKind::InvalidInput.into()) });
        assert!(over.await.unwrap_err().is_final);
    }
}
