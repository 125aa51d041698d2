//! The transport alone: a stream echo over the same channel halves, with the same bytes outstanding, batched, capped
//! and recycled as well as one would by hand. It has no packets, no ids and no callers; a request is done when its last
//! byte has come back.

mod client;
mod echo;
mod sink;
mod source;

use listenrain::{BoxFuture, Endpoint, Transport};
use tokio::task::JoinSet;

use self::client::Client;
use super::{Load, Setting, Stack, StackError};
use crate::config::ProtocolChoice;

/// Most bytes offered to one write, and copied to no other core's cache before the peer may read them.
///
/// performance.md found 128 to 256 KiB best; at 512 KiB the gain over filling the socket is gone.
const WRITE_CAP: usize = 128 * 1024;

/// Requests of channel i are numbered from i times this, as the original's benchmark does.
const NUMBERS_OF_A_CHANNEL: u64 = 10_000_000_000;

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bare;

impl Stack for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Stream]
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            let Setting {
                config,
                transport,
                endpoint,
                meter,
            } = setting;
            let mut endpoint = endpoint;
            if config.target.is_none() {
                let listener = transport.listen(&endpoint).await?;
                endpoint = listener.endpoint().clone();
                tokio::spawn(echo::accept(listener));
            }
            let mut dialer = transport.dialer(&endpoint)?;
            let mut clients = Vec::new();
            let channels = config.channels();
            for index in 0..channels {
                let channel = dialer.next().await?;
                // The first few channels take what does not divide.
                let outstanding =
                    config.outstanding() / channels + u64::from(index < config.outstanding() % channels);
                let first = index * NUMBERS_OF_A_CHANNEL;
                clients.push(Client::new(
                    channel,
                    config.payload,
                    outstanding,
                    first,
                    meter.clone(),
                ));
            }
            Ok(Box::new(BareLoad { clients }) as Box<dyn Load>)
        })
    }

    fn serve<'a>(
        &'a self,
        transport: &'a dyn Transport,
        endpoint: &'a Endpoint,
        _protocol: ProtocolChoice,
        ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>> {
        Box::pin(async move {
            let listener = transport.listen(endpoint).await?;
            ready(listener.endpoint());
            Err(echo::accept(listener).await.into())
        })
    }
}

struct BareLoad {
    clients: Vec<Client>,
}

impl Load for BareLoad {
    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut tasks: JoinSet<()> = self.clients.into_iter().map(Client::run).collect();
            while tasks.join_next().await.is_some() {}
        })
    }
}
