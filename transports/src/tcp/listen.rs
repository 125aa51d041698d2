//! Listening, without ever giving up for a trouble that passes.
//!
//! A listener binds the first of its name's addresses that can be bound. When the system runs out of file descriptors
//! or memory it waits (5 ms, doubling up to 1 s) and tries again; peers that give up while they are queued are skipped.
//! Only a socket that is no listener any more ends it.

use std::io;
use std::time::Duration;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::address::Address;
use super::{Resolve, TcpOptions, dial, socket};

/// Long enough not to spin, short enough for one connection to close in.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Dialers wait longer than this before they call a listener dead.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections at one address.
pub(crate) struct Listener {
    endpoint: Endpoint,
    options: TcpOptions,
    listener: TcpListener,
    pause: Pause,
}

impl Listener {
    pub(crate) async fn bind(
        asked: &Endpoint,
        address: &Address,
        options: TcpOptions,
        resolver: &dyn Resolve,
    ) -> Result<Self, NextError> {
        let listener =
            bind_first(address, &options, resolver).await.map_err(|error| cannot_listen(asked, error))?;
        let real = listener.local_addr().map_err(|error| cannot_listen(asked, error))?;
        Ok(Self {
            endpoint: asked.clone().with_address(real.to_string()),
            options,
            listener,
            pause: Pause::default(),
        })
    }

    /// The next connection, with its options set. Cancel safe: what is queued stays queued.
    pub(crate) async fn accept(&mut self) -> Result<TcpStream, NextError> {
        loop {
            self.pause.over().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.pause = Pause::default();
                    match socket::prepare(&stream, &self.options) {
                        Ok(()) => return Ok(stream),
                        Err(error) => tracing::debug!(%peer, %error, "a peer left before it was accepted"),
                    }
                }
                Err(error) => match trouble(&error) {
                    Trouble::OfOnePeer => tracing::debug!(%error, "a peer left before it was accepted"),
                    Trouble::Passing => self.pause.begin(&self.endpoint, &error),
                    Trouble::Lasting => return Err(NextError::lasting("accept", &self.endpoint, error)),
                },
            }
        }
    }
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            loop {
                match socket::channel(self.accept().await?) {
                    Ok(channel) => return Ok(channel),
                    Err(error) => tracing::debug!(%error, "a peer left before it was accepted"),
                }
            }
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

async fn bind_first(
    address: &Address,
    options: &TcpOptions,
    resolver: &dyn Resolve,
) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in dial::addresses(address, resolver).await? {
        match socket::listen(address, options) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(failed)
}

pub(crate) fn cannot_listen(endpoint: &Endpoint, error: io::Error) -> NextError {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => {
            NextError::lasting("listen", endpoint, error)
        }
        _ => NextError::passing("listen", endpoint, error),
    }
}

enum Trouble {
    OfOnePeer,
    Passing,
    Lasting,
}

/// Whatever is not known to be something else passes: a listener that ends by mistake costs more than one that waits.
fn trouble(error: &io::Error) -> Trouble {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted => Trouble::OfOnePeer,
        Kind::InvalidInput | Kind::Unsupported => Trouble::Lasting,
        _ => Trouble::Passing,
    }
}

/// The time for which a listener leaves the system alone. It outlives a dropped accept, so that asking again and again
/// cannot turn it into a busy loop.
#[derive(Default)]
struct Pause {
    last: Option<(Duration, Instant)>,
}

impl Pause {
    fn begin(&mut self, endpoint: &Endpoint, error: &io::Error) {
        let length = match self.last {
            Some((last, _)) => (last * 2).min(LONGEST_PAUSE),
            None => {
                tracing::warn!(%endpoint, %error, "cannot accept for now");
                FIRST_PAUSE
            }
        };
        self.last = Some((length, Instant::now() + length));
    }

    async fn over(&self) {
        if let Some((_, until)) = self.last {
            sleep_until(until).await;
        }
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
}
