//! The transport alone: a stream echo over the same channel halves, with the same bytes outstanding, batched, capped
//! and recycled as well as one would by hand. It has no packets, no ids and no callers; a request is done when its last
//! byte has come back.

mod client;
mod echo;
mod sink;
mod source;

use std::sync::Arc;

use ::listenrain::buffer::ReadBuffer;
use ::listenrain::{BoxFuture, Endpoint};
use bytes::BufMut;
use tokio::task::JoinSet;

use self::client::Client;
use super::accept::accept;
use super::contact::Contact;
use super::due::Due;
use super::{Load, Phases, Serving, Setting, Stack, StackError};
use crate::load::{CellConfig, OpenConfig, ProtocolChoice};
use crate::meter::{Meter, PANIC};

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

    fn has_callers(&self) -> bool {
        false
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            let contact = Contact::of(&setting);
            let Setting { config, transport, mut endpoint, meter, phases, .. } = setting;
            if config.target.is_none() {
                let listener = transport.listen(&endpoint).await?;
                endpoint = listener.endpoint().clone();
                tokio::spawn(accept(listener, echo::echo));
            }
            let mut dialer = transport.dialer(&endpoint)?;
            let mut clients = Vec::new();
            for index in 0..config.channels() {
                let channel = contact.reach(async { Ok(dialer.next().await?) }).await?;
                let number = index * NUMBERS_OF_A_CHANNEL;
                let outstanding = share(&config, index);
                let mut client =
                    Client::new(channel, config.payload, outstanding, number, Arc::clone(&meter));
                contact.greet(async |first| client.greet(first).await).await?;
                clients.push(client);
            }
            Ok(Box::new(BareLoad { clients, open: config.open, meter, phases }) as Box<dyn Load>)
        })
    }

    fn serve<'a>(
        &'a self,
        serving: Serving,
        ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>> {
        Box::pin(async move {
            let listener = serving.transport.listen(&serving.endpoint).await?;
            ready(listener.endpoint());
            Err(accept(listener, echo::echo).await.into())
        })
    }
}

/// Requests that channel `index` may have outstanding: the first few channels take what does not divide.
///
/// In an open loop a channel without any would drop all that falls to it, so each has one at least.
fn share(config: &CellConfig, index: u64) -> u64 {
    let (all, channels) = (config.outstanding(), config.channels());
    let share = all / channels + u64::from(index < all % channels);
    share.max(u64::from(config.open.is_some()))
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
    open: Option<OpenConfig>,
    meter: Arc<Meter>,
    phases: Arc<Phases>,
}

impl Load for BareLoad {
    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        let Self { clients, open, meter, phases } = *self;
        Box::pin(async move {
            let (_pacer, due) = match &open {
                Some(open) => {
                    let (pacer, due) = Due::start(open, clients.len() as u64);
                    (Some(pacer), due.into_iter().map(Some).collect())
                }
                None => (None, clients.iter().map(|_| None).collect::<Vec<_>>()),
            };
            let loops = clients.into_iter().zip(due);
            let given_up = || {
                let phases = Arc::clone(&phases);
                async move { phases.given_up().await }
            };
            let mut tasks: JoinSet<()> = loops.map(|(client, due)| client.run(due, given_up())).collect();
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    meter.failed(PANIC, || error.to_string());
                }
            }
        })
    }
}
