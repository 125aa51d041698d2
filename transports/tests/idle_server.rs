//! Memory of idle connections in a server, after a burst and when it was never used: the heap of the server alone,
//! since its clients are another process. Over TCP and Unix sockets the figure is held to a limit, elsewhere it is printed.
//!
//! `LISTENRAIN_IDLE_CONNECTIONS` sets how many there are.

#[path = "integration/support/counted.rs"]
mod counted;

use std::env;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use libtest_mimic::{Arguments, Failed, Trial};
use listenrain::{Client, Command as Route, Protocol, RawBytes, Request, Router, Server};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// Names how many clients this process is to be, and of which endpoint.
const CLIENTS: &str = "LISTENRAIN_IDLE_CLIENTS";
/// Names the transport whose server this process is to be.
const SERVER: &str = "LISTENRAIN_IDLE_SERVER";
const CONNECTIONS: &str = "LISTENRAIN_IDLE_CONNECTIONS";
/// Bytes of heap for each.
const MOST: usize = 6 * 1024;
/// How long a connection has rested when its memory is looked at.
const REST: Duration = Duration::from_secs(1);
const WATCHDOG: Duration = Duration::from_secs(120);

type Case = (&'static str, usize, usize, bool);

/// A transport, how many connections there are unless told, the most that make sense, and whether the limit holds.
const CASES: [Case; 5] = [
    ("tcp", 2000, 10_000, true),
    ("unix", 2000, 10_000, true),
    ("tls", 200, 2000, false),
    ("quic", 100, 1000, false),
    ("sctp", 50, 500, false),
];

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Ok(task) = env::var(CLIENTS) {
        let (count, endpoint) = task.split_once(' ').expect("a count and an endpoint");
        runtime.block_on(be_clients(count.parse().expect("a count"), endpoint)).expect("clients");
        return ExitCode::SUCCESS;
    }
    if let Ok(scheme) = env::var(SERVER) {
        let case = CASES.into_iter().find(|case| case.0 == scheme).expect("one of the cases");
        let measured = runtime.block_on(async { timeout(WATCHDOG, idle(case)).await? });
        return measured.map_or_else(
            |error| {
                eprintln!("{error}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let trials = CASES.map(|(scheme, ..)| {
        Trial::test(format!("an_idle_connection_of_a_server_over_{scheme}_is_small"), move || measure(scheme))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// In a process of its own: what one server leaves behind would count as another's.
fn measure(scheme: &str) -> Result<(), Failed> {
    let mut server = std::process::Command::new(env::current_exe()?);
    let measured = server.env(SERVER, scheme).output()?;
    print!("{}", String::from_utf8_lossy(&measured.stdout));
    if measured.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&measured.stderr).into()) }
}

async fn idle((scheme, by_default, most, is_held): Case) -> Fallible {
    let count = env::var(CONNECTIONS).map_or(Ok(by_default), |count| count.parse())?.min(most);
    let transports = listenrain_transports::all();
    let transport = transports.get(scheme)?;
    let router: Router<RawBytes> =
        Router::new().on(Route(0), async |request: Request<Bytes>| Ok(request.message));
    let listener = transport.listen(&transport.scratch_endpoint()).await?;
    let server = Server::builder(protocol(), router).listen(listener)?;
    let before = counted::LIVE.load(Relaxed);
    let each = || counted::LIVE.load(Relaxed).saturating_sub(before) / count;

    let mut clients = Clients::start(count, &server.endpoint().to_string())?;
    clients.wait_for("open").await?;
    sleep(REST).await;
    let unused = each();
    clients.burst().await?;
    sleep(REST).await;
    let used = each();
    if server.connections() != count {
        return Err(format!("{} of {count} connections are left", server.connections()).into());
    }
    println!("{scheme}: {count} connections, {unused} bytes for each when never used, {used} after a burst");
    if is_held && unused.max(used) > MOST {
        return Err(format!("{unused} and {used} bytes for each, of at most {MOST}").into());
    }
    Ok(())
}

/// The process of the clients; it ends with its standard input.
struct Clients {
    _child: Child,
    say: ChildStdin,
    hear: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    fn start(count: usize, endpoint: &str) -> std::io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.env(CLIENTS, format!("{count} {endpoint}")).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (say, hear) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Self { _child: child, say, hear: BufReader::new(hear).lines() })
    }

    async fn wait_for(&mut self, word: &str) -> Fallible {
        match self.hear.next_line().await? {
            Some(line) if line == word => Ok(()),
            other => Err(format!("the clients said {other:?} instead of {word}").into()),
        }
    }

    async fn burst(&mut self) -> Fallible {
        self.say.write_all(b"burst\n").await?;
        self.wait_for("done").await
    }
}

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn be_clients(count: usize, endpoint: &str) -> Fallible {
    let endpoint = endpoint.parse()?;
    let transports = listenrain_transports::all();
    let transport = transports.for_endpoint(&endpoint)?;
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let some = (count - clients.len()).min(64);
        let dialled = (0..some).map(|_| async {
            let client = Client::builder(protocol()).dial(transport.dialer(&endpoint)?)?;
            client.ready().await?;
            Fallible::Ok(client)
        });
        clients.append(&mut try_join_all(dialled).await?);
    }
    println!("open");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        for some in clients.chunks(64) {
            let calls = some.iter().flat_map(|client| {
                (0..8).map(|_| client.call_within(Bytes::from(vec![7; 32 * 1024]), WATCHDOG))
            });
            try_join_all(calls).await?;
        }
        println!("done");
    }
    Ok(())
}

fn protocol() -> Protocol<RawBytes> {
    Protocol::builder("idle", RawBytes).build().expect("defaults are valid")
}
