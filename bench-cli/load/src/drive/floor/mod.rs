//! The floor of request and reply: the least that carries whole messages over a channel. A message is a length and a buffer
//! of its own, a reply belongs to the oldest request, and each caller is a task that awaits its reply.
//!
//! It has no ids, deadlines, limits or errors of single calls, and one slow reply holds up all behind it: what a library
//! adds is what it costs beyond this. [`Bare`](super::Bare) is faster and no measure of calls: it has one buffer that never
//! leaves the cache, and no caller that waits.

mod client;
mod frames;
mod server;
mod writer;

use std::sync::Arc;

use ::listenrain::{BoxFuture, Endpoint};

use self::client::Client;
use super::accept::accept;
use super::contact::Contact;
use super::{Load, Serving, Setting, Stack, StackError, callers};
use crate::load::ProtocolChoice;

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Floor;

impl Stack for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Length]
    }

    fn is_in_table(&self) -> bool {
        false
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            let contact = Contact::of(&setting);
            let Setting { config, transport, mut endpoint, phases, .. } = setting;
            if config.target.is_none() {
                let listener = transport.listen(&endpoint).await?;
                endpoint = listener.endpoint().clone();
                tokio::spawn(accept(listener, server::answer));
            }
            let mut dialer = transport.dialer(&endpoint)?;
            let mut clients = Vec::new();
            for _ in 0..config.channels() {
                let channel = contact.reach(async { Ok(dialer.next().await?) }).await?;
                let client = Client::over(channel);
                contact.greet_whole(|request| callers::Call::call(&client, request)).await?;
                clients.push(Arc::new(client));
            }
            Ok(callers::load(clients, config, phases))
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
            Err(accept(listener, server::answer).await.into())
        })
    }
}
