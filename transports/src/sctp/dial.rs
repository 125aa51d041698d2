//! Dialing: a lane of the current association, or of a new one.
//!
//! A dialer and its forks open their channels on one association, until all of its lanes are taken or it is lost; then the
//! first of them that notices makes another, and the others wait for that one.
//!
//! A dial takes at most [`connect_timeout`](super::SctpOptions::connect_timeout). A name is resolved anew for each new
//! association, and its addresses race, as with [`tcp`](crate::tcp::dial). Every failure but one is a passing one; port 0
//! stays what only a listener can ask for. Dropping a dial tells the listener that nothing will come of it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use listenrain::{BoxFuture, Channel, Endpoint, EndpointError, NextError};
use tokio::time::timeout;

use super::association::Unopened;
use super::handshake::establish;
use super::hub::{Hub, Ports};
use super::shared::{Shared, Wanted};
use super::{Reach, SOCKET_BUFFER, SctpOptions};
use crate::dialing::timed_out;
use crate::shared_dial::{Shareable, SharedDial};
use crate::tcp::address::Address;
use crate::tcp::dial::addresses;
use crate::tcp::race::{interleave, race};
use crate::udp::UdpBinding;

/// Dials one endpoint, once for each channel. Clones share the association.
#[derive(Clone)]
pub(super) struct Dialer {
    target: Arc<Target>,
    current: Arc<SharedDial<Wanted>>,
}

/// What is dialled or listened at, and how.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) address: Address,
    pub(super) options: SctpOptions,
    pub(super) reach: Reach,
}

/// How long a dial waits for a stream whose channel is dropped, until the listener has said its last word about it.
const LANE_IS_DUE: Duration = Duration::from_secs(1);

impl Dialer {
    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        self.target.address.check_dialable(&self.target.endpoint)?;
        self.target.in_time(self.open()).await
    }

    async fn open(&self) -> Result<Channel, NextError> {
        loop {
            let Shareable { connection: wanted, is_fresh } = self.current.get(|| self.associate()).await?;
            let asked = self.current.ask(&wanted);
            let opened = match wanted.get() {
                Some(shared) => open(&shared).await,
                None => Err(Unopened::Over),
            };
            match opened {
                Ok(Ok(channel)) => {
                    asked.answered();
                    return Ok(channel);
                }
                // The listener has spoken: another association would be told the same.
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    asked.answered();
                    return Err(self.target.failed(error));
                }
                Ok(Err(error)) if is_fresh => return Err(self.target.failed(error)),
                Err(Unopened::Over) if is_fresh => {
                    return Err(self.target.failed(io::ErrorKind::ConnectionReset.into()));
                }
                Ok(Err(error)) => {
                    let endpoint = &self.target.endpoint;
                    tracing::debug!(%endpoint, %error, "the association is lost, making another");
                }
                Err(Unopened::Full | Unopened::Over) => {}
            }
            self.current.forget(&wanted);
        }
    }

    /// Makes an association.
    fn associate(&self) -> BoxFuture<'static, Result<Arc<Wanted>, NextError>> {
        let target = Arc::clone(&self.target);
        async move { target.in_time(target.associate()).await.map(Arc::new) }.boxed()
    }
}

impl Target {
    pub(super) fn dialer(self) -> Result<Dialer, EndpointError> {
        Ok(Dialer { target: Arc::new(self), current: Arc::default() })
    }

    async fn associate(&self) -> Result<Wanted, NextError> {
        let associated = async {
            let addresses = addresses(&self.address, &*self.reach.resolver).await?;
            race(interleave(addresses), |address| self.associate_with(address)).await
        };
        associated.await.map(|shared| Wanted::new(&shared)).map_err(|error| self.failed(error))
    }

    async fn associate_with(&self, peer: SocketAddr) -> io::Result<Arc<Shared>> {
        let Reach { udp, entropy, groups, .. } = &self.reach;
        let binding = UdpBinding::towards(peer).buffers(SOCKET_BUFFER, SOCKET_BUFFER);
        let mut ports = Ports::new(udp.bind(&binding).await?);
        let agreed = establish(&mut ports, peer, &self.options, &**entropy).await?;
        Hub::dial(ports, &agreed, &self.options, groups.clone())
    }

    /// What comes of `dial` within `connect_timeout`.
    async fn in_time<T>(&self, dial: impl Future<Output = Result<T, NextError>>) -> Result<T, NextError> {
        let limit = self.options.connect_timeout;
        let dialled = timeout(limit, dial).await;
        dialled.unwrap_or_else(|_| Err(self.failed(timed_out("channel", limit, "connect_timeout"))))
    }

    fn failed(&self, error: io::Error) -> NextError {
        NextError::passing("dial", &self.endpoint, error)
    }
}

/// A lane of `shared`, and whether the listener has taken it on. Dropping the future gives up the lane.
async fn open(shared: &Arc<Shared>) -> Result<io::Result<Channel>, Unopened> {
    let opening = poll_fn(|cx| shared.act(|association| association.poll_open(cx)));
    let key = timeout(LANE_IS_DUE, opening).await.unwrap_or(Err(Unopened::Full))?;
    let channel = shared.channel(key);
    let opened = poll_fn(|cx| shared.on_lane(key, |lane, _| lane.poll_opened(cx)));
    Ok(opened.await.map(|()| channel))
}
