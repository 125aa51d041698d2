//! The listener, at a path or an abstract name.
//!
//! A shortage of file descriptors or memory does not end a listener: it waits (5 ms, doubling up to 1 s) and tries
//! again; peers that give up while they are queued, or that may not come, are skipped.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use listenrain::{Channel, Endpoint, NextError};
use socket2::SockRef;
use tokio::net::{UnixListener, UnixStream};

use super::address::Address;
use super::claim::Claim;
use super::dial::Target;
use super::{UnixOptions, socket};
use crate::accept::{Pause, cannot_listen, skip};

/// Accepts connections at one address.
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    /// The endpoint without options: this side of every channel.
    local: Endpoint,
    options: UnixOptions,
    turned_away: Arc<AtomicU64>,
    pause: Pause,
    listener: UnixListener,
    /// Of a path.
    _claim: Option<Claim>,
}

impl Listener {
    pub(super) async fn bind(target: Target) -> Result<Self, NextError> {
        let Target { endpoint, address, options, turned_away } = target;
        let bound = bind(&address, &options).await;
        let (listener, _claim) = bound.map_err(|error| cannot_listen(&endpoint, error))?;
        let (endpoint, local) = (endpoint.with_address(address.text()), address.endpoint());
        Ok(Self { endpoint, local, options, turned_away, pause: Pause::default(), listener, _claim })
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        loop {
            let (stream, _) = self.pause.accept(&self.endpoint, || self.listener.accept()).await?;
            match self.admit(stream) {
                Ok(Some(channel)) => return Ok(channel),
                Ok(None) => {}
                Err(error) => skip(&self.endpoint, &error),
            }
        }
    }

    /// The channel, unless its peer is of a user who may not come.
    fn admit(&self, stream: UnixStream) -> io::Result<Option<Channel>> {
        let credentials = socket::credentials(&stream)?;
        if self.options.allow_uid.as_ref().is_some_and(|allowed| !allowed.contains(&credentials.uid)) {
            let so_far = self.turned_away.fetch_add(1, Ordering::Relaxed) + 1;
            let (uid, pid) = (credentials.uid, credentials.pid);
            // A peer that comes again and again does not fill the log.
            if so_far.is_power_of_two() {
                tracing::warn!(endpoint = %self.endpoint, uid, pid, so_far, "a peer of a user who is not allowed is turned away");
            }
            return Ok(None);
        }
        let socket = SockRef::from(&stream);
        socket::size_buffers(&socket, &self.options)?;
        // What accepting reports of the peer leaves abstract names out.
        let peer = Address::of_socket(&socket.peer_addr()?);
        Ok(Some(socket::channel(stream, Some(self.local.clone()), peer, credentials)))
    }
}

async fn bind(address: &Address, options: &UnixOptions) -> io::Result<(UnixListener, Option<Claim>)> {
    let socket = socket::open(options)?;
    let claim = match address {
        Address::Path(path) => Some(Claim::take(path, &socket, options).await?),
        Address::Abstract(_) => {
            socket.bind(&address.for_system()?)?;
            None
        }
    };
    // Within the bounds that `UnixOptions` checks.
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok((UnixListener::from_std(StdListener::from(socket))?, claim))
}
