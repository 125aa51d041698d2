//! Dialing: the system says at once whether there is a listener.
//!
//! Only a full backlog takes time. Linux then answers "try again" without ever telling when, so a dial asks again after
//! 1 ms, doubling up to 50 ms, each time up to half as much longer so that many do not ask at once, for at most
//! [`connect_timeout`](super::UnixOptions::connect_timeout). Every failure is a passing one: a listener may come. Dropping a
//! dial closes its socket at once.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use listenrain::{Channel, Endpoint, EndpointError, NextError};
use socket2::{SockAddr, Socket};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::address::Address;
use super::{UnixOptions, socket};
use crate::dialing::within;
use crate::jitter::{spread, system_random};

/// One accept takes far less.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// Few enough questions to cost nothing, and soon enough not to be noticed after a wait that long.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What is dialled or listened at, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) address: Address,
    pub(super) options: UnixOptions,
    pub(super) turned_away: Arc<AtomicU64>,
}

impl Target {
    pub(super) fn dialer(self) -> Result<Self, EndpointError> {
        Ok(self)
    }

    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        self.try_dial().await.map_err(|error| NextError::passing("dial", &self.endpoint, error))
    }

    async fn try_dial(&self) -> io::Result<Channel> {
        let socket = socket::open(&self.options)?;
        name_itself(&socket);
        let address = self.address.for_system()?;
        let connected = connect(&socket, &address);
        within(self.options.connect_timeout, "room in the listener's backlog", connected).await?;
        let local = Address::of_socket(&socket.local_addr()?);
        let stream = UnixStream::from_std(StdStream::from(socket))?;
        let credentials = socket::credentials(&stream)?;
        Ok(socket::channel(stream, local, Some(self.address.endpoint()), credentials))
    }
}

/// Binding to no name makes Linux choose a free abstract one, by which both sides know this end. Where it has none to
/// give, the channel works without.
fn name_itself(socket: &Socket) {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        let named = SockAddr::unix("").and_then(|unnamed| socket.bind(&unnamed));
        if let Err(error) = named {
            tracing::debug!(%error, "a dialling socket has no name");
        }
    }
}

async fn connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.connect(address) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sleep(spread(pause, system_random())).await;
            }
            done => return done,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
