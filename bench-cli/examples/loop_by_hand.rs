//! `bench-cli` with a stack that is written by hand for TCP: what `floor` is held to. A length and the bytes of a message,
//! replies in order, a task that writes all that is queued, a task that reads, and plain tokio for the rest.
//!
//! ```sh
//! cargo run --release -p bench-cli --example loop_by_hand -- compare --stack floor,by-hand --parallel 16 --payload 4KiB
//! ```

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use bench_cli::drive::callers::{self, Call, Failure};
use bench_cli::drive::{Contact, Load, Serving, Setting, Stack, StackError};
use bench_cli::load::ProtocolChoice;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use listenrain::{BoxFuture, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

const HEADER: usize = 4;
/// Most bytes of a read and of a write: larger ones leave the cache before they are used.
const AT_ONCE: usize = 256 * 1024;

#[derive(Debug)]
struct ByHand;

impl Stack for ByHand {
    fn name(&self) -> &'static str {
        "by-hand"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Own]
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        Box::pin(async move {
            let contact = Contact::of(&setting);
            let Setting { config, endpoint, phases, .. } = setting;
            let cannot = |error: io::Error| StackError::Stack(error.to_string());
            let listener = TcpListener::bind(endpoint.address()).await.map_err(cannot)?;
            let address = listener.local_addr().map_err(cannot)?;
            tokio::spawn(serve(listener));
            let mut clients = Vec::new();
            for _ in 0..config.channels() {
                let connecting = async { TcpStream::connect(address).await.map_err(cannot) };
                let client = Client::over(contact.reach(connecting).await?).map_err(cannot)?;
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
            let cannot = |error: io::Error| StackError::Stack(error.to_string());
            let listener = TcpListener::bind(serving.endpoint.address()).await.map_err(cannot)?;
            let local = listener.local_addr().map_err(cannot)?;
            ready(&serving.endpoint.clone().with_address(local.to_string()));
            serve(listener).await.map_err(cannot)
        })
    }
}

struct Client {
    requests: mpsc::UnboundedSender<(Bytes, oneshot::Sender<Bytes>)>,
}

type Waiting = Arc<Mutex<VecDeque<oneshot::Sender<Bytes>>>>;

impl Client {
    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (requests, queued) = mpsc::unbounded_channel();
        let waiting = Waiting::default();
        tokio::spawn(send(write, queued, Arc::clone(&waiting)));
        tokio::spawn(receive(read, waiting));
        Ok(Self { requests })
    }
}

impl Call for Client {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        let lost = || Failure { kind: "lost", message: "the connection is lost".to_owned() };
        let (reply, comes) = oneshot::channel();
        self.requests.send((payload, reply)).map_err(|_| lost())?;
        comes.await.map_err(|_| lost())
    }
}

async fn send(
    mut write: OwnedWriteHalf,
    mut queued: mpsc::UnboundedReceiver<(Bytes, oneshot::Sender<Bytes>)>,
    waiting: Waiting,
) -> io::Result<()> {
    let (mut batch, mut messages) = (Vec::new(), VecDeque::new());
    while queued.recv_many(&mut batch, 1024).await > 0 {
        {
            let mut waiting = waiting.lock().unwrap();
            for (payload, reply) in batch.drain(..) {
                messages.push_back(payload);
                waiting.push_back(reply);
            }
        }
        write_all(&mut write, &mut messages).await?;
    }
    Ok(())
}

async fn receive(mut read: OwnedReadHalf, waiting: Waiting) -> io::Result<()> {
    let mut incoming = BytesMut::with_capacity(AT_ONCE);
    loop {
        fill(&mut read, &mut incoming).await?;
        let mut waiting = waiting.lock().unwrap();
        while let Some(reply) = next(&mut incoming) {
            let caller = waiting.pop_front().ok_or(io::ErrorKind::InvalidData)?;
            let _ = caller.send(reply);
        }
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(answer(stream));
    }
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let (mut incoming, mut messages) = (BytesMut::with_capacity(AT_ONCE), VecDeque::new());
    loop {
        fill(&mut read, &mut incoming).await?;
        while let Some(message) = next(&mut incoming) {
            messages.push_back(message);
        }
        write_all(&mut write, &mut messages).await?;
    }
}

/// Reads once.
async fn fill(read: &mut OwnedReadHalf, incoming: &mut BytesMut) -> io::Result<()> {
    if incoming.capacity() - incoming.len() < AT_ONCE / 4 {
        let expected = if incoming.len() < HEADER { 0 } else { HEADER + (&incoming[..]).get_u32() as usize };
        incoming.reserve(AT_ONCE.max(expected.saturating_sub(incoming.len())));
    }
    match read.read_buf(&mut incoming.limit(AT_ONCE)).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The next whole message.
fn next(incoming: &mut BytesMut) -> Option<Bytes> {
    let len = (incoming.get(..HEADER)?).get_u32() as usize;
    if incoming.len() < HEADER + len {
        return None;
    }
    incoming.advance(HEADER);
    Some(incoming.split_to(len).freeze())
}

/// Writes all of them: what is short together, what is long as it is and in pieces, between which the peer may read.
async fn write_all(write: &mut OwnedWriteHalf, messages: &mut VecDeque<Bytes>) -> io::Result<()> {
    let mut together = BytesMut::new();
    while let Some(mut message) = messages.pop_front() {
        together.put_u32(message.len() as u32);
        if message.len() < AT_ONCE / 4 {
            together.extend_from_slice(&message);
            if together.len() < AT_ONCE / 2 && !messages.is_empty() {
                continue;
            }
        }
        write.write_all_buf(&mut together).await?;
        if message.len() >= AT_ONCE / 4 {
            while message.has_remaining() {
                let piece = message.split_to(message.len().min(AT_ONCE));
                write.write_all(&piece).await?;
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    bench_cli::main_with(bench_cli::Registry::standard().with_peer(ByHand))
}
