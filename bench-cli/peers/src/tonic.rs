//! [tonic](https://docs.rs/tonic): unary gRPC calls over HTTP/2, with a codec for plain bytes in place of Protocol Buffers.
//!
//! - Sockets: its own, with `TCP_NODELAY`, and without the bound of 64 KiB on what waits unsent that all others here have.
//! - Windows: 8 MiB a stream and 64 MiB a connection (`initial_stream_window_size`, `initial_connection_window_size`). Their
//!   default of 64 KiB - 1 lets a larger message wait for a window update every 64 KiB.
//! - Frames of up to 1 MiB, as in the example of `Endpoint::max_frame_size`; the default is 16 KiB.
//! - The largest message: the largest payload (`max_decoding_message_size`); the default of 4 MiB refuses one of 4 MiB with
//!   its header.
//! - `TCP_NODELAY` is tonic's default. The client's request buffer holds what the cell has outstanding
//!   (`Endpoint::buffer_size`).
//! - The encoder reserves a message's length at once; `BufferSettings` says that the buffer grows by 8 KiB otherwise. The
//!   decoder takes the message out of the buffer without copying it.
//! - No compression, no timeout, no layers.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use ::tonic::body::Body;
use ::tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use ::tonic::codegen::http::uri::PathAndQuery;
use ::tonic::codegen::{Service, http};
use ::tonic::server::UnaryService;
use ::tonic::transport::server::TcpIncoming;
use ::tonic::transport::{self, Channel};
use ::tonic::{Code, Request, Response, Status, client, server};
use bench_load::drive::callers::{self, Call, Failure};
use bench_load::drive::{Contact, Load, Serving, Setting, Stack, StackError, Unfit};
use bench_load::load::{CellConfig, ProtocolChoice};
use bytes::{Buf, BufMut, Bytes};
use listenrain::{BoxFuture, Endpoint};
use tokio::net::TcpListener;

use crate::{MAX_MESSAGE, tcp};

const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
const FRAME: u32 = 1 << 20;
/// What is called.
const METHOD: PathAndQuery = PathAndQuery::from_static("/bench.Echo/Echo");
/// Requests that a client buffers by default.
const BUFFERED: usize = 1024;

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tonic;

impl Stack for Tonic {
    fn name(&self) -> &'static str {
        "tonic"
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
            if config.target.is_none() {
                let (listener, listens) = tcp::listen(&endpoint).await?;
                endpoint = listens;
                tokio::spawn(serve(listener));
            }
            let mut clients = Vec::new();
            for _ in 0..config.channels() {
                let client = contact.reach(client(&endpoint, config.outstanding() as usize)).await?;
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
            serve(listener).await.map_err(said)
        })
    }
}

struct Client(client::Grpc<Channel>);

impl Call for Client {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        // A channel is cloned for each call, as the generated clients are: that is cheap.
        let mut client = self.0.clone();
        let failed = |status: Status| {
            let kind = match status.code() {
                Code::DeadlineExceeded => "timeout",
                Code::Unavailable | Code::Cancelled => "lost",
                _ => "failed",
            };
            Failure { kind, message: status.to_string() }
        };
        client.ready().await.map_err(|error| Failure { kind: "lost", message: with_causes(&error) })?;
        let reply = client.unary(Request::new(payload), METHOD, Plain).await;
        reply.map(Response::into_inner).map_err(failed)
    }
}

async fn client(endpoint: &Endpoint, outstanding: usize) -> Result<Client, StackError> {
    let channel = transport::Endpoint::from_shared(format!("http://{}", tcp::address(endpoint)?))
        .map_err(said)?
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .buffer_size(outstanding.max(BUFFERED))
        .connect()
        .await
        .map_err(said)?;
    let client = client::Grpc::new(channel);
    Ok(Client(client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE)))
}

fn said(error: transport::Error) -> StackError {
    StackError::Stack(with_causes(&error))
}

/// tonic's own texts are as short as "transport error".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Answers every connection until the listener fails.
async fn serve(listener: TcpListener) -> Result<(), transport::Error> {
    transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .serve_with_incoming(Answers, TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
}

/// What a generated server would be, for the one method.
#[derive(Clone)]
struct Answers;

impl Service<http::Request<Body>> for Answers {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut server = server::Grpc::new(Plain)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE);
            Ok(server.unary(Echo, request).await)
        })
    }
}

struct Echo;

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

/// Messages that are bytes and no more.
#[derive(Debug, Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.reserve(message.len());
        into.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
