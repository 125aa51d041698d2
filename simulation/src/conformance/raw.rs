//! Raw peers, which connect to a listener below its transport.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use listenrain::{BoxFuture, Endpoint};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// One peer that is connected below a transport. Dropped, it goes away.
///
/// Every stream of tokio's that can be written is one.
pub trait RawPeer: Send {
    /// Says these bytes, as they are.
    ///
    /// # Errors
    ///
    /// The system's: the listener may have closed the connection.
    fn say(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>>;
}

impl<W: AsyncWrite + Send + Unpin> RawPeer for W {
    fn say(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.write_all(&bytes).await?;
            self.flush().await
        })
    }
}

type Dial = Arc<dyn Fn(Endpoint) -> BoxFuture<'static, io::Result<Box<dyn RawPeer>>> + Send + Sync>;

/// How to connect to a listener below its transport, and what a dialer of the transport would say first.
#[derive(Clone)]
pub(crate) struct RawDialer {
    dial: Dial,
    hello: Bytes,
}

impl RawDialer {
    pub(super) fn new<F, R, P>(hello: Bytes, dial: F) -> Self
    where
        F: Fn(Endpoint) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<P>> + Send + 'static,
        P: RawPeer + 'static,
    {
        let dial = Arc::new(dial);
        Self {
            dial: Arc::new(move |endpoint| {
                let dial = dial.clone();
                Box::pin(async move { Ok(Box::new(dial(endpoint).await?) as Box<dyn RawPeer>) })
            }),
            hello,
        }
    }

    /// What a dialer says first begins so; empty where it says nothing.
    pub(crate) fn hello(&self) -> &Bytes {
        &self.hello
    }

    /// One more peer at `endpoint`.
    pub(crate) async fn connect(&self, endpoint: &Endpoint) -> io::Result<Box<dyn RawPeer>> {
        (self.dial)(endpoint.clone()).await
    }
}
