//! The protocol between workers and worker 0: one JSON object a line, over TCP.

use std::io;
use std::time::Duration;

use listenrain_results::Run;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::merge::ServerUsage;

/// Of these messages. One that speaks another is refused.
pub(super) const VERSION: u32 = 2;
/// Longest line of a connection that has not said HELLO yet.
pub(super) const LONGEST_HELLO: usize = 4 << 20;
/// Longest line of a participant: a result of a hundred cells is a few MiB.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// All that is ever said.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(super) enum Message {
    /// To worker 0, first thing.
    Hello(Hello),
    /// From worker 0: all are there; make the connections.
    Prepare {
        /// The name that all of this run share.
        run: String,
    },
    /// From worker 0, last thing: no place for this one.
    Refused {
        /// Why, with what to change.
        why: String,
    },
    /// From a worker: the connections of its next launch stand.
    Ready(LaunchPhase),
    /// From worker 0: what time is it?
    Ping {
        /// Counted up, so that no answer is taken for another's.
        number: u64,
    },
    /// The answer.
    Pong {
        /// The ping's.
        number: u64,
        /// The answerer's own monotonic clock, ns.
        at_ns: u64,
    },
    /// From worker 0: begin at that time.
    Start {
        /// The receiver's own monotonic clock, ns.
        at_ns: u64,
        /// What begins then.
        phase: LaunchPhase,
    },
    /// From a worker: all that it has measured.
    Result {
        /// Its part of the run.
        run: Box<Run>,
    },
    /// From worker 0: no launch follows. A server answers with its usage; for a worker it is the last word.
    Over,
    /// From a server: what it used.
    Usage {
        /// Cell by cell.
        cells: Vec<ServerUsage>,
    },
    /// From any participant: this run is aborted.
    Abort {
        /// Why.
        why: String,
    },
}

/// Who comes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hello {
    /// [`VERSION`] of the sender.
    pub(super) protocol: u32,
    /// The sender's build.
    pub(super) version: String,
    /// What it is.
    pub(super) role: Role,
}

/// What a participant is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// It lets requests go.
    Worker {
        /// Which one.
        index: u64,
        /// Of how many.
        count: u64,
        /// What it is about to do, as [`Settings`](super::settings::Settings) write it.
        settings: String,
    },
    /// It answers them.
    Server,
}

/// One launch of a cell: its place in the plan, and how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaunchPhase {
    /// Which of the plan's cells.
    pub(crate) cell: u64,
    /// From the start on.
    pub(crate) warmup: Duration,
    /// After that.
    pub(crate) duration: Duration,
}

/// Why nothing more comes from a participant.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("its connection ended")]
    Closed,
    #[error("its connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("it sent a line of more than {0} bytes")]
    TooLong(usize),
    #[error("unexpected message: {0}")]
    Unknown(#[from] serde_json::Error),
}

/// Half of a connection, whatever kind it is.
pub(super) type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
/// The other half.
pub(super) type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// Reads messages.
pub(super) struct Reader(BufReader<ReadHalf>);

impl Reader {
    pub(super) fn new(half: ReadHalf) -> Self {
        Self(BufReader::new(half))
    }

    /// The next one, of a line of `longest` bytes at most.
    ///
    /// # Cancel safety
    ///
    /// None: what has come of a line is lost.
    pub(super) async fn next(&mut self, longest: usize) -> Result<Message, WireError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.0).take(longest as u64);
        limited.read_until(b'\n', &mut line).await?;
        match line.last() {
            Some(b'\n') => Ok(serde_json::from_slice(&line)?),
            Some(_) if line.len() >= longest => Err(WireError::TooLong(longest)),
            _ => Err(WireError::Closed),
        }
    }
}

/// A sender, and what writes all that it is given until it is dropped.
pub(super) fn writer(mut half: WriteHalf) -> (Sender, impl Future<Output = ()> + Send + 'static) {
    // Unbounded, since every message but the first answers one, or is the last.
    let (sender, mut messages) = mpsc::unbounded_channel::<Message>();
    let writing = async move {
        while let Some(message) = messages.recv().await {
            let mut line = serde_json::to_vec(&message).unwrap_or_default();
            line.push(b'\n');
            // Who is gone is noticed where it is read from.
            if half.write_all(&line).await.is_err() || half.flush().await.is_err() {
                return;
            }
        }
        let _ = half.shutdown().await;
    };
    (sender, writing)
}

/// To a [`writer`].
pub(super) type Sender = mpsc::UnboundedSender<Message>;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8], longest: usize) -> Result<Message, WireError> {
        Reader::new(Box::new(bytes)).next(longest).await
    }

    #[tokio::test]
    async fn a_line_is_a_message_and_its_length_is_bounded() {
        let ping = b"{\"say\":\"ping\",\"number\":7}\n";
        assert!(matches!(read(ping, 100).await, Ok(Message::Ping { number: 7 })));
        assert!(matches!(read(ping, ping.len()).await, Ok(Message::Ping { number: 7 })));
        assert!(matches!(read(ping, ping.len() - 1).await, Err(WireError::TooLong(25))));
        assert!(matches!(read(&ping[..10], 100).await, Err(WireError::Closed)));
        assert!(matches!(read(b"", 100).await, Err(WireError::Closed)));
        assert!(matches!(read(b"GET / HTTP/1.1\r\n", 100).await, Err(WireError::Unknown(_))));
        assert!(matches!(read(b"{\"say\":\"dance\"}\n", 100).await, Err(WireError::Unknown(_))));
    }
}
