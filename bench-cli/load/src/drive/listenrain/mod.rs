//! The reference library: calls over its own packets, or over the original's.

mod call;
mod forwarder;
mod messages;
mod original;

use std::sync::Arc;
use std::time::Duration;

use ::listenrain::{
    BoxFuture, Client, ConnectionLimits, Correlation, Endpoint, MessageCodec, MessageError, NativePackets,
    OriginalPackets, PacketCodec, Protocol, RawBytes, Refusal, Request, Router, Server, ServerLimits,
};

use self::call::{Plain, Tagging};
use self::messages::TaggedMessages;
use super::callers::{self, Call};
use super::contact::Contact;
use super::{Load, Phases, Serving, Setting, Stack, StackError};
use crate::limits::MAX_PAYLOAD;
use crate::load::{CellConfig, ProtocolChoice};

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListenRain;

/// How long one call may take. A full window of the largest payloads takes seconds on a slow machine; a call that is
/// lost still ends its row.
const CALL_WITHIN: Duration = Duration::from_secs(60);
/// The largest payload, and the message id that the original's protocol puts before it.
const MAX_PACKET: usize = MAX_PAYLOAD as usize + original::ID_LEN;
/// How long the end may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

impl Stack for ListenRain {
    fn name(&self) -> &'static str {
        "listenrain"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Native, ProtocolChoice::Original]
    }

    fn forwards(&self) -> bool {
        true
    }

    fn plays(&self) -> bool {
        true
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            match setting.config.protocol {
                ProtocolChoice::Original => {
                    let protocol = tagged()?;
                    let tagging = |client, index| Tagging::new(client, index * original::IDS_OF_A_CLIENT);
                    connect(protocol, setting, tagging).await
                }
                _ => connect(plain()?, setting, |client, _| Plain(client)).await,
            }
        })
    }

    fn serve<'a>(
        &'a self,
        serving: Serving,
        ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>> {
        Box::pin(async move {
            let server = match serving.protocol {
                ProtocolChoice::Original => listen(tagged()?, &serving).await?,
                _ => listen(plain()?, &serving).await?,
            };
            ready(server.endpoint());
            Ok(server.ended().await?)
        })
    }
}

fn plain() -> Result<Protocol<RawBytes>, StackError> {
    Protocol::builder("bench", RawBytes)
        .packets(NativePackets::default().with_max_packet(MAX_PACKET))
        .build()
        .map_err(said)
}

fn tagged() -> Result<Protocol<TaggedMessages>, StackError> {
    let id_of =
        |message: &[u8]| original::parse_id(message).map_err(|error| MessageError::new(error.to_string()));
    Protocol::builder("original benchmark", TaggedMessages)
        .packets(OriginalPackets::default().with_max_packet(MAX_PACKET))
        .correlation(Correlation::by_message(id_of))
        .build()
        .map_err(said)
}

/// A server that answers every message with itself.
async fn listen<M: MessageCodec>(protocol: Protocol<M>, serving: &Serving) -> Result<Server, StackError> {
    let listener = serving.transport.listen(&serving.endpoint).await?;
    let echo = Router::new().fallback(|request: Request<M::Message>| async move { Ok(request.message) });
    Server::builder(protocol, echo).limits(server_limits(serving)).listen(listener).map_err(said)
}

async fn connect<M: MessageCodec, C: Call>(
    protocol: Protocol<M>,
    setting: Setting,
    caller: impl Fn(Client<M>, u64) -> C,
) -> Result<Box<dyn Load>, StackError> {
    let contact = Contact::of(&setting);
    let serving = setting.serving();
    let Setting { config, transport, mut endpoint, phases, .. } = setting;
    let mut server = None;
    if config.target.is_none() {
        let own = listen(protocol.clone(), &serving).await?;
        endpoint = own.endpoint().clone();
        server = Some(own);
    }
    if config.via.is_some() {
        let packets = Arc::clone(protocol.packets()) as Arc<dyn PacketCodec>;
        endpoint = forwarder::start(Arc::clone(&transport), endpoint, packets).await?;
    }
    let mut clients = Vec::new();
    let mut callers = Vec::new();
    for index in 0..config.connections {
        let client = Client::builder(protocol.clone())
            .lanes(config.lanes as usize)
            .limits(client_limits(&config))
            .dial(transport.dialer(&endpoint)?)
            .map_err(said)?;
        contact.reach(async { client.ready().await.map_err(unready) }).await?;
        let caller = caller(client.clone(), index);
        contact.greet_whole(|request| caller.call(request)).await?;
        callers.push(Arc::new(caller));
        clients.push(client);
    }
    Ok(Box::new(Calling { server, clients, callers, config, phases }))
}

/// As much in flight as the cell plans, on each connection.
fn client_limits(config: &CellConfig) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    let outstanding = config.outstanding() as usize;
    limits.requests = limits.requests.max(outstanding);
    limits.bytes = room(outstanding, config.window);
    limits
}

fn server_limits(serving: &Serving) -> ServerLimits {
    let mut limits = ServerLimits::default();
    let outstanding = serving.outstanding as usize;
    limits.requests = limits.requests.max(outstanding);
    limits.bytes = limits.bytes.max(room(outstanding, serving.bytes));
    limits.all_requests = limits.all_requests.max(limits.requests);
    limits.all_bytes = limits.all_bytes.max(limits.bytes);
    limits
}

/// The message ids of the original protocol come on top of the payload.
fn room(requests: usize, bytes: usize) -> usize {
    bytes + requests * original::ID_LEN
}

/// What the last dial said, where that is why.
fn unready(refusal: Refusal) -> StackError {
    match refusal {
        Refusal::Down { cause: Some(error), .. } => error.into(),
        other => said(other),
    }
}

fn said(error: impl std::error::Error) -> StackError {
    let source = error.source().map_or_else(String::new, |source| format!(": {source}"));
    StackError::Stack(format!("{error}{source}"))
}

struct Calling<M, C> {
    server: Option<Server>,
    clients: Vec<Client<M>>,
    callers: Vec<Arc<C>>,
    config: CellConfig,
    phases: Arc<Phases>,
}

impl<M: MessageCodec, C: Call> Load for Calling<M, C> {
    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        let Self { server, clients, callers, config, phases } = *self;
        Box::pin(async move {
            callers::run(callers, &config, &phases).await;
            let closed = async {
                for client in clients {
                    client.connection().close(CLOSE_WITHIN).await;
                }
                if let Some(server) = server {
                    server.drain(CLOSE_WITHIN).await;
                }
            };
            tokio::select! {
                biased;
                // A peer that owes replies says no goodbye either.
                _ = phases.given_up() => {}
                () = closed => {}
            }
        })
    }
}
