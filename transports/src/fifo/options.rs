//! The options of named pipes.

use std::time::Duration;

use crate::options::{COUNT, TIMEOUT, count, only_where, options, or, size, span};

/// Whether the system lets a program choose the size of a pipe.
const HAS_SIZE: bool = cfg!(target_os = "linux");

options! {
    /// The options of [`Fifo`](super::Fifo), as a builder.
    ///
    /// Bounds are checked where the options are used, by [`Fifo::new`](super::Fifo::new). An endpoint may set each of them
    /// too, by the name of its method: `fifo:///run/x?pipe_size=1MiB`. Both a dialer and a listener take all of them, so
    /// that one endpoint can serve both.
    pub struct FifoOptions {}

    /// How many bytes may wait in the pipe that this side reads (`F_SETPIPE_SZ`), or `None` for what the system chooses
    /// (Linux: 64 KiB). When it is full, the peer's writing waits.
    ///
    /// Unit: bytes. Default: 256 KiB on Linux, as much as the library reads or writes at once; `None` elsewhere, where
    /// nothing else is allowed. Bounds: 4 KiB to 1 GiB; the system rounds up to a power of two, and it limits what one
    /// pipe (`fs.pipe-max-size`, 1 MiB) and all pipes of one user (`fs.pipe-user-pages-soft`, 64 MiB) may hold. Beyond
    /// that the pipe gets the largest half, quarter and so on that the system grants, down to what it had, and a trace
    /// says so; the dial or accept goes on.
    ///
    /// Measured with two threads, 256 KiB moved messages of 1 MiB about 1.3 times as fast as the system's 64 KiB, and
    /// 1 MiB no faster. Make it smaller for hundreds of connections of an unprivileged user.
    pipe_size(bytes: Option<usize>) = HAS_SIZE.then_some(256 << 10),
        only_where(HAS_SIZE, or("system", size(4096..=1 << 30)), None),
        "bytes that may wait in the pipe that this side reads (F_SETPIPE_SZ)";

    /// How many connections may wait to be accepted by a listener; a dialer ignores it.
    ///
    /// Unit: connections, each of which holds two file descriptors. Default: 128. Bounds: 1 to 65,535. When it is full,
    /// dials wait, and are refused in time by their [`connect_timeout`](Self::connect_timeout).
    backlog(connections: usize) = 128,
        count(COUNT), "connections that may wait to be accepted";

    /// How long one dial may take until the listener has taken it into its backlog. Beyond it the dial fails with
    /// `TimedOut`. A listener removes what dialers that died have left behind once it has been there for one to two
    /// times this long, but not sooner than after 100 ms.
    ///
    /// Default: 10 s. Bounds: 1 ms to 1 h.
    connect_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long one dial may take";
}
