//! The accept loop of stacks that serve each channel in a task of its own.

use std::io;
use std::time::Duration;

use ::listenrain::{Channel, ChannelGenerator, NextError};

/// How long to wait after a failure to accept that may pass, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Serves every channel that comes, until no more can come. How one ends needs no telling: its client sees it.
pub(super) async fn accept<F>(mut listener: Box<dyn ChannelGenerator>, serve: fn(Channel) -> F) -> NextError
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match listener.next().await {
            Ok(channel) => drop(tokio::spawn(serve(channel))),
            Err(error) if error.is_final => return error,
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}
