//! The transport alone: a stream echo over the same channel halves, with the same bytes outstanding, batched, capped
//! and recycled as well as one would by hand. It has no packets, no ids and no callers; a request is done when its last
//! byte has come back.

mod client;
mod echo;
mod sink;
mod source;

use std::sync::Arc;

use ::listenrain::buffer::ReadBuffer;
use ::listenrain::{BoxFuture, Endpoint, Transport};
use bytes::BufMut;
use tokio::task::JoinSet;

use self::client::Client;
use super::{Load, Setting, Stack, StackError};
use crate::config::ProtocolChoice;
use crate::meter::Meter;

/// Most bytes offered to one write, so that the peer reads them while they are still in cache.
///
/// Measured against 128 KiB and against no cap, current_thread over TCP: 256 KiB is 20 % faster at 64 x 4 KiB and at
/// 1 x 256 KiB, equal elsewhere; filling the socket halves 16 x 256 KiB and 4 MiB.
const WRITE_CAP: usize = 256 * 1024;

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
            let Setting { config, transport, endpoint, meter } = setting;
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
                clients.push(Client::new(channel, config.payload, outstanding, first, meter.clone()));
            }
            Ok(Box::new(BareLoad { clients, meter }) as Box<dyn Load>)
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

/// A read buffer that reads as much as may be at once from the first read on.
///
/// One that is emptied after every read, as a stream echo does, never learns by itself that it is too small.
fn roomy() -> ReadBuffer {
    let mut buffer = ReadBuffer::default();
    loop {
        let mut spare = buffer.spare();
        let room = spare.remaining_mut();
        if room + 1 >= ReadBuffer::MAX_READ {
            buffer.skip(buffer.len());
            return buffer;
        }
        spare.put_bytes(0, room);
        // It grows when it is full and something is left in it.
        buffer.skip(buffer.len() - 1);
    }
}

struct BareLoad {
    clients: Vec<Client>,
    meter: Arc<Meter>,
}

impl Load for BareLoad {
    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut tasks: JoinSet<()> = self.clients.into_iter().map(Client::run).collect();
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    self.meter.failed("panic", || error.to_string());
                }
            }
        })
    }
}
