//! The well-behaved client, and what is demanded of it and of the server.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{Client, Endpoint, RawBytes, ServerLimits, Transport};
use listenrain_transports::Tcp;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::THREADS;
use crate::bound;
use crate::peers::{PEERS, demand};
use crate::serving::{Result, protocol};

const CALLERS: usize = 8;
/// Calls that are answered while the server's memory is contended.
const CALLS: u64 = 2000;
/// After which it does not hold.
const WITHIN: Duration = Duration::from_secs(120);

/// This program again, in another part. It ends with its standard input, and so with this one.
struct Part {
    _child: Child,
    asks: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Part {
    fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(asks), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        Ok(Self { _child: child, asks, says: BufReader::new(says).lines() })
    }

    async fn line(&mut self) -> Result<String> {
        timeout(WITHIN, self.says.next_line()).await??.ok_or_else(|| "a process has ended".into())
    }

    /// What the server says of itself.
    async fn look(&mut self) -> Result<Seen> {
        self.asks.write_all(b"\n").await?;
        let figures = self.line().await?;
        let figures: Vec<usize> =
            figures.split(' ').map(str::parse).collect::<std::result::Result<_, _>>()?;
        let [live, peak, bytes, requests, channels] = figures[..] else { return Err("five figures".into()) };
        Ok(Seen { live, peak, bytes, requests, channels })
    }
}

/// Bytes that are allocated and that limits count; unanswered requests; channels.
struct Seen {
    live: usize,
    peak: usize,
    bytes: usize,
    requests: usize,
    channels: usize,
}

/// What became of the good client's calls.
#[derive(Default)]
struct Calls {
    answered: AtomicU64,
    stop: AtomicBool,
}

pub(crate) async fn beside_hostile_peers() -> Result<()> {
    let mut server = Part::start(&["serve"])?;
    let endpoints = server.line().await?;
    let (tcp, tls) = endpoints.split_once(' ').ok_or("two endpoints")?;
    let peers: usize = PEERS.iter().map(|(_, count)| count).sum();
    let before = server.look().await?.live;
    let parts = bound::parts(peers + 1, THREADS);
    let bound = before + parts.iter().map(|(_, bytes)| bytes).sum::<usize>();
    println!("the bound: {} MiB", mib(bound));
    parts.iter().for_each(|(what, bytes)| println!("    {} MiB: {what}", mib(*bytes)));
    println!("the limits of single channels would let the hostile peers have {} MiB", mib(demand()));
    if demand() <= bound {
        return Err("the bound would hold whatever the server did".into());
    }

    let client = Client::builder(protocol()?).dial(Tcp::default().dialer(&Endpoint::new("tcp", tcp)?)?)?;
    let calls = Arc::<Calls>::default();
    let mut callers: JoinSet<_> = (0..CALLERS).map(|_| call_on(client.clone(), calls.clone())).collect();
    let mut attack = Part::start(&["attack", tcp, tls])?;
    println!("{}", attack.line().await?);

    let full = wait_until_full(&mut server, &mut callers).await?;
    let (requests, channels) = (full.requests, full.channels);
    println!("limits count {} MiB of {requests} requests on {channels} channels", mib(full.bytes));
    let since = calls.answered.load(Ordering::Relaxed);
    while calls.answered.load(Ordering::Relaxed) < since + CALLS {
        server.look().await?;
        if let Some(ended) = callers.try_join_next() {
            return Err(format!("a caller has ended: {ended:?}").into());
        }
    }
    calls.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    let seen = server.look().await?;
    let answered = calls.answered.load(Ordering::Relaxed);
    println!("the good client: all {answered} calls answered, each within its default deadline");
    println!("the server: at most {} MiB allocated, of {} MiB", mib(seen.peak), mib(bound));
    if seen.peak > bound { Err("its memory is beyond the bound".into()) } else { Ok(()) }
}

/// The hostile peers have what they can get of the memory that all share: from then on it is contended.
async fn wait_until_full(server: &mut Part, callers: &mut JoinSet<CallsEnd>) -> Result<Seen> {
    let most = ServerLimits::default().all_bytes;
    let full = async {
        loop {
            let seen = server.look().await?;
            if let Some(ended) = callers.try_join_next() {
                return Err(format!("a caller has ended: {ended:?}").into());
            }
            if seen.bytes > most / 4 * 3 {
                return Ok(seen);
            }
        }
    };
    timeout(WITHIN, full).await.map_err(|_| "the hostile peers did not fill the server")?
}

type CallsEnd = std::result::Result<(), String>;

/// Calls with the default deadline, small and large ones; the first that is not answered ends it.
async fn call_on(client: Client<RawBytes>, calls: Arc<Calls>) -> CallsEnd {
    for turn in 0u64.. {
        if calls.stop.load(Ordering::Relaxed) {
            break;
        }
        let size = if turn.is_multiple_of(4) { 32 << 10 } else { 64 };
        let message = Bytes::from(vec![turn as u8; size]);
        let reply = client.call(message.clone()).await.map_err(|error| format!("{error:?}"))?;
        if reply != message {
            return Err("another call's reply".to_owned());
        }
        calls.answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn mib(bytes: usize) -> usize {
    bytes.div_ceil(1 << 20)
}
