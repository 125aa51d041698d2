//! Dialling: a lane of the association that there is, or of a new one.
//!
//! A dial takes at most [`connect_timeout`](super::SctpOptions::connect_timeout). A name is resolved anew for each new
//! association, and its addresses race, as with [`tcp`](crate::tcp::dial). Every failure but one is a passing one; port 0
//! stays what only a listener can ask for. Dropping a dial tells the listener that nothing will come of it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};
use tokio::time::timeout;

use super::handshake::establish;
use super::hub::{Hub, Ports};
use super::shared::{Shared, Wanted};
use super::{Reach, SOCKET_BUFFER, SctpOptions};
use crate::options::value::show_duration;
use crate::tcp::address::Address;
use crate::tcp::dial::addresses;
use crate::tcp::race::{interleave, race};
use crate::udp::UdpBinding;

/// Dials one endpoint, once for each channel.
pub(super) struct Dialer {
    endpoint: Endpoint,
    address: Address,
    options: SctpOptions,
    reach: Reach,
    /// The association that the last dial has used.
    current: Option<Wanted>,
}

impl Dialer {
    pub(super) fn new(endpoint: Endpoint, address: Address, options: SctpOptions, reach: Reach) -> Self {
        Self { endpoint, address, options, reach, current: None }
    }

    async fn dial(&mut self) -> io::Result<Channel> {
        // It is taken away meanwhile: one that gives no answer before the dial is dropped is none to try again.
        if let Some(current) = self.current.take()
            && let Some(shared) = current.get()
            && let Some(opened) = open(&shared).await
        {
            match opened {
                // The listener has spoken: another association would be told the same.
                Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => {
                    tracing::debug!(endpoint = %self.endpoint, %error, "the association is lost, making another");
                }
                opened => {
                    self.current = Some(current);
                    return opened;
                }
            }
        }
        let addresses = addresses(&self.address, &*self.reach.resolver).await?;
        let shared = race(interleave(addresses), |address| self.associate(address)).await?;
        self.current = Some(Wanted::new(&shared));
        let opened = open(&shared).await;
        opened.unwrap_or_else(|| Err(io::ErrorKind::ConnectionReset.into()))
    }

    async fn associate(&self, peer: SocketAddr) -> io::Result<Arc<Shared>> {
        let Reach { udp, entropy, groups, .. } = &self.reach;
        let binding = UdpBinding::towards(peer).buffers(SOCKET_BUFFER, SOCKET_BUFFER);
        let mut ports = Ports::new(udp.bind(&binding).await?);
        let agreed = establish(&mut ports, peer, &self.options, &**entropy).await?;
        Hub::dial(ports, &agreed, &self.options, groups.clone())
    }

    async fn dial_in_time(&mut self) -> io::Result<Channel> {
        let limit = self.options.connect_timeout;
        timeout(limit, self.dial()).await.unwrap_or_else(|_| {
            let text = format!("no channel within {} (connect_timeout)", show_duration(limit));
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        })
    }
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move {
            self.address.check_dialable(&self.endpoint)?;
            let dialled = self.dial_in_time().await;
            dialled.map_err(|error| NextError::passing("dial", &self.endpoint, error))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// A lane of `shared` that the listener has taken on; `None` when there can be no more of them. Dropping the future
/// gives up the lane.
async fn open(shared: &Arc<Shared>) -> Option<io::Result<Channel>> {
    let key = shared.act(super::association::Association::open)?;
    let channel = shared.channel(key);
    let opened =
        poll_fn(|cx| shared.act(|association| association.on_lane(key, |lane, _| lane.poll_opened(cx))));
    Some(opened.await.map(|()| channel))
}
