//! [tarpc](https://docs.rs/tarpc): its serde transport over TCP, with bincode.
//!
//! - `max_in_flight_requests` and `pending_request_buffer` of the client, `pending_response_buffer` of the server: as many as
//!   the cell has outstanding, since "too low value may decrease throughput" (`tarpc::client::Config`).
//! - The longest frame: the largest payload, set as in tarpc's own example service (`config_mut().max_frame_length`); its
//!   default is 8 MiB.
//! - Each request is answered in a task of its own, as in the README's `for_each(|response| tokio::spawn(response))`.
//! - Payloads are `bytes::Bytes`, which serde writes as one run of bytes and not one by one.
//! - The deadline of a call is 60 s, as ListenRain's here; its default is 10 s.

use std::sync::Arc;
use std::time::Instant;

use ::tarpc::client::{self, RpcError};
use ::tarpc::context;
use ::tarpc::serde_transport;
use ::tarpc::server::{self, BaseChannel, Channel};
use ::tarpc::tokio_serde::formats::Bincode;
use ::tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use bench_load::drive::callers::{self, Call, Failure};
use bench_load::drive::{Contact, Load, Serving, Setting, Stack, StackError, Unfit};
use bench_load::load::{CellConfig, ProtocolChoice};
use bytes::Bytes;
use futures_util::StreamExt;
use listenrain::{BoxFuture, Endpoint};
use tokio::net::{TcpListener, TcpStream};

use crate::{CALL_WITHIN, MAX_MESSAGE, tcp};

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tarpc;

/// What is called.
#[::tarpc::service]
trait Echo {
    /// Answers with what it was sent.
    async fn echo(payload: Bytes) -> Bytes;
}

impl Stack for Tarpc {
    fn name(&self) -> &'static str {
        "tarpc"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Own]
    }

    fn is_in_table(&self) -> bool {
        false
    }

    fn unfit(&self, cell: &CellConfig) -> Option<Unfit> {
        tcp::unfit(self.name(), cell)
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            let contact = Contact::of(&setting);
            let Setting { config, mut endpoint, phases, .. } = setting;
            let outstanding = config.outstanding() as usize;
            if config.target.is_none() {
                let (listener, listens) = tcp::listen(&endpoint).await?;
                endpoint = listens;
                tokio::spawn(serve(listener, outstanding));
            }
            let mut clients = Vec::new();
            for _ in 0..config.channels() {
                let stream = contact.reach(tcp::dial(&endpoint)).await?;
                let client = Client(client(stream, outstanding));
                contact.greet_whole(|request| client.call(request)).await?;
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
            let (listener, listens) = tcp::listen(&serving.endpoint).await?;
            ready(&listens);
            serve(listener, serving.outstanding as usize).await
        })
    }
}

struct Client(EchoClient);

impl Call for Client {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        let mut context = context::current();
        context.deadline = Instant::now() + CALL_WITHIN;
        self.0.echo(context, payload).await.map_err(|error| {
            let kind = match error {
                RpcError::DeadlineExceeded => "timeout",
                RpcError::Server(_) => "failed",
                _ => "lost",
            };
            Failure { kind, message: error.to_string() }
        })
    }
}

fn client(stream: TcpStream, outstanding: usize) -> EchoClient {
    let mut config = client::Config::default();
    config.max_in_flight_requests = config.max_in_flight_requests.max(outstanding);
    config.pending_request_buffer = config.pending_request_buffer.max(outstanding);
    EchoClient::new(config, serde_transport::new(framed(stream), Bincode::default())).spawn()
}

#[derive(Clone)]
struct Answers;

impl Echo for Answers {
    async fn echo(self, _: context::Context, payload: Bytes) -> Bytes {
        payload
    }
}

/// Answers every connection. Never ends.
async fn serve(listener: TcpListener, outstanding: usize) -> Result<(), StackError> {
    let mut config = server::Config::default();
    config.pending_response_buffer = config.pending_response_buffer.max(outstanding);
    loop {
        let stream = tcp::accept(&listener).await;
        let channel =
            BaseChannel::new(config.clone(), serde_transport::new(framed(stream), Bincode::default()));
        let answering = channel.execute(Answers.serve()).for_each(|response| async {
            tokio::spawn(response);
        });
        tokio::spawn(answering);
    }
}

fn framed(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    LengthDelimitedCodec::builder().max_frame_length(MAX_MESSAGE).new_framed(stream)
}
