//! [Cap'n Proto](https://docs.rs/capnp-rpc): calls of one method whose parameter and result are `Data`, by hand instead of by
//! generated code.
//!
//! - Streams are buffered, 64 KiB each way: "performance is best if these streams are buffered"
//!   (`capnp_rpc::twoparty::VatNetwork::new`).
//! - Messages are not packed, which is the form of RPC and the one without work for the processor.
//! - No traversal limit (`ReaderOptions::traversal_limit_in_words`): its default refuses payloads of 64 MiB.
//! - Requests say how long they are (`MessageSize`), so that their first segment holds them.
//! - It cannot leave its thread. Its parts live in tasks of the runtime's own thread (`spawn_local`), as in its examples, and
//!   callers hand requests to one of them: one more turn of the runtime a request. A runtime of several threads would not use
//!   them, so such cells are left out.
//! - A reply is copied out of its message once, which a user who reads it in place would not do.

mod echo;

use std::sync::Arc;

use ::capnp::capability::Client;
use ::capnp::message::ReaderOptions;
use ::capnp::{MessageSize, any_pointer, data};
use bench_load::drive::callers::{self, Call, Failure};
use bench_load::drive::{Contact, Load, Serving, Setting, Stack, StackError, Unfit};
use bench_load::load::{CellConfig, ProtocolChoice, RuntimeChoice};
use bytes::Bytes;
use capnp_rpc::RpcSystem;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::twoparty::VatNetwork;
use futures_util::io::{BufReader, BufWriter};
use listenrain::{BoxFuture, Endpoint};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::tcp;

const BUFFER: usize = 64 << 10;

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Capnp;

impl Stack for Capnp {
    fn name(&self) -> &'static str {
        "capnp"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Own]
    }

    fn is_in_table(&self) -> bool {
        false
    }

    fn unfit(&self, cell: &CellConfig) -> Option<Unfit> {
        let left_out = || {
            let why = format!(
                "stack capnp with --runtime {}: it runs on one thread, --runtime current",
                cell.runtime
            );
            (cell.runtime != RuntimeChoice::Current).then_some(Unfit::LeftOut(why))
        };
        tcp::unfit(self.name(), cell).or_else(left_out)
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            let contact = Contact::of(&setting);
            let Setting { config, mut endpoint, phases, .. } = setting;
            if config.target.is_none() {
                let (listener, listens) = tcp::listen(&endpoint).await?;
                endpoint = listens;
                spawn_local(serve(listener));
            }
            let mut clients = Vec::new();
            for _ in 0..config.channels() {
                let stream = contact.reach(tcp::dial(&endpoint)).await?;
                let caller = Caller::over(stream);
                contact.greet_whole(|request| caller.call(request)).await?;
                clients.push(Arc::new(caller));
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
            // It may not move to another thread, as this future may.
            let served = spawn_local(serve(listener)).await;
            served.map_err(|error| StackError::Stack(error.to_string()))
        })
    }
}

/// A request, and where its reply is waited for.
struct Request {
    payload: Bytes,
    reply: oneshot::Sender<Result<Bytes, ::capnp::Error>>,
}

/// Hands requests to the tasks that may not leave their thread.
struct Caller(mpsc::UnboundedSender<Request>);

impl Caller {
    fn over(stream: TcpStream) -> Self {
        let mut system = system(stream, Side::Client, None);
        let echo: Client = system.bootstrap(Side::Server);
        spawn_local(system);
        // As many as the load has outstanding.
        let (requests, queued) = mpsc::unbounded_channel();
        spawn_local(call_all(echo, queued));
        Self(requests)
    }
}

impl Call for Caller {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        let lost = |_| Failure { kind: "lost", message: "the connection's task is gone".to_owned() };
        let (reply, comes) = oneshot::channel();
        // Where it is refused, so is the reply.
        let _ = self.0.send(Request { payload, reply });
        let failed = |error: ::capnp::Error| {
            let kind = if error.kind == ::capnp::ErrorKind::Disconnected { "lost" } else { "failed" };
            Failure { kind, message: error.to_string() }
        };
        comes.await.map_err(lost)?.map_err(failed)
    }
}

async fn call_all(echo: Client, mut queued: mpsc::UnboundedReceiver<Request>) {
    while let Some(Request { payload, reply }) = queued.recv().await {
        // The payload, and the pointers and fields of a call around it.
        let size = MessageSize { word_count: payload.len() as u64 / 8 + 64, cap_count: 0 };
        let mut call = echo.new_call::<any_pointer::Owned, any_pointer::Owned>(
            echo::INTERFACE,
            echo::METHOD,
            Some(size),
        );
        let written = call.get().set_as::<data::Owned>(&payload[..]);
        drop(payload);
        let answered = call.send().promise;
        spawn_local(async move {
            let replied = async {
                written?;
                let response = answered.await?;
                let payload: data::Reader<'_> = response.get()?.get_as()?;
                Ok(Bytes::copy_from_slice(payload))
            };
            // A caller that is gone wants none.
            let _ = reply.send(replied.await);
        });
    }
}

/// Answers every connection. Never ends.
async fn serve(listener: TcpListener) {
    loop {
        let stream = tcp::accept(&listener).await;
        spawn_local(system(stream, Side::Server, Some(echo::client())));
    }
}

fn system(stream: TcpStream, side: Side, bootstrap: Option<Client>) -> RpcSystem<Side> {
    let (read, write) = stream.into_split();
    let read = BufReader::with_capacity(BUFFER, read.compat());
    let write = BufWriter::with_capacity(BUFFER, write.compat_write());
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(None);
    RpcSystem::new(Box::new(VatNetwork::new(read, write, side, options)), bootstrap)
}
