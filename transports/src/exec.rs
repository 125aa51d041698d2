//! A child process as a channel: `exec://ssh%20host%20serve` starts a program and talks to its standard input and
//! output. Its other end is `exec://-`: this process's own standard input and output.
//!
//! What stands behind `exec://` is a program and its arguments, with `%20` between them, `%25` for a percent sign, `%3F`
//! for a question mark and, inside a list of endpoints, `%2C` for a comma. No shell is involved, and an argument cannot
//! hold a blank. The program is looked up as the system does it (`PATH`); its environment, directory and standard error
//! are this process's. There are no options.
//!
//! * **Half-close**: a shutdown closes the program's standard input; its output goes on.
//! * **Abort**: none; the other end reads the end of its input, and a packet codec has to notice a packet that was cut.
//! * **Dropping**: closes both pipes. A program that has not ended 2 s later is killed. It is reaped in any case, by a
//!   detached task of its own; when the runtime goes first, the program is killed at once.
//! * **Backpressure**: the system's pipe buffers, 64 KiB each way on Linux.
//! * **Peer identity**: the process id of the program, as `pid` in [`more`](listenrain::ChannelFacts::more).
//!
//! A program that cannot be started fails the dial, which may be tried again; one that starts and dies ends its channel.
//!
//! Listening at `exec://-` takes both pipes over: what this process then prints goes to its standard error, and its
//! standard input is empty. A terminal, a file or a socket is refused, and so is a second time. There is one channel;
//! asked for another, the listener waits until that one is dropped, then ends with a final error. No scratch endpoint
//! serves both ends, so [`all`](crate::all) does not list this transport.

use std::io::{self, Error, ErrorKind};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use listenrain::transport::{BoxFuture, Capabilities, ChannelGenerator, NextError, Transport, generator};
use listenrain::{Channel, ChannelFacts, Endpoint, EndpointError, TransportId};
use nix::unistd::{dup2_stdin, dup2_stdout};
use percent_encoding::percent_decode_str;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::locks::lock;
use crate::pipes;

/// Enough for a program to notice the end of its input and to finish, and too little for many of them to pile up.
const GRACE: Duration = Duration::from_secs(2);

/// The transport of `exec://` endpoints.
#[derive(Debug, Clone)]
pub struct Exec {
    id: TransportId,
}

impl Default for Exec {
    fn default() -> Self {
        Self { id: TransportId::new() }
    }
}

impl Transport for Exec {
    fn scheme(&self) -> &str {
        "exec"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        (capabilities.half_close, capabilities.between_processes) = (true, true);
        capabilities
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (words, at) = (words(endpoint)?, endpoint.clone());
        if words == ["-"] {
            return Err(endpoint.invalid("is this process's own end, which only a listener can take"));
        }
        Ok(generator(endpoint.clone(), move || start(words.clone(), at.clone())))
    }

    fn listen<'a>(&'a self, at: &'a Endpoint) -> Listening<'a> {
        Box::pin(async move {
            if words(at).map_err(|error| NextError::invalid("listen", error))? != ["-"] {
                return Err(NextError::invalid("listen", at.invalid("is a program; listen at `exec://-`")));
            }
            let (channel, over) = own_end(at).map_err(|error| NextError::lasting("listen", at, error))?;
            let (channel, at) = (Arc::new(Mutex::new(Some(channel))), at.clone());
            Ok(generator(at.clone(), move || only(channel.clone(), over.clone(), at.clone())))
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new("exec", "-").expect("a dash is a legal address")
    }

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
    }
}

type Listening<'a> = BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>>;

/// The program and its arguments.
fn words(endpoint: &Endpoint) -> Result<Vec<String>, EndpointError> {
    let decoded = percent_decode_str(endpoint.address()).decode_utf8();
    let text = decoded.map_err(|error| endpoint.invalid(error.to_string()))?;
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    Err(endpoint.invalid(match endpoint.options().next() {
        _ if endpoint.scheme() != "exec" || endpoint.is_list() => "is not for the transport `exec`".into(),
        Some((name, _)) => format!("there is no option `{name}`, nor any other"),
        None if words.is_empty() => "has no program; write it like exec://ssh%20host%20serve".to_owned(),
        None => return Ok(words),
    }))
}

/// The channel of a fresh child, and a task that outlives the channel until the child is reaped.
async fn start(words: Vec<String>, at: Endpoint) -> Result<Channel, NextError> {
    let failed = |error: Error| {
        let text = format!("cannot start `{}`: {error}", words[0]);
        NextError::passing("dial", &at, Error::new(error.kind(), text))
    };
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let read = child.stdout.take().expect("it was asked for as a pipe");
    let write = child.stdin.take().expect("it was asked for as a pipe");
    let mut facts = ChannelFacts::new("exec").between(None, Some(at.clone()));
    facts.more.extend(child.id().map(|pid| ("pid".to_owned(), pid.to_string())));
    let (channel, over) = pipes::channel(read, write, facts);
    tokio::spawn(reap(child, over));
    Ok(channel)
}

/// Waits for the end of `child`, and brings it about when its channel has been over for long enough.
async fn reap(mut child: Child, over: CancellationToken) {
    let end = tokio::select! {
        biased;
        end = child.wait() => end,
        () = async { over.cancelled().await; tokio::time::sleep(GRACE).await } =>
            child.kill().await.and(child.wait().await),
    };
    tracing::debug!(?end, "a program has ended");
}

/// Takes standard input and output over, so that to close the channel's pipes is to end them.
fn own_end(at: &Endpoint) -> io::Result<(Channel, CancellationToken)> {
    let read = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let write = match io::stdout().as_fd().try_clone_to_owned().and_then(pipe::Sender::from_owned_fd) {
        Ok(write) => write,
        // Whoever reads standard input instead expects it to wait.
        Err(error) => return read.into_blocking_fd().and(Err(error)),
    };
    dup2_stdin(std::fs::File::open("/dev/null")?)?;
    dup2_stdout(io::stderr())?;
    Ok(pipes::channel(read, write, ChannelFacts::new("exec").between(Some(at.clone()), None)))
}

type Slot = Arc<Mutex<Option<Channel>>>;

/// What is in the slot, the first time; then nothing until that is over.
async fn only(slot: Slot, over: CancellationToken, at: Endpoint) -> Result<Channel, NextError> {
    if let Some(first) = lock(&slot).take() {
        return Ok(first);
    }
    over.cancelled().await;
    Err(NextError::lasting("accept", &at, Error::new(ErrorKind::UnexpectedEof, "the one channel is over")))
}
